"""What becomes of log lines: the stages of the shipped configurations, run by the code that Alloy's were taken from."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from backup_sentinel.relay.message import Delivery
from backup_sentinel.relay.rendering import view
from backup_sentinel.relay.rendering.samples import samples
from logs.lines import END, FORMATS, S3, SENTINEL, TIME, VELERO, ours
from logs.pipeline import VARIANTS, process

pytestmark = pytest.mark.e2e

B, R = "velero/shop-20261121030041", "velero/back"
CASES: dict[str, tuple[tuple[str, str, dict[str, str]], tuple[str, str], dict[str, str]]] = {
    "a backup completed": (
        ("info", END + "Finalizing", {"backup": B}),
        ("info", "P5"),
        {"status": "completed", "operation": "backup", "backup": B},
    ),
    "a backup without a last step completed": (
        ("info", END + "Completed", {"backup": B}),
        ("info", "P5"),
        {"status": "completed", "operation": "backup", "backup": B},
    ),
    "a backup of an older Velero completed": (
        ("info", "Backup completed", {"backup": B}),
        ("info", "P5"),
        {"status": "completed", "operation": "backup", "backup": B},
    ),
    "a backup failed in part": (
        ("info", END + "WaitingForPluginOperationsPartiallyFailed", {"backup": B}),
        ("warning", "P3"),
        {"status": "partially_failed", "operation": "backup", "backup": B},
    ),
    "a backup failed": (
        ("error", "backup failed", {"controller": "backup", "error": S3}),
        ("critical", "P1"),
        {"status": "failed", "operation": "backup", "error": S3},
    ),
    "a backup that failed in the end": (
        ("info", END + "Failed", {"backup": B}),
        ("critical", "P1"),
        {"status": "failed", "operation": "backup", "backup": B},
    ),
    "an error within a backup": (
        ("error", "Error backing up item", {"backup": B, "error": "volume is busy", "name": "db-0"}),
        ("error", "P2"),
        {"operation": "backup", "backup": B, "error": "volume is busy"},
    ),
    "a restore completed": (
        ("info", "Marking restore Completed", {"restore": R}),
        ("info", "P5"),
        {"status": "completed", "operation": "restore", "restore": R},
    ),
    "a restore failed in part": (
        ("info", "Marking restore PartiallyFailed", {"restore": R}),
        ("warning", "P3"),
        {"status": "partially_failed", "operation": "restore", "restore": R},
    ),
    "a restore, spelled as its controller does": (
        ("error", "Error uploading restore results to backup storage", {"Restore": R, "error": "timeout"}),
        ("error", "P2"),
        {"operation": "restore", "restore": R, "error": "timeout"},
    ),
    "a location is away": (
        (
            "error",
            "fail to validate backup store",
            {
                "controller": "backup-storage-location",
                "backup__storage__location": "velero/default",
                "error": S3,
            },
        ),
        ("error", "P2"),
        {"operation": "storage", "location": "velero/default", "error": S3},
    ),
    "a location is away, told of all": (
        ("error", "Current BackupStorageLocations available/unavailable/unknown: 0/1/0)", {}),
        ("error", "P2"),
        {"operation": "storage"},
    ),
    "another controller": (
        ("warning", "Backup cannot be garbage-collected", {"controller": "gc"}),
        ("warning", "P3"),
        {"operation": "gc"},
    ),
    "it says little": (("debug", "Checking", {}), ("debug", "P5"), {}),
    "it dies": (("fatal", "no server", {}), ("critical", "P1"), {}),
}
NO_PART_OF_A_LABEL = {"pod", "instance", "job", "backup", "restore", "error", "status", "operation"}


def only(variant: str, labels: dict[str, str], line: str) -> dict[str, Any]:
    [entry] = process(variant, [{"labels": labels, "line": line, "time": "2026-11-21T03:00:42Z"}])
    assert entry["line"] == line, "a line is kept as it was written"
    assert set(entry["labels"]) == {"app", "namespace", "container", "severity", "priority"}
    assert not set(entry["labels"]) & NO_PART_OF_A_LABEL
    return entry


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", CASES)
def test_a_line_of_velero(case: str, variant: str, form: str) -> None:
    (level, msg, fields), (severity, priority), metadata = CASES[case]
    entry = only(variant, VELERO, FORMATS[form](level, msg, **fields))
    assert (entry["labels"]["severity"], entry["labels"]["priority"]) == (severity, priority)
    assert entry["metadata"] == metadata | {"pod": VELERO["pod"]}
    assert entry["time"] == TIME, "the time is the one that Velero tells"


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "line", ["", "goroutine 1 [running]:", '{"level": "info", "msg":', "level=", "error", "no fields = here"]
)
def test_a_line_of_no_form_is_kept(line: str, variant: str) -> None:
    entry = only(variant, VELERO, line)
    assert entry["labels"]["severity"] == "info"
    assert entry["metadata"] == {"pod": VELERO["pod"]}
    assert entry["time"] == "2026-11-21T03:00:42Z"


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("line", ["panic: runtime error: index out of range", "fatal error: out of memory"])
def test_the_death_of_a_process_is_critical(line: str, variant: str) -> None:
    assert only(variant, VELERO, line)["labels"]["severity"] == "critical"


@pytest.mark.parametrize(
    ("level", "severity", "priority"),
    [
        (logging.DEBUG, "debug", "P5"),
        (logging.INFO, "info", "P5"),
        (logging.WARNING, "warning", "P3"),
        (logging.ERROR, "error", "P2"),
        (logging.CRITICAL, "critical", "P1"),
    ],
)
def test_a_line_of_ours(level: int, severity: str, priority: str) -> None:
    extra = {
        "cluster": "prod",
        "resource": "backups.velero.io",
        "reason": "unreachable",
        "object": "velero/x",
    }
    for variant in VARIANTS:
        entry = only(variant, SENTINEL, ours(level, "cannot read from cluster: refused", **extra))
        assert (entry["labels"]["severity"], entry["labels"]["priority"]) == (severity, priority)
        assert entry["metadata"] == {
            "pod": "backup-sentinel-0",
            "operation": "backups.velero.io",
            "backup": "velero/x",
            "error": "unreachable",
        }
        assert entry["time"].endswith("Z")
        assert not entry["time"].startswith("2026-11-21T03:00:42"), "the time is the one that the line tells"


@pytest.mark.parametrize("delivery", samples(), ids=lambda delivery: str(delivery.message.type))
def test_an_event_of_the_relay(delivery: Delivery) -> None:
    """The channel `log` writes the view of a delivery."""
    line = json.dumps(view(delivery), ensure_ascii=False, default=str)
    entry = only("full", SENTINEL, line)
    message = delivery.message
    known = {"critical": "P1", "error": "P2", "warning": "P3"}
    severity = message.severity if message.severity in known else "info"
    assert (entry["labels"]["severity"], entry["labels"]["priority"]) == (severity, known.get(severity, "P5"))
    assert entry["metadata"]["status"] == message.status.value
    assert entry["metadata"]["operation"] == message.type.value
    assert entry["metadata"].get("backup") == message.common_labels.get("schedule")
