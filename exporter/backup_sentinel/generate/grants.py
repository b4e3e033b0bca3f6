"""What exporter, relay and notify may do, as follows from a configuration. The chart's templates say the same of its values."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from backup_sentinel.config import Config
from backup_sentinel.export.archive.configmaps import names
from backup_sentinel.export.profile import Profile
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.notify.settings import RecordSettings
from backup_sentinel.relay.channels import ChannelSettings
from backup_sentinel.relay.enrichers import EnricherSettings
from backup_sentinel.rights import Right

from .rbac import Grant, Rule, grouped, rules


class Process(NamedTuple):
    """A process that is to run in a cluster."""

    config: Config
    profiles: Sequence[Profile]
    namespace: str
    """Where it runs."""
    namespaces: Sequence[str] = ()
    """Where it may read; without any, in the whole cluster."""


def exporter(process: Process) -> Iterator[Grant]:
    """Yield what the exporter needs: to read, to find clusters in Secrets, and to remember."""
    yield from _reading(process)
    state = process.config.state
    if state.backend in ("auto", "configmap"):
        place = state.namespace or process.namespace
        yield Grant(
            [_rule("configmaps", "create"), _rule("configmaps", "get", "patch", names=names(state.name))],
            [place],
            "-state",
        )
        # The uid of kube-system tells which cluster the state is about.
        identity = _rule("namespaces", "get", names=["kube-system"])
        yield Grant([identity], ["kube-system"] if process.namespaces else (), "-identity")


def relay(process: Process) -> Iterator[Grant]:
    """Yield what the relay's channels and enrichers ask of clusters."""
    asked = units(process)
    if asked:
        yield Grant(asked, process.namespaces)


def notify(process: Process) -> Iterator[Grant]:
    """Yield what notify needs: to read as the exporter does, what its channels ask, and its record."""
    yield from _reading(process)
    asked = units(process)
    if asked:
        yield Grant(asked, process.namespaces, "-channels")
    record = process.config.notify.record
    homes = [None, *(cluster.name for cluster in process.config.clusters if _is_home(cluster))]
    if record.backend != "file" and record.cluster in homes:
        yield Grant(_record(record), [record.namespace or process.namespace], "-sent")


PARTS: Mapping[str, Callable[[Process], Iterator[Grant]]] = {
    "exporter": exporter,
    "relay": relay,
    "notify": notify,
}
"""The commands that ask clusters."""


def units(process: Process) -> list[Rule]:
    """Return what channels and enrichers ask of clusters."""
    found: list[tuple[str, str, str]] = []
    settings = process.config.relay
    asking: tuple[ChannelSettings | EnricherSettings, ...] = (*settings.channels, *settings.enrichers)
    for unit in asking:
        if unit.reads_operators and not getattr(unit, "exporter", None):
            found += [
                (resource.type.group, resource.type.plural, verb)
                for profile in process.profiles
                for resource in profile.resources
                for verb in ("get", "list")
            ]
        for right in unit.rights:
            if not right.when or setting(unit, right.when.split(".")):
                found += _each(right)
    return grouped(found)


def setting(held: Any, path: Sequence[str]) -> bool:
    """Return whether a setting is on. `path` are the names that the configuration file has for it."""
    for name in path:
        names = dict(zip(held.__struct_encode_fields__, held.__struct_fields__, strict=True))
        held = getattr(held, names[name])
    return bool(held)


def _reading(process: Process) -> Iterator[Grant]:
    yield Grant(rules(process.profiles), process.namespaces)
    secrets = process.config.secrets
    if secrets.enabled:
        places = secrets.namespaces or (process.namespace,)
        yield Grant([_rule("secrets", "get", "list", "watch")], places, "-clusters")


def _is_home(cluster: ClusterSettings) -> bool:
    """Tell whether settings mean the cluster that the process runs in."""
    return cluster.in_cluster or not (cluster.kubeconfig or cluster.context or cluster.api_url)


def _record(record: RecordSettings) -> list[Rule]:
    return [
        _rule("configmaps", "create"),
        _rule("configmaps", "get", "patch", names=[record.name]),
        _rule("configmaps", "get", names=[record.import_from]),
    ]


def _each(right: Right) -> Iterator[tuple[str, str, str]]:
    for resource in right.resources:
        for verb in right.verbs:
            yield right.group, resource, verb


def _rule(resource: str, *verbs: str, names: Sequence[str] = ()) -> Rule:
    """Return a rule about a resource of the core group."""
    told = {"resourceNames": list(names)} if names else {}
    return {"apiGroups": [""], "resources": [resource], **told, "verbs": list(verbs)}
