"""What fires in the demo, by what the exporter says of a schedule."""

from __future__ import annotations

from typing import Any

import pytest

from backup_sentinel.demo.receivers import find_alerts
from backup_sentinel.export.overview import Overview, RunRow, ScheduleRow, State
from backup_sentinel.model import Outcome

NOW = 1_800_000_000.0
PLACE = {
    "cluster": "prod",
    "operator": "velero",
    "resource_namespace": "velero",
    "schedule": "shop",
    "action": "backup",
    "target": "",
}


def run(outcome: Outcome, **more: Any) -> RunRow:
    known = {"namespace": "velero", "name": "shop-1", "ended": NOW - 60, "reason": "credentials"}
    return RunRow(**{**PLACE, **known, "copied": False, "outcome": outcome, **more})


def firing(newest: RunRow | None, **more: Any) -> dict[str, dict[str, str]]:
    """Return the labels of what fires about one schedule, by the name of the alert."""
    known = {"paused": False, "failures_tolerated": 1, "consecutive_failures": 1, "running": 0}
    given = {**PLACE, "state": State.CRITICAL, "restorable": 0, **known, "newest": newest, **more}
    overview = Overview(
        time=NOW,
        version="",
        state=State.OK,
        total=1,
        offset=0,
        clusters=(),
        locations_unavailable=0,
        repositories_unready=0,
        schedules=(ScheduleRow(**given),),
    )
    return {alert.name: dict(alert.labels) for alert in find_alerts(overview).values()}


def test_a_failed_run_fires_with_the_labels_of_the_rules() -> None:
    [(name, labels)] = firing(run(Outcome.FAILED)).items()
    assert name == "KubeBackupFailed"
    assert {label: labels[label] for label in ("cluster", "operator", "schedule", "reason", "severity")} == {
        "cluster": "prod",
        "operator": "velero",
        "schedule": "shop",
        "reason": "credentials",
        "severity": "critical",
    }


@pytest.mark.parametrize(
    ("outcome", "more", "names"),
    [
        (Outcome.PARTIAL, {}, {"KubeBackupPartiallyFailed"}),
        (Outcome.FAILED, {"action": "restore"}, {"KubeBackupRestoreFailed"}),
        (Outcome.FAILED, {"failures_tolerated": 2}, set()),
        (Outcome.FAILED, {"failures_tolerated": 2, "consecutive_failures": 2}, {"KubeBackupFailed"}),
        (Outcome.FAILED, {"deadline": NOW - 1}, {"KubeBackupFailed", "KubeBackupOverdue"}),
        (Outcome.SUCCEEDED, {"deadline": NOW - 1}, {"KubeBackupOverdue"}),
        (Outcome.SUCCEEDED, {"deadline": NOW + 1}, set()),
        (Outcome.SUCCEEDED, {"deadline": NOW - 1, "paused": True}, set()),
        (Outcome.SUCCEEDED, {"deadline": NOW - 1, "running": 1}, set()),
        (Outcome.FAILED, {"state": State.OK}, set()),
    ],
)
def test_what_fires(outcome: Outcome, more: dict[str, Any], names: set[str]) -> None:
    assert firing(run(outcome), **more).keys() == names


def test_what_is_owed_fires_without_any_run() -> None:
    assert firing(None, deadline=NOW - 1).keys() == {"KubeBackupOverdue"}
    assert firing(None) == {}
