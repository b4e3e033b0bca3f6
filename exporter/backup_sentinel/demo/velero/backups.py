"""Backups, from the moment a schedule creates them to the request that deletes them."""

from backup_sentinel.demo.manifest import suffix_of, uid_of
from backup_sentinel.demo.scene import Manifest, Run, Site
from backup_sentinel.demo.storyfile import ScheduleSpec
from backup_sentinel.demo.times import go_duration, rfc3339, seconds_of

from .causes import ending_of
from .objects import make_object

FINISHED = ("Completed", "PartiallyFailed")
_WAITING = "WaitingForPluginOperations"
_QUEUE = frozenset({"", "New", "Queued", "ReadyToStart"})


def template(spec: ScheduleSpec) -> Manifest:
    """Return the part of a Backup's spec that its Schedule holds as a template."""
    return {
        "csiSnapshotTimeout": "10m0s",
        "defaultVolumesToFsBackup": any(volume.mover == "fs" for volume in spec.volumes),
        "hooks": {},
        "includedNamespaces": list(spec.namespaces),
        "itemOperationTimeout": "4h0m0s",
        "metadata": {},
        "snapshotMoveData": any(volume.mover == "csi" for volume in spec.volumes),
        "storageLocation": spec.location,
        "ttl": go_duration(seconds_of(spec.ttl)),
        **spec.options,
    }


def backup(run: Run, status: Manifest, now: float) -> Manifest:
    """Return the Backup of a run at its station; labels of the server come when it begins to work on it."""
    spec = template(run.spec)
    labels = dict(run.spec.labels) if run.schedule is not None else {}
    if run.schedule is not None:
        labels["velero.io/schedule-name"] = run.spec.name
    notes: dict[str, str] = {}
    if run.phase not in _QUEUE:
        major, minor, *_ = run.site.cluster.version.lstrip("v").split(".")
        labels["velero.io/storage-location"] = run.spec.location
        spec |= {
            "volumeSnapshotLocations": ["default"],
            "volumeGroupSnapshotLabelKey": "velero.io/volume-group",
        }
        notes = {
            "velero.io/resource-timeout": "10m0s",
            "velero.io/source-cluster-k8s-gitversion": run.site.cluster.version,
            "velero.io/source-cluster-k8s-major-version": major,
            "velero.io/source-cluster-k8s-minor-version": minor,
        }
    return make_object(
        run.site, "Backup", run.name, run.created, spec, status, now=now, labels=labels, notes=notes
    )


def backup_status(run: Run) -> Manifest:
    """Return the status, with the fields that Velero has written by then and no others; 0 is never written."""
    phase = run.phase
    if phase == "":
        return {}
    status: Manifest = {"phase": phase}
    if phase in _QUEUE:
        return status | ({"queuePosition": 1} if phase == "Queued" else {})
    status |= {"version": 1, "formatVersion": "1.1.0", "expiration": rfc3339(run.expires or run.created)}
    if phase == "FailedValidation":
        return status | {"validationErrors": [ending_of(run).text]}
    status["startTimestamp"] = rfc3339(run.started or run.created)
    failed = run.outcome == "failed" and not run.open
    if failed and ending_of(run).where == "init":
        return status | _completion(run) | {"failureReason": ending_of(run).text}
    status["progress"] = {"totalItems": run.items, "itemsBackedUp": _items_done(run)}
    status["hookStatus"] = {}
    if phase != "InProgress":
        status |= _operations(run)
    if failed:
        return status | _completion(run) | {"failureReason": ending_of(run).text}
    if phase in FINISHED:
        status |= _completion(run)
        counts = {"warnings": run.warnings, "errors": 0 if run.cause == "storage_missing" else run.errors}
        status |= {name: count for name, count in counts.items() if count}
        if run.outcome == "partial" and run.cause == "hook":
            status["hookStatus"] = {"hooksAttempted": 2, "hooksFailed": 1}
    return status


def synced(run: Run, site: Site, location: str, now: float) -> Manifest:
    """Return a Backup that another site found in a bucket: it is created when found and keeps its own times."""
    made = backup(run, backup_status(run), now)
    made["metadata"] |= {"namespace": site.namespace, "creationTimestamp": rfc3339(now)}
    made["metadata"]["uid"] = uid_of(site.cluster.name, site.namespace, "Backup", run.name)
    made["metadata"]["labels"]["velero.io/storage-location"] = location
    made["spec"]["storageLocation"] = location
    return made


def deleting(run: Run, now: float) -> Manifest:
    """Return the Backup while it is deleted; its outcome is lost, as in Velero."""
    return backup(run, backup_status(run) | {"phase": "Deleting"}, now)


def deletion(run: Run, status: Manifest, now: float) -> Manifest:
    """Return the request to delete a Backup."""
    name = f"{run.name}-{suffix_of(run.site.cluster.name, run.name, 'deletion')}"
    labels = {"velero.io/backup-name": run.name, "velero.io/backup-uid": backup_uid(run)}
    spec = {"backupName": run.name}
    return make_object(run.site, "DeleteBackupRequest", name, now, spec, status, now=now, labels=labels)


def backup_uid(run: Run) -> str:
    """Return the UID of the Backup of a run."""
    return uid_of(run.site.cluster.name, run.site.namespace, "Backup", run.name, rfc3339(run.created))


def _completion(run: Run) -> Manifest:
    lost = run.outcome == "partial" and run.cause == "storage_missing"
    if lost or (run.outcome == "failed" and not ending_of(run).completed):
        return {}
    return {"completionTimestamp": rfc3339(run.ended or run.created)}


def _items_done(run: Run) -> int:
    if run.outcome == "failed" and not run.open and ending_of(run).where == "restart":
        return int(run.items * 0.3)
    if run.phase != "InProgress" or run.works_from is None:
        return run.items
    return int(run.items * (run.station - run.works_from + 0.4) / run.stations.count("InProgress"))


def _operations(run: Run) -> Manifest:
    moved = [volume for volume in run.volumes if volume.mover == "csi"]
    failed = sum(volume.failed for volume in moved)
    waiting = run.phase.startswith(_WAITING)
    ended = 0 if waiting or run.phase == "Failed" else len(moved) - failed
    counts = {
        "csiVolumeSnapshotsAttempted": len(moved),
        "csiVolumeSnapshotsCompleted": max(0, ended - (run.outcome == "partial" and run.cause == "snapshot")),
        "backupItemOperationsAttempted": len(moved),
        "backupItemOperationsCompleted": ended,
        "backupItemOperationsFailed": 0 if run.open else failed,
    }
    return {name: count for name, count in counts.items() if count}
