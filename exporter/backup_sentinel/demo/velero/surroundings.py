"""What stands around the runs: storage locations and repositories of volume data."""

from backup_sentinel.demo.manifest import suffix_of
from backup_sentinel.demo.scene import Location, Manifest, Site
from backup_sentinel.demo.times import rfc3339

from .objects import make_object

_BEAT = 60.0
_MAINTENANCE = 3600.0


def location_object(site: Site, location: Location, now: float) -> Manifest:
    """Return the BackupStorageLocation: validated each minute, synced each minute while it is available."""
    spec: Manifest = {
        "accessMode": "ReadOnly" if location.spec.read_only else "ReadWrite",
        "config": {"region": "eu-central-1"},
        "objectStorage": {
            "bucket": location.spec.bucket,
            "prefix": location.spec.prefix or site.cluster.name,
        },
        "provider": "aws",
        **location.spec.options,
    }
    if location.spec.default:
        spec["default"] = True
    beat = max(site.created, now - now % _BEAT)
    status: Manifest = {
        "phase": "Available",
        "lastValidationTime": rfc3339(beat),
        "lastSyncedTime": rfc3339(beat),
    }
    if spec.get("validationFrequency") == "0s":
        status["lastValidationTime"] = rfc3339(site.created)
    if not location.available:
        text = location.message or "rpc error: code = Unknown desc = api error AccessDenied: Access Denied"
        status |= {"phase": "Unavailable", "lastSyncedTime": rfc3339(location.changed)}
        status["message"] = f'BackupStorageLocation "{location.spec.name}" is unavailable: {text}'
    return make_object(site, "BackupStorageLocation", location.spec.name, site.created, spec, status, now=now)


def repository_object(site: Site, namespace: str, location: str, now: float) -> Manifest:
    """Return the BackupRepository of one namespace's volumes in a location; it stays Ready while maintenance fails."""
    name = f"{namespace}-{location}-kopia-{suffix_of(site.cluster.name, namespace, location)}"
    last = max(site.created, now - now % _MAINTENANCE - 300)
    failure = str(site.notes.get("maintenance") or "")
    recent = []
    for back in (2, 1, 0):
        begun = max(site.created, last - back * _MAINTENANCE)
        entry = {
            "startTimestamp": rfc3339(begun),
            "completeTimestamp": rfc3339(begun + 30),
            "result": "Succeeded",
        }
        recent.append(entry | ({"result": "Failed", "message": failure} if failure and back == 0 else {}))
    done = max(site.created, last - _MAINTENANCE) if failure else last
    spec = {
        "backupStorageLocation": location,
        "maintenanceFrequency": "1h0m0s",
        "repositoryType": "kopia",
        "resticIdentifier": "",
        "volumeNamespace": namespace,
    }
    status = {"phase": "Ready", "lastMaintenanceTime": rfc3339(done), "recentMaintenance": recent}
    labels = {"velero.io/repository-type": "kopia", "velero.io/storage-location": location}
    labels["velero.io/volume-namespace"] = namespace
    return make_object(site, "BackupRepository", name, site.created, spec, status, now=now, labels=labels)
