"""Velero's resource types, and what all of its objects have in common."""

from backup_sentinel.demo.manifest import managed_by, uid_of
from backup_sentinel.demo.resources import ResourceType
from backup_sentinel.demo.scene import Manifest, Site
from backup_sentinel.demo.times import rfc3339

_V1, _V2 = ("velero.io", "v1"), ("velero.io", "v2alpha1")
TYPES = (
    ResourceType(*_V1, "backups", "Backup", short_names=("bak",)),
    ResourceType(*_V1, "restores", "Restore", short_names=("rst",)),
    ResourceType(*_V1, "schedules", "Schedule", short_names=("sched",)),
    ResourceType(*_V1, "backupstoragelocations", "BackupStorageLocation", short_names=("bsl",)),
    ResourceType(*_V1, "volumesnapshotlocations", "VolumeSnapshotLocation", short_names=("vsl",)),
    ResourceType(*_V1, "podvolumebackups", "PodVolumeBackup", short_names=("pvb",)),
    ResourceType(*_V1, "podvolumerestores", "PodVolumeRestore", short_names=("pvr",)),
    ResourceType(*_V1, "backuprepositories", "BackupRepository", short_names=("repo",)),
    ResourceType(*_V1, "deletebackuprequests", "DeleteBackupRequest", short_names=("dbr",)),
    ResourceType(*_V1, "downloadrequests", "DownloadRequest", short_names=("dreq",)),
    ResourceType(*_V1, "serverstatusrequests", "ServerStatusRequest", short_names=("ssr",)),
    ResourceType(*_V2, "datauploads", "DataUpload", short_names=("du",)),
    ResourceType(*_V2, "datadownloads", "DataDownload", short_names=("dd",)),
)
_BY_KIND = {kind.kind: kind for kind in TYPES}
_OF_NODES = frozenset({"PodVolumeBackup", "PodVolumeRestore", "DataUpload", "DataDownload"})


def make_object(
    site: Site,
    kind: str,
    name: str,
    created: float,
    spec: Manifest,
    status: Manifest | None,
    *,
    now: float,
    labels: dict[str, str] | None = None,
    notes: dict[str, str] | None = None,
) -> Manifest:
    """Return an object with its metadata; `status` None means that it has none at all, `notes` are annotations."""
    stamp = rfc3339(created)
    metadata: Manifest = {"name": name, "namespace": site.namespace, "creationTimestamp": stamp}
    metadata["uid"] = uid_of(site.cluster.name, site.namespace, kind, name, stamp)
    metadata |= ({"labels": dict(labels)} if labels else {}) | ({"annotations": dict(notes)} if notes else {})
    made = {"apiVersion": _BY_KIND[kind].api_version, "kind": kind, "metadata": metadata, "spec": spec}
    if status is not None:
        made["status"] = status
    manager = "node-agent-server" if kind in _OF_NODES else "velero-server"
    metadata["managedFields"] = [managed_by(manager, made, rfc3339(now), ("spec", "status"))]
    return made
