"""Traps of Velero's objects, one test each; the examples of the profile hold the plain cases."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.document import read_objects
from backup_sentinel.errors import ProblemReason
from backup_sentinel.export.profile import Profile, Reader
from backup_sentinel.export.profile.examples import FAR
from backup_sentinel.export.profile.explain import explain, find_resource
from backup_sentinel.model import (
    FINISHED,
    OPEN,
    FailureReason,
    Location,
    Outcome,
    Record,
    Run,
    Schedule,
    Volume,
)

Readers = Callable[[str], Reader]
CREATED = 1772413203.0  # 2026-03-02T01:00:03Z


def one(reader: Reader, *, status: Any = None, spec: Any = None, **metadata: Any) -> Record:
    value = {
        "metadata": {
            "name": "nightly-1",
            "namespace": "velero",
            "creationTimestamp": "2026-03-02T01:00:03Z",
            **metadata,
        },
        "spec": spec,
        "status": status,
    }
    reading = reader.item(json.dumps(value).encode()).value
    assert reading.problems == ()
    [record] = reading.records
    return record


def backup(reader: Readers, status: Any = None, **more: Any) -> Run:
    run = one(reader("backups"), status=status, **more)
    assert isinstance(run, Run)
    return run


def test_a_copy_from_the_bucket_is_dated_by_the_run_and_ordered_by_the_store(reader: Readers) -> None:
    """Its creation is the time of the copy; the record carries both, and says that it may be one."""
    run = backup(
        reader,
        {
            "phase": "Completed",
            "startTimestamp": "2026-01-02T01:00:00Z",
            "completionTimestamp": "2026-01-02T01:05:00Z",
        },
    )
    assert run.synced_copies
    assert run.created is not None
    assert run.ended is not None
    assert run.created > run.ended + 60


@pytest.mark.parametrize("phase", ["", None, "New", "Queued", "ReadyToStart", "FailedValidation", "Deleting"])
def test_phases_without_a_start(reader: Readers, phase: str | None) -> None:
    run = backup(reader, {"phase": phase})
    assert (run.started, run.ended, run.clock) == (None, None, CREATED)


def test_no_end_is_ever_made_up(reader: Readers) -> None:
    run = backup(reader, {"phase": "Failed", "startTimestamp": "2026-03-02T01:00:04Z"})
    assert (run.outcome, run.ended) == (Outcome.FAILED, None)


def test_the_clock_is_the_creation_whatever_the_run_says(reader: Readers) -> None:
    early = backup(reader, {"phase": "Completed", "startTimestamp": "2026-03-02T00:00:00Z"})
    assert early.clock == CREATED


def test_deleting_says_nothing_of_the_outcome(reader: Readers) -> None:
    run = backup(reader, {"phase": "Deleting", "errors": 3, "failureReason": "was a failure"})
    assert run.outcome is Outcome.DELETING
    assert run.outcome not in FINISHED | OPEN
    assert (run.errors, run.reason) == (None, None)


def test_running_is_neither_failed_nor_finished(reader: Readers) -> None:
    for phase in (
        "InProgress",
        "WaitingForPluginOperations",
        "WaitingForPluginOperationsPartiallyFailed",
        "Finalizing",
        "FinalizingPartiallyFailed",
    ):
        run = backup(reader, {"phase": phase}, spec={"itemOperationTimeout": "8h0m0s"})
        assert (run.outcome, run.timeout, run.reason) == (Outcome.RUNNING, 28_800.0, None)


def test_every_phase_of_the_crd_has_a_meaning(velero: Profile, reader: Readers) -> None:
    outcome = velero.resources[0].source.outcome
    assert outcome is not None
    assert len(outcome.map) == 13
    for phase in outcome.map:
        assert backup(reader, {"phase": phase}).outcome is not Outcome.UNKNOWN


def test_a_manual_run_of_a_schedule_counts_for_it(reader: Readers) -> None:
    assert backup(reader, labels={"velero.io/schedule-name": "nightly"}).key.schedule == "nightly"
    assert backup(reader, labels={"velero.io/storage-location": "main"}).key.schedule == ""


@pytest.mark.parametrize(
    ("status", "items", "errors"),
    [
        ({"phase": "Completed"}, None, 0),
        ({"phase": "Completed", "progress": None}, None, 0),
        ({"phase": "Completed", "progress": {}}, 0, 0),
        ({"phase": "Completed", "progress": {"itemsBackedUp": 3}, "errors": 2}, 3, 2),
        ({"phase": "InProgress"}, None, None),
    ],
)
def test_counts_that_are_left_out(
    reader: Readers, status: dict[str, Any], items: int | None, errors: int | None
) -> None:
    run = backup(reader, status)
    assert (run.items, run.errors) == (items, errors)


def test_null_everywhere(reader: Readers) -> None:
    nothing = {
        "phase": None,
        "progress": None,
        "hookStatus": None,
        "validationErrors": None,
        "startTimestamp": None,
    }
    run = backup(reader, nothing, spec=None, labels=None, annotations=None, ownerReferences=None)
    assert (run.outcome, run.message, run.timeout) == (Outcome.PENDING, None, 14_400.0)
    schedule = one(reader("schedules"), spec={"template": None}, status={"validationErrors": None})
    assert isinstance(schedule, Schedule)
    assert (schedule.crons, schedule.valid, schedule.location) == ((), None, None)


def test_zero_time_is_no_time(reader: Readers) -> None:
    run = backup(reader, {"phase": "InProgress", "startTimestamp": "0001-01-01T00:00:00Z", "expiration": ""})
    assert (run.started, run.expires) == (None, None)


def test_messages_hold_no_secret(reader: Readers) -> None:
    text = "GET https://acct.blob.core.example.org/c/x?sv=2022&sig=c2VjcmV0c2VjcmV0: 403 Forbidden AccountKey=abc=="
    run = backup(reader, {"phase": "Failed", "failureReason": text})
    location = one(reader("backupstoragelocations"), status={"phase": "Unavailable", "message": text})
    volume = one(reader("datauploads"), status={"phase": "Failed", "message": text})
    for record in (run, location, volume):
        assert isinstance(record, (Run, Location, Volume))
        assert record.message is not None
        assert "c2VjcmV0" not in record.message
        assert "abc==" not in record.message
    assert run.reason is FailureReason.PERMISSION


def test_a_paused_schedule_stays_enabled(reader: Readers) -> None:
    schedule = one(
        reader("schedules"), spec={"schedule": "@daily", "paused": True}, status={"phase": "Enabled"}
    )
    assert isinstance(schedule, Schedule)
    assert (schedule.paused, schedule.valid) == (True, True)


def test_fewer_bytes_than_there_are_is_no_failure(reader: Readers) -> None:
    for plural in ("datauploads", "podvolumebackups", "datadownloads", "podvolumerestores"):
        volume = one(
            reader(plural), status={"phase": "Completed", "progress": {"totalBytes": 10, "bytesDone": 4}}
        )
        assert isinstance(volume, Volume)
        assert (volume.outcome, volume.size, volume.transferred) == (Outcome.SUCCEEDED, 10, 4)
        cancelled = one(reader(plural), status={"phase": "Canceled"})
        assert isinstance(cancelled, Volume)
        assert cancelled.outcome is Outcome.CANCELLED


def test_a_later_phase_is_unknown_and_told(reader: Readers) -> None:
    raw = b'{"metadata":{"name":"a","namespace":"b"},"status":{"phase":"Paused"}}'
    for plural in (
        "backups",
        "restores",
        "datauploads",
        "schedules",
        "backupstoragelocations",
        "backuprepositories",
    ):
        reading = reader(plural).item(raw).value
        assert [p.reason for p in reading.problems] == [ProblemReason.UNKNOWN_PHASE], plural
        assert len(reading.records) == 1


def test_restores_are_ad_hoc(reader: Readers) -> None:
    run = one(
        reader("restores"),
        spec={"backupName": "b-1", "scheduleName": "nightly"},
        labels={"velero.io/schedule-name": "x"},
    )
    assert isinstance(run, Run)
    assert (run.key.schedule, run.key.action, run.of_run) == ("", "restore", "b-1")


SAMPLES = os.environ.get("BACKUP_SENTINEL_SAMPLES", "")


@pytest.mark.skipif(not SAMPLES, reason="BACKUP_SENTINEL_SAMPLES names no folder of objects")
def test_samples(velero: Profile) -> None:
    """Objects as other people found them: read without a problem, and the same both ways."""
    files = [path for path in sorted(Path(SAMPLES).rglob("*")) if path.suffix in {".yaml", ".yml", ".json"}]
    count = 0
    for path in files:
        for value in read_objects(path.read_text(), str(path)):
            found = find_resource([velero], value)
            if found is None:
                continue
            reader = velero.reader("c", found[1], lambda: FAR)
            raw = json.dumps(value).encode()
            item, (careful, _) = reader.item(raw), reader.read(raw, FAR)
            assert item.value == careful
            assert item.value.problems == (), path
            assert len(item.value.records) == 1
            assert explain(json.dumps(value), [velero])
            count += 1
    assert count
