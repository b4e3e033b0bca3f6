"""Which shelf keeps the record, as the settings or the surroundings say."""

import os
from collections.abc import Mapping
from pathlib import Path

from backup_sentinel.clock import Clock
from backup_sentinel.document import nearest
from backup_sentinel.export.archive.settings import ACCOUNT
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.settings import ClusterSettings

from .configmap import ConfigMapShelf
from .file import FileShelf
from .settings import RecordSettings
from .shelf import RecordError, Shelf


def open_shelf(settings: RecordSettings, clock: Clock, clusters: Mapping[str, ClusterSettings]) -> Shelf:
    """Return the shelf that the settings name. `clusters` are those that are watched, by name. Raises RecordError."""
    backend = settings.backend
    if backend == "auto":
        inside = "KUBERNETES_SERVICE_HOST" in os.environ and ACCOUNT.exists()
        backend = "configmap" if inside or settings.cluster is not None else "file"
    if backend == "file":
        return FileShelf(Path(settings.path) if settings.path else _file())
    access = Access(_home(settings.cluster, clusters), clock)
    return ConfigMapShelf(Client(access, clock), settings.namespace or _own_namespace(), settings, clock)


def _home(name: str | None, clusters: Mapping[str, ClusterSettings]) -> ClusterSettings:
    if name is None:
        return ClusterSettings(in_cluster=True)
    if name not in clusters:
        raise RecordError(f"notify.record.cluster: no cluster is called `{name}`; {nearest(name, clusters)}")
    return clusters[name]


def _file() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "backup-sentinel" / "sent.json"


def _own_namespace() -> str:
    try:
        return (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except OSError:
        return os.environ.get("POD_NAMESPACE", "default")
