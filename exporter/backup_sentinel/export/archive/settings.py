"""Where memory is kept."""

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from backup_sentinel.clock import Clock
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.settings import ClusterSettings

from .configmaps import ConfigMaps
from .folder import Folder
from .keeper import Archive

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class StateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What outlives the process: instants whose objects are gone, counters, schedules."""

    backend: Literal["auto", "configmap", "file", "off"] = "auto"
    """`auto` is `configmap` inside a cluster and `file` elsewhere. With `off`, counters start at 0 with the process."""
    path: str | None = None
    """Folder of the files; `$XDG_STATE_HOME/backup-sentinel` unless given."""
    namespace: str | None = None
    """Namespace of the ConfigMaps; the process's own unless given."""
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=200)] = (
        "backup-sentinel-state"
    )
    """Beginning of the names of the ConfigMaps. Two exporters that keep their state in one namespace need two."""
    interval_seconds: Annotated[float, msgspec.Meta(ge=1)] = 15.0
    """Shortest time between two writes."""


def open_archive(
    settings: StateSettings, clock: Clock, home: ClusterSettings | None = None
) -> Archive | None:
    """Return the archive that the settings name, None if there is none. `home` is the cluster of the ConfigMaps."""
    backend = settings.backend
    if backend == "auto":
        backend = "configmap" if "KUBERNETES_SERVICE_HOST" in os.environ and ACCOUNT.exists() else "file"
    if backend == "off":
        return None
    if backend == "file":
        return Folder(Path(settings.path) if settings.path else _folder())
    namespace = settings.namespace or _own_namespace()
    access = Access(home or ClusterSettings(in_cluster=True), clock)
    return ConfigMaps(Client(access, clock), namespace, settings.name, clock=clock)


def _folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "backup-sentinel"


def _own_namespace() -> str:
    try:
        return (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except OSError:
        return os.environ.get("POD_NAMESPACE", "default")
