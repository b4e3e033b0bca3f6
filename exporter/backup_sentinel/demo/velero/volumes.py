"""Volume data: PodVolumeBackups and -Restores (files, by the pod), DataUploads and -Downloads (snapshots, moved)."""

from typing import Any

from backup_sentinel.demo.manifest import suffix_of, uid_of
from backup_sentinel.demo.scene import Manifest, Run, Volume
from backup_sentinel.demo.times import rfc3339

from .backups import backup_uid
from .causes import VOLUME_FAILURES
from .objects import make_object
from .restores import restore_uid

# Phase and part done, by the number of stations since work began; the last one is where it ends.
_FILES = (("New", 0.0), ("InProgress", 0.5), ("Completed", 1.0))
_SNAPSHOTS = (
    ("Accepted", 0.0),
    ("Prepared", 0.0),
    ("InProgress", 0.4),
    ("InProgress", 0.85),
    ("Completed", 1.0),
)


def volume_objects(run: Run, now: float) -> list[Manifest]:
    """Return the objects of a run's volumes, none before it works."""
    if run.works_from is None or run.station < run.works_from or run.started is None:
        return []
    if run.action == "restore":
        return [_restored(run, volume, now) for volume in run.volumes]
    return [_file_backup(run, v, now) if v.mover == "fs" else _upload(run, v, now) for v in run.volumes]


def _status(run: Run, volume: Volume, now: float) -> Manifest:
    assert run.works_from is not None
    assert run.started is not None
    way = _FILES if volume.mover == "fs" else _SNAPSHOTS
    phase, done = way[min(run.station - run.works_from, len(way) - 1)]
    if phase != "Completed" and not run.open:
        phase = "Canceled"
    elif phase == "Completed" and volume.failed:
        phase, done = "Failed", 0.6
    status: Manifest = {"phase": phase}
    if phase == "New":
        return status
    if volume.started is None:
        volume.started = min(now, run.started + 4)
    status["acceptedTimestamp"] = rfc3339(min(volume.started, run.started + 1))
    if phase in {"Accepted", "Prepared"}:
        return status
    status["startTimestamp"] = rfc3339(volume.started)
    status |= {"node": _node(volume)} if volume.mover == "csi" else {}
    status["progress"] = {"totalBytes": volume.size, "bytesDone": int(volume.size * done)}
    if phase == "InProgress":
        return status
    if volume.ended is None:
        volume.ended = max(volume.started, run.started + 0.8 * (now - run.started))
    status["completionTimestamp"] = rfc3339(volume.ended)
    if phase == "Completed" and run.action == "restore":
        return status
    if phase == "Completed":
        return status | {
            "snapshotID": suffix_of(run.name, volume.name) * 4,
            "incrementalBytes": volume.incremental,
        }
    text = VOLUME_FAILURES.get(run.cause, VOLUME_FAILURES["data_mover"])
    return status | {"message": text if phase == "Failed" else "found a cancel request, the backup has ended"}


def _upload(run: Run, volume: Volume, now: float) -> Manifest:
    name = f"{run.name}-{suffix_of(run.site.cluster.name, run.name, volume.namespace, volume.name)}"
    labels = _labels(run, volume)
    labels["velero.io/async-operation-id"] = (
        f"du-{labels['velero.io/backup-uid']}.{labels['velero.io/pvc-uid'][:18]}"
    )
    spec: Manifest = {
        "backupStorageLocation": run.spec.location,
        "csiSnapshot": {
            "snapshotClass": "csi-block",
            "storageClass": "fast",
            "volumeSnapshot": f"velero-{volume.name}-{suffix_of(run.name, 'snapshot', volume.name)}",
        },
        "operationTimeout": "10m0s",
        "snapshotType": "CSI",
        "sourceNamespace": volume.namespace,
        "sourcePVC": volume.name,
    }
    return _made(run, "DataUpload", name, spec, _status(run, volume, now), labels, {}, now)


def _file_backup(run: Run, volume: Volume, now: float) -> Manifest:
    name = f"{run.name}-{suffix_of(run.site.cluster.name, run.name, volume.namespace, volume.name)}"
    pod = {"kind": "Pod", "namespace": volume.namespace, "name": f"{volume.name.removeprefix('data-')}-0"}
    status = _status(run, volume, now)
    spec: Manifest = {
        "backupStorageLocation": run.spec.location,
        "node": _node(volume),
        "pod": pod,
        "repoIdentifier": "",
        "tags": {"backup": run.name, "backup-uid": backup_uid(run), "ns": volume.namespace, "volume": "data"},
        "uploaderType": "kopia",
        "volume": "data",
    }
    notes = {"velero.io/pvc-name": volume.name}
    return _made(run, "PodVolumeBackup", name, spec, status, _labels(run, volume), notes, now)


def _restored(run: Run, volume: Volume, now: float) -> Manifest:
    name = f"{run.name}-{suffix_of(run.site.cluster.name, run.name, volume.namespace, volume.name)}"
    labels = {"velero.io/restore-name": run.name, "velero.io/restore-uid": restore_uid(run)}
    target = f"{volume.namespace}-restoretest"
    spec: Manifest = {
        "backupStorageLocation": run.spec.location,
        "snapshotID": suffix_of(run.of_run, volume.name) * 4,
        "sourceNamespace": volume.namespace,
    }
    if volume.mover == "fs":
        pod = {"kind": "Pod", "namespace": target, "name": f"{volume.name.removeprefix('data-')}-0"}
        spec |= {"pod": pod, "repoIdentifier": "", "uploaderType": "kopia", "volume": "data"}
        return _made(run, "PodVolumeRestore", name, spec, _status(run, volume, now), labels, {}, now)
    spec["operationTimeout"] = "10m0s"
    spec["targetVolume"] = {"namespace": target, "pv": "", "pvc": volume.name}
    return _made(run, "DataDownload", name, spec, _status(run, volume, now), labels, {}, now)


def _node(volume: Volume) -> str:
    return f"worker-{1 + len(volume.name) % 3}"


def _labels(run: Run, volume: Volume) -> dict[str, str]:
    claim = uid_of(volume.namespace, volume.name, "claim")
    return {
        "velero.io/backup-name": run.name,
        "velero.io/backup-uid": backup_uid(run),
        "velero.io/pvc-uid": claim,
    }


def _made(
    run: Run,
    kind: str,
    name: str,
    spec: Manifest,
    status: Manifest,
    labels: dict[str, str],
    notes: dict[str, str],
    now: float,
) -> Manifest:
    created = min(now, (run.started or run.created) + 1)
    made = make_object(run.site, kind, name, created, spec, status, now=now, labels=labels, notes=notes)
    owner: dict[str, Any] = {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "name": run.name,
        "controller": True,
    }
    owner["uid"] = backup_uid(run)
    if run.action == "restore":
        owner |= {"kind": "Restore", "uid": restore_uid(run)}
    made["metadata"] |= {"generateName": f"{run.name}-", "ownerReferences": [owner]}
    return made
