"""Restores: from a backup of a schedule, or of one that is not there."""

from backup_sentinel.demo.manifest import uid_of
from backup_sentinel.demo.scene import Manifest, Run
from backup_sentinel.demo.times import rfc3339

from .objects import make_object

_EXCLUDED = ("nodes", "events", "events.events.k8s.io", "backups.velero.io", "restores.velero.io")
_FAILURE = "error downloading backup: rpc error: code = Unknown desc = error getting object: context deadline exceeded"


def restore(run: Run, status: Manifest, now: float) -> Manifest:
    """Return the Restore of a run at its station."""
    spec: Manifest = {
        "backupName": run.of_run,
        "excludedResources": list(_EXCLUDED),
        "hooks": {},
        "includedNamespaces": ["*"],
        "itemOperationTimeout": "4h0m0s",
        "namespaceMapping": {name: f"{name}-restoretest" for name in run.spec.namespaces if name != "*"},
    }
    made = make_object(run.site, "Restore", run.name, run.created, spec, status, now=now)
    made["metadata"]["finalizers"] = ["restores.velero.io/external-resources-finalizer"]
    return made


def restore_status(run: Run) -> Manifest:
    """Return the status; a Restore that failed its validation has no times."""
    phase = run.phase
    if phase == "":
        return {}
    status: Manifest = {"phase": phase}
    if phase == "New":
        return status
    if phase == "FailedValidation":
        return status | {
            "validationErrors": [f'Error retrieving backup: backup.velero.io "{run.of_run}" not found']
        }
    status |= {"startTimestamp": rfc3339(run.started or run.created), "hookStatus": {}}
    done = run.items if not run.open or run.phase.startswith("Finalizing") else run.items // 2
    if phase != "Failed":
        status["progress"] = {"totalItems": run.items, "itemsRestored": done}
    if not run.open:
        status["completionTimestamp"] = rfc3339(run.ended or run.created)
        counts = {"warnings": run.warnings, "errors": run.errors if phase == "PartiallyFailed" else 0}
        status |= {name: count for name, count in counts.items() if count}
    return status | ({"failureReason": _FAILURE} if phase == "Failed" else {})


def restore_uid(run: Run) -> str:
    """Return the UID of the Restore of a run."""
    return uid_of(run.site.cluster.name, run.site.namespace, "Restore", run.name, rfc3339(run.created))
