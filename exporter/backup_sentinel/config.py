"""The one configuration file: its root keys, and how it is read. Without a file the defaults work inside a cluster."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from .document import Document
from .errors import DocumentError
from .export.archive import StateSettings
from .export.profile import load_profiles
from .export.settings import ExportSettings
from .fleet import Fleet, environment
from .kube.settings import ClusterSettings
from .notify.settings import NotifySettings
from .relay.channels.kubernetes_event import RunKind
from .relay.settings import RelaySettings


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the process logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines of this level and above are written."""
    format: Literal["json", "text"] = "json"
    """`json` is one object per line, `text` is for people."""


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the process answers HTTP."""

    listen: str = ":9950"
    """HOST:PORT; without a host all addresses, port 0 for any free one."""
    config_file: str | None = None
    """Web configuration file as every Prometheus exporter takes it: TLS, client certificates, users, headers."""


class SecretSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Clusters described by Secrets with the label `backup-sentinel.io/cluster=true`."""

    enabled: bool = False
    """Watch for such Secrets. Needs the right to read Secrets in the namespaces."""
    namespaces: tuple[str, ...] = ()
    """Where to look; the process's own namespace unless given."""


class ProfileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Profiles of operators beside those that are shipped."""

    folders: tuple[str, ...] = ()
    """Folders of profile files; read again when one of them changes."""
    inline: tuple[dict[str, Any], ...] = ()
    """Profiles written here, each as its file would be."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The root of the configuration."""

    log: LogSettings = LogSettings()
    web: WebSettings = WebSettings()
    clusters: tuple[ClusterSettings, ...] = (ClusterSettings(),)
    """Clusters to watch; without any, the one this process runs in or the kubeconfig's current one."""
    secrets: SecretSettings = SecretSettings()
    profiles: ProfileSettings = ProfileSettings()
    state: StateSettings = StateSettings()
    export: ExportSettings = ExportSettings()
    relay: RelaySettings = RelaySettings()
    notify: NotifySettings = NotifySettings()


def load(path: str | None) -> Config:
    """Read a configuration file; without a path, return the defaults.

    Raises DocumentError with file, line, column and a hint; also for a file that cannot be read. Raises SettingError for
    clusters in environment variables, where a channel or enricher of the relay wants them.
    """
    if path is None:
        return Config()
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"cannot be read: {error}", file=path) from error
    return parse(text, path)


def parse(text: str, file: str = "") -> Config:
    """Return the configuration a text holds. Raises DocumentError, and SettingError for clusters in the environment."""
    document = Document(text, file)
    if document.value is None:
        return Config()
    config = document.convert(Config)
    if not config.clusters:
        config = msgspec.structs.replace(config, clusters=Config().clusters)
    _check_clusters(document, config)
    _check_profiles(document, config)
    _check_channels(document, config)
    _check_enrichers(document, config)
    config = msgspec.structs.replace(config, relay=_with_clusters(config))
    for index, promise in enumerate(config.export.promises):
        for field, message in promise.flaws():
            raise document.error(
                message, ("export", "promises", index, field), hint="write for example 26h, 7d or 90m"
            )
    return config


def _check_channels(document: Document, config: Config) -> None:
    seen: dict[str, int] = {}
    for index, channel in enumerate(config.relay.channels):
        if channel.name in seen:
            raise document.error(
                f"the name `{channel.name}` is taken by channels[{seen[channel.name]}]",
                ("relay", "channels", index, "name"),
            )
        seen[channel.name] = index


def _with_clusters(config: Config) -> RelaySettings:
    """Return the relay's settings with clusters and kinds of runs, where a channel or enricher wants some and names none.

    Raises SettingError for clusters in environment variables.
    """

    def equip(settings: Any) -> Any:
        wanted: dict[str, Any] = {}
        if getattr(settings, "clusters", None) == ():
            fleet = Fleet(config.clusters, environment=environment.read())
            wanted["clusters"] = tuple(fleet.wanted.values())
        if getattr(settings, "kinds", None) == ():
            wanted["kinds"] = _run_kinds(config)
        return msgspec.structs.replace(settings, **wanted) if wanted else settings

    relay = config.relay
    return msgspec.structs.replace(
        relay,
        channels=tuple(map(equip, relay.channels)),
        enrichers=tuple(map(equip, relay.enrichers)),
    )


def _run_kinds(config: Config) -> tuple[RunKind, ...]:
    """Return what the profiles know of the objects of runs. Raises DocumentError."""
    profiles = load_profiles(config.profiles.folders, config.export.operators, inline=config.profiles.inline)
    return tuple(
        RunKind(
            operator=profile.operator,
            action=plan.action if isinstance(plan.action, str) else "",
            api_version="/".join(filter(None, (resource.type.group, version))),
            kind=resource.type.kind,
            plural=resource.type.plural,
        )
        for profile in profiles
        for resource in profile.resources
        for plan in resource.plans
        if plan.record.record == "run" and resource.type.namespaced
        for version in resource.type.versions
    )


def _check_enrichers(document: Document, config: Config) -> None:
    seen: dict[str, int] = {}
    longest = config.relay.enrichment.longest_seconds
    for index, enricher in enumerate(config.relay.enrichers):
        kind = enricher.kind
        place = ("relay", "enrichers", index)
        if kind in seen:
            raise document.error(f"there is a {kind} already, enrichers[{seen[kind]}]", (*place, "type"))
        if enricher.settle_seconds >= longest:
            raise document.error(
                f"`{kind}` would never be asked: no message waits longer than {longest:g} s",
                (*place, "settle_seconds"),
                hint="raise `relay.enrichment.longest_seconds`",
            )
        seen[kind] = index


def _check_profiles(document: Document, config: Config) -> None:
    """Compile the profiles that are written in the configuration, so that errors point to their lines in it."""
    if config.profiles.inline:
        parts = [
            document.part(("profiles", "inline", number)) for number in range(len(config.profiles.inline))
        ]
        load_profiles(config.profiles.folders, inline=parts)


def _check_clusters(document: Document, config: Config) -> None:
    seen: dict[str, int] = {}
    for index, cluster in enumerate(config.clusters):
        place: tuple[Any, ...] = ("clusters", index)
        if not cluster.name and len(config.clusters) > 1:
            raise document.error(
                "a cluster needs a name where there are several",
                place,
                hint="give each entry a `name`: it becomes the label `cluster` of its metrics",
            )
        if cluster.name in seen:
            raise document.error(
                f"the name `{cluster.name}` is taken by clusters[{seen[cluster.name]}]", (*place, "name")
            )
        seen[cluster.name] = index
    known = ", ".join(sorted(filter(None, seen)))
    if config.secrets.enabled:  # their clusters are not known yet
        return
    for tester, tested in config.export.restore_tests.items():
        for name in (tester, tested):
            if name not in seen:
                raise document.error(
                    f"no cluster is called `{name}`",
                    ("export", "restore_tests", tester),
                    key=name == tester,
                    hint=f"known are {known}" if known else "give the entries of `clusters` names",
                )
