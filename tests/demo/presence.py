"""What must be true of all objects of a story; `check` raises AssertionError with the object's name.

Nothing is told of the future, and Velero's objects have the fields that belong to their phase.
"""

import re
from typing import Any

from backup_sentinel.demo.cluster import SimulatedCluster
from backup_sentinel.demo.times import instant

QUEUED = {"", "New", "Queued", "ReadyToStart"}
RUNNING = {
    *("InProgress", "Finalizing", "FinalizingPartiallyFailed"),
    *("WaitingForPluginOperations", "WaitingForPluginOperationsPartiallyFailed"),
}
TERMINAL = {"Completed", "PartiallyFailed", "Failed", "FailedValidation"}
VOLUME_PHASES = {"New", "Accepted", "Prepared", "InProgress", "Canceling", "Canceled", "Completed", "Failed"}


PROMISED = {"expiration", "expiresAt", "nextScheduleTime", "nextSyncTime"}
"""Fields that tell of the future."""


def instants(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [found for name, part in value.items() if name not in PROMISED for found in instants(part)]
    if isinstance(value, list):
        return [found for part in value for found in instants(part)]
    is_time = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value)
    return [instant(value)] if is_time else []


def check(cluster: SimulatedCluster, now: float) -> None:
    for kind in cluster.types:
        for found in cluster.objects(kind):
            assert max(instants(found), default=0.0) <= now, found["metadata"]["name"]
    if any(kind.group == "velero.io" for kind in cluster.types):
        check_velero(cluster)


def check_velero(cluster: SimulatedCluster) -> None:
    for found in cluster.objects("backups.velero.io"):
        check_backup(found)
    for found in cluster.objects("restores.velero.io"):
        check_run(found, found["status"])
    for found in cluster.objects("datauploads.velero.io") + cluster.objects("podvolumebackups.velero.io"):
        check_volume(cluster, found)
    for found in cluster.objects("datadownloads.velero.io") + cluster.objects("podvolumerestores.velero.io"):
        assert found["status"]["phase"] in VOLUME_PHASES
        owner = found["metadata"]["ownerReferences"][0]
        run = cluster.get("restores.velero.io", found["metadata"]["namespace"], owner["name"])
        assert run is not None
        assert run["metadata"]["uid"] == owner["uid"]
    for found in cluster.objects("schedules.velero.io"):
        assert found["status"]["phase"] in {"Enabled", "FailedValidation"}


def check_backup(found: dict[str, Any]) -> None:
    name, status, labels = found["metadata"]["name"], found["status"], found["metadata"].get("labels", {})
    phase = status.get("phase", "")
    if "velero.io/schedule-name" in labels:
        assert re.fullmatch(re.escape(labels["velero.io/schedule-name"]) + r"-\d{14}", name)
    assert ("velero.io/storage-location" in labels) == (phase not in QUEUED), name
    assert ("expiration" in status) == (phase not in QUEUED), name
    assert ("queuePosition" in status) == (phase == "Queued"), name
    assert all(status[count] for count in ("errors", "warnings") if count in status), name
    if phase == "Deleting":
        return
    if phase == "PartiallyFailed":
        assert "errors" in status or "completionTimestamp" not in status, name
    check_run(found, status)


def check_run(found: dict[str, Any], status: dict[str, Any]) -> None:
    name, phase = found["metadata"]["name"], status.get("phase", "")
    assert phase in QUEUED | RUNNING | TERMINAL, name
    assert ("startTimestamp" in status) == (phase in RUNNING | TERMINAL - {"FailedValidation"}), name
    assert ("validationErrors" in status) == (phase == "FailedValidation"), name
    assert ("failureReason" in status) == (phase == "Failed"), name
    if phase == "Completed":
        assert "completionTimestamp" in status, name
    if phase in QUEUED | RUNNING | {"FailedValidation"}:
        assert "completionTimestamp" not in status, name
    synced = instants(found["metadata"]["creationTimestamp"]) > instants(status.get("completionTimestamp"))
    if "startTimestamp" in status and not (synced and "completionTimestamp" in status):
        assert instant(found["metadata"]["creationTimestamp"]) <= instant(status["startTimestamp"]), name
    if "completionTimestamp" in status:
        assert status["startTimestamp"] <= status["completionTimestamp"], name


def check_volume(cluster: SimulatedCluster, found: dict[str, Any]) -> None:
    name, status, owner = found["metadata"]["name"], found["status"], found["metadata"]["ownerReferences"][0]
    phase = status["phase"]
    assert phase in VOLUME_PHASES, name
    run = cluster.get("backups.velero.io", found["metadata"]["namespace"], owner["name"])
    assert run is not None, name
    assert run["metadata"]["uid"] == owner["uid"] == found["metadata"]["labels"]["velero.io/backup-uid"], name
    assert ("completionTimestamp" in status) == (phase in {"Completed", "Failed", "Canceled"}), name
    assert ("message" in status) == (phase in {"Failed", "Canceled"}), name
    if "completionTimestamp" in status:
        assert status["acceptedTimestamp"] <= status["startTimestamp"] <= status["completionTimestamp"], name
    if phase == "Completed":
        assert status["progress"]["bytesDone"] == status["progress"]["totalBytes"] > 0, name
