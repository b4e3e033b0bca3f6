"""What mutes what, asked of a real Alertmanager that has the shipped inhibitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from support.alertmanager import Alertmanager, alert, read

S = {
    "operator": "velero",
    "resource_namespace": "velero",
    "schedule": "shop",
    "action": "backup",
    "location": "default",
}
LOCATION = {"operator": "velero", "resource_namespace": "velero", "location": "default"}
BACKUPS = {"operator": "velero", "resource": "backups.velero.io"}
SEVERITIES = {
    **dict.fromkeys(
        ("BackupSentinelStateStale", "KubeBackupPartiallyFailed", "KubeBackupRunMissed"), "warning"
    ),
    **dict.fromkeys(("KubeBackupStalled", "KubeBackupSizeFell", "KubeBackupSchedulePaused"), "warning"),
    "KubeBackupFinishedWithWarnings": "info",
    "BackupSentinelBlind": "none",
}


class Case(NamedTuple):
    source: str
    source_labels: dict[str, str]
    target: str
    target_labels: dict[str, str]
    muted: bool


def same(source: str, source_labels: dict[str, str], *targets: str, muted: bool = True) -> list[Case]:
    return [Case(source, source_labels, target, S, muted) for target in targets]


CASES = [
    # A blind cluster mutes all that is said about its backups.
    *same("BackupSentinelBlind", {}, "KubeBackupOverdue", "KubeBackupFailed", "KubeBackupPartiallyFailed"),
    Case("BackupSentinelBlind", {}, "BackupSentinelStateStale", BACKUPS, True),
    Case("BackupSentinelBlind", {}, "KubeBackupLocationUnavailable", LOCATION, True),
    Case("BackupSentinelBlind", {}, "BackupSentinelClusterUnreachable", {}, False),
    # An exporter that is gone is one page.
    Case("BackupSentinelAbsent", {}, "BackupSentinelClusterUnreachable", {}, True),
    *same("BackupSentinelAbsent", {}, "KubeBackupFailed", "KubeBackupOverdue", muted=False),
    # State that is stale mutes what time alone brings about, of the same operator.
    *same("BackupSentinelStateStale", BACKUPS, "KubeBackupOverdue", "KubeBackupNeverSucceeded"),
    *same("BackupSentinelStateStale", BACKUPS, "KubeBackupRunMissed", "KubeBackupStalled"),
    *same("BackupSentinelStateStale", BACKUPS, "KubeBackupFailed", "KubeBackupSizeFell", muted=False),
    *same("BackupSentinelStateStale", BACKUPS | {"operator": "k8up"}, "KubeBackupOverdue", muted=False),
    *same(
        "BackupSentinelStateStale",
        BACKUPS | {"resource": "restores.velero.io"},
        "KubeBackupOverdue",
        muted=False,
    ),
    # A location mutes what its schedules cannot do.
    *same("KubeBackupLocationUnavailable", LOCATION, "KubeBackupFailed", "KubeBackupOverdue"),
    *same("KubeBackupLocationUnavailable", LOCATION, "KubeBackupPartiallyFailed"),
    *same("KubeBackupLocationUnavailable", LOCATION, "KubeBackupSchedulePaused", muted=False),
    *same("KubeBackupLocationUnavailable", LOCATION | {"location": "cold"}, "KubeBackupFailed", muted=False),
    *same(
        "KubeBackupLocationUnavailable",
        LOCATION | {"resource_namespace": "tenants"},
        "KubeBackupFailed",
        muted=False,
    ),
    # Of one schedule the critical alert is enough.
    *same("KubeBackupFailed", S, "KubeBackupPartiallyFailed", "KubeBackupRunMissed"),
    *same("KubeBackupOverdue", S, "KubeBackupRunMissed", "KubeBackupFinishedWithWarnings"),
    *same("KubeBackupFailed", S, "KubeBackupOverdue", muted=False),
    *same("KubeBackupFailed", S | {"schedule": "wiki"}, "KubeBackupRunMissed", muted=False),
    *same("KubeBackupFailed", S | {"target": "pvc-1"}, "KubeBackupRunMissed", muted=False),
    *same("KubeBackupFailed", S | {"action": "export"}, "KubeBackupRunMissed", muted=False),
]


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    config = {
        "route": {"receiver": "nobody"},
        "receivers": [{"name": "nobody"}],
        "inhibit_rules": read()["inhibit_rules"],
    }
    with Alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as alertmanager:
        yield alertmanager


def state(alertmanager: Alertmanager, case: Case, source: dict[str, str], target: dict[str, str]) -> str:
    """Return the state of the target: active or suppressed. A label of the test keeps both apart from other cases."""
    posted = [
        alert(name, SEVERITIES.get(name, "critical"), **labels)
        for name, labels in (
            (case.source, case.source_labels | source),
            (case.target, case.target_labels | target),
        )
    ]
    alertmanager.post(posted)

    def known() -> str | None:
        states: list[str] = []
        for one in posted:
            found = [
                kept["status"]["state"]
                for kept in alertmanager.alerts()
                if kept["labels"] == one["labels"] and kept["status"]["state"] != "unprocessed"
            ]
            if not found:
                return None
            states += found
        return states[-1]

    found: str = alertmanager.wait_until(known, "both alerts are known")
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.source}-{case.target}")
def test_what_is_muted_and_what_is_not(
    alertmanager: Alertmanager, case: Case, request: pytest.FixtureRequest
) -> None:
    here = {"cluster": request.node.name}
    found = state(alertmanager, case, here, here)
    if case.muted:  # The source may be taken in a moment after the target.
        alertmanager.wait_until(
            lambda: state(alertmanager, case, here, here) == "suppressed", "the target is muted"
        )
    else:
        assert found == "active"


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.muted], ids=lambda case: f"{case.source}-{case.target}"
)
def test_nothing_is_muted_over_clusters_or_without_one(
    alertmanager: Alertmanager, case: Case, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    assert state(alertmanager, case, {"cluster": name}, {"cluster": f"{name} too"}) == "active"
    assert state(alertmanager, case, {"test": name}, {"test": name}) == "active"
