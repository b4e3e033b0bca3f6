"""What the shared expressions say of series that are made for it: replicas, new pods, young series, lost memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel.generate.dashboards import promises, promql
from dashboards.reading import EVERYTHING
from rules.promtools import check, find, oldest_promtool

Series = dict[str, str]

STEP = 30
"""Minutes between two samples."""
HOURS = 48
RUNS = 'kube_backup_runs_total{schedule="a",action="backup",outcome="succeeded"'


def filled(expression: str) -> str:
    """Return an expression with all of everything chosen."""
    for name in ("cluster", "operator", "namespace", "schedule"):
        expression = expression.replace(f"${name}", ".*")
    for name, value in EVERYTHING.items():
        expression = expression.replace(f"${name}", value)
    return expression


def samples(*pieces: tuple[str, float]) -> str:
    """Return the values of a series: each value, or "_" for none, for some hours."""
    return " ".join(f"{value}x{int(hours * 60 / STEP) - 1}" for value, hours in pieces)


def judge(
    promtools: list[Path],
    folder: Path,
    series: Series,
    expression: str,
    expected: dict[str, float],
    at: str = "47h",
) -> None:
    """Assert the labels and values that an expression has over series."""
    group: dict[str, Any] = {
        "interval": f"{STEP}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": filled(expression),
                "eval_time": at,
                "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
            }
        ],
    }
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "30m", "tests": [group]}))
    for promtool in promtools:
        check(promtool, [path])


@pytest.fixture(scope="module")
def promtools() -> list[Path]:
    return [find("promtool"), oldest_promtool()]


PAUSED = 'kube_backup_schedule_paused{schedule="a",action="backup"'
AVAILABLE = 'kube_backup_location_available{location="s3"'


def test_a_schedule_with_targets_is_known_by_these_alone(promtools: list[Path], tmp_path: Path) -> None:
    series = {
        PAUSED + ',location="s3"}': samples(("0", HOURS)),
        PAUSED + ',location="s3",target="one"}': samples(("0", HOURS)),
        PAUSED + ',location="s3",target="two"}': samples(("1", HOURS)),
        PAUSED.replace('"a"', '"b"') + "}": samples(("0", HOURS)),
    }
    a = '{action="backup",location="s3",schedule="a",target="%s"}'
    expected = {a % "one": 0.0, a % "two": 1.0, '{action="backup",schedule="b"}': 0.0}
    judge(promtools, tmp_path, series, promql.known(), expected)


@pytest.mark.parametrize(("available", "health"), [("1", 0.0), ("0", 3.0)])
def test_a_location_that_cannot_be_used_is_as_bad_as_its_alert(
    promtools: list[Path], tmp_path: Path, available: str, health: float
) -> None:
    up = "backup_sentinel_cluster_up"
    series = {
        PAUSED + ',cluster="c"}': samples(("0", HOURS)),
        AVAILABLE + ',cluster="c"}': samples((available, HOURS)),
        up + '{cluster="c"}': samples(("1", HOURS)),
    }
    judge(promtools, tmp_path, series, promql.cluster_health(), {'{cluster="c"}': health})


def test_a_schedule_that_never_succeeded_is_counted_once_it_should_have(
    promtools: list[Path], tmp_path: Path
) -> None:
    deadline = "kube_backup_schedule_deadline_timestamp_seconds"
    labels = 'schedule="%s",action="backup"'
    series = {
        # The clock of the test begins at 0, and 47 hours are 169200 seconds.
        f"{deadline}{{{labels % 'late'}}}": samples(("169140", HOURS)),
        f"{deadline}{{{labels % 'early'}}}": samples(("999999", HOURS)),
        f"{deadline}{{{labels % 'fine'}}}": samples(("169140", HOURS)),
        f"kube_backup_last_recovery_point_timestamp_seconds{{{labels % 'fine'}}}": samples(("1", HOURS)),
        f"kube_backup_schedule_created_timestamp_seconds{{{labels % 'whole'}}}": samples(("1", HOURS)),
    }
    judge(promtools, tmp_path, series, promises.never(), {'{action="backup",schedule="late"}': 60.0})


GROWTH: dict[str, tuple[Series, float]] = {
    "one exporter": ({RUNS + ',instance="1"}': samples(("100", 30), ("107", 18))}, 7),
    "two replicas": (
        {
            RUNS + ',instance="1"}': samples(("100", 30), ("107", 18)),
            RUNS + ',instance="2"}': samples(("100", 30), ("107", 18)),
        },
        7,
    ),
    "a new pod": (
        {
            RUNS + ',pod="old"}': samples(("100", 28), ("103", 2), ("_", 18)),
            RUNS + ',pod="new"}': samples(("_", 30), ("103", 8), ("109", 10)),
        },
        9,
    ),
    "a young series": ({RUNS + "}": samples(("_", 40), ("0", 4), ("5", 4))}, 5),
    "a young series in a new pod": (
        {
            RUNS + ',pod="old"}': samples(("_", 40), ("0", 1), ("3", 2), ("_", 5)),
            RUNS + ',pod="new"}': samples(("_", 43), ("3", 1), ("5", 4)),
        },
        5,
    ),
    "lost memory": ({RUNS + "}": samples(("100", 30), ("0", 8), ("2", 10))}, 2),
    "nothing happened": ({RUNS + "}": samples(("100", 48))}, 0),
    "an exporter that was away a day ago": ({RUNS + "}": samples(("100", 20), ("_", 6), ("104", 22))}, 4),
}


@pytest.mark.parametrize("case", GROWTH)
def test_runs_of_a_day(case: str, promtools: list[Path], tmp_path: Path) -> None:
    series, grown = GROWTH[case]
    expression = promql.increase('outcome="succeeded"', "24h")
    judge(promtools, tmp_path, series, expression, {RUNS.partition("total")[2] + "}": grown})


def test_a_rate_needs_ten_runs(promtools: list[Path], tmp_path: Path) -> None:
    failed = RUNS.replace("succeeded", "failed")
    expression = promql.success_ratio(f"operator, {promql.STREAM}", "24h")
    few = {RUNS + "}": samples(("0", 30), ("8", 18)), failed + "}": samples(("0", 30), ("1", 18))}
    judge(promtools, tmp_path, few, expression, {})
    enough = {**few, failed + "}": samples(("0", 30), ("2", 18))}
    judge(promtools, tmp_path, enough, expression, {"{}": 0.8})


def schedule(**values: str) -> Series:
    """Return the series of a schedule that is well at 47 h, changed by name; "" leaves one out."""
    known = {
        "schedule_paused": "0",
        "schedule_valid": "1",
        "schedule_failures_tolerated": "1",
        "consecutive_failures": "0",
        "schedule_deadline_timestamp_seconds": "200000",
        "schedule_next_due_timestamp_seconds": "190000",
        "schedule_start_grace_seconds": "900",
        "last_success_timestamp_seconds": "150000",
        "last_recovery_point_timestamp_seconds": "150000",
    } | values
    labels = '{schedule="a",action="backup"}'
    return {f"kube_backup_{name}{labels}": samples((value, HOURS)) for name, value in known.items() if value}


FAILED = {"last_failure_timestamp_seconds": "160000", "consecutive_failures": "1"}
HEALTH: dict[str, tuple[dict[str, str], int]] = {
    "well": ({}, 0),
    "failed": (FAILED, 3),
    "failed, never succeeded": ({**FAILED, "last_success_timestamp_seconds": ""}, 3),
    "failed once of two that are tolerated": ({**FAILED, "schedule_failures_tolerated": "2"}, 0),
    "failed, then succeeded": ({**FAILED, "last_success_timestamp_seconds": "165000"}, 0),
    "failed, then failed in part": ({**FAILED, "last_partial_timestamp_seconds": "165000"}, 2),
    "failed in part": ({"last_partial_timestamp_seconds": "160000"}, 2),
    "late": ({"schedule_deadline_timestamp_seconds": "160000"}, 3),
    "late, with a run within its time": (
        {"schedule_deadline_timestamp_seconds": "160000", "running_deadline_timestamp_seconds": "200000"},
        0,
    ),
    "late, with a run beyond its time": (
        {"schedule_deadline_timestamp_seconds": "160000", "running_deadline_timestamp_seconds": "165000"},
        3,
    ),
    "late, with a run that began when it was late already": (
        {
            "schedule_deadline_timestamp_seconds": "160000",
            "running_since_timestamp_seconds": "161000",
            "running_deadline_timestamp_seconds": "200000",
        },
        3,
    ),
    "late, with a run that began in time": (
        {
            "schedule_deadline_timestamp_seconds": "160000",
            "running_since_timestamp_seconds": "160800",
            "running_deadline_timestamp_seconds": "200000",
        },
        0,
    ),
    "missed": ({"schedule_next_due_timestamp_seconds": "160000"}, 2),
    "paused": ({"schedule_paused": "1", "schedule_deadline_timestamp_seconds": "160000"}, 1),
    "refused": ({"schedule_valid": "0"}, 3),
}


@pytest.mark.parametrize("case", HEALTH)
def test_health_says_what_alerts_say(case: str, promtools: list[Path], tmp_path: Path) -> None:
    values, health = HEALTH[case]
    expected: dict[str, float] = {'{schedule="a",action="backup"}': health}
    judge(promtools, tmp_path, schedule(**values), promql.health(), expected)


def test_a_cluster_is_as_well_as_its_worst_schedule(promtools: list[Path], tmp_path: Path) -> None:
    for paused, value in (("0", 3), ("1", 0)):
        series = schedule(schedule_paused=paused, schedule_deadline_timestamp_seconds="160000")
        series["backup_sentinel_cluster_up"] = samples(("1", HOURS))
        judge(promtools, tmp_path, series, promql.cluster_health(), {"{}": value})


def test_a_cluster_that_does_not_answer_is_not_seen(promtools: list[Path], tmp_path: Path) -> None:
    series = schedule() | {"backup_sentinel_cluster_up": samples(("1", 40), ("0", 8))}
    judge(promtools, tmp_path, series, promql.cluster_health(), {"{}": 4})


def test_another_label_for_clusters_keeps_them_apart(promtools: list[Path], tmp_path: Path) -> None:
    ours, theirs = schedule(), schedule(**FAILED)
    series = {name.replace("}", ',site="x"}'): values for name, values in ours.items()}
    series |= {name.replace("}", ',site="y"}'): values for name, values in theirs.items()}
    series |= {f'backup_sentinel_cluster_up{{site="{site}"}}': samples(("1", HOURS)) for site in "xy"}
    judge(promtools, tmp_path, series, promql.cluster_health(), {'{site="x"}': 0, '{site="y"}': 3})
