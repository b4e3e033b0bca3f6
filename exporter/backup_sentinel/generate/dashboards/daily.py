"""Daily backup overview: what somebody looks at in the morning."""

from .board import Board, choices, sources, status_page
from .fields import BLUE, GREEN, OUTCOMES, Column, runbook, steps
from .grid import Panel, Row
from .panels import graph, series, stat, table
from .promql import (
    BACKUPS,
    CLUSTER,
    DAY,
    SOME_OUTCOMES,
    increase,
    kept,
    late,
    newest,
    success_ratio,
)
from .shapes import (
    BAD,
    BELOW_CLUSTER,
    LABELS,
    RATE,
    WARNING,
    clusters,
    count,
    finished,
    log_lines,
    schedules,
    trouble,
    without_recent,
)


def board() -> Board:
    """Return the dashboard."""
    return Board(
        file="grafana-daily-backup-overview.json",
        uid="velero-daily-overview",
        title="Daily backup overview",
        description="Did last night's backups work, all of them, and if not, why? Numbers are of the last 24 hours.",
        variables=[*sources(loki=True), *choices(), status_page()],
        rows=[
            Row("The last 24 hours", _numbers()),
            Row("What needs a look", [trouble()]),
            Row("Clusters", [clusters()]),
            Row("Hour by hour", [_timeline()]),
            Row("Schedules", [schedules(), _successes()]),
            Row("Logs (needs Loki)", _logs(), closed=True),
        ],
    )


def _numbers() -> list[Panel]:
    rate = success_ratio(f"cluster, {BELOW_CLUSTER}", "24h", BACKUPS)
    return [
        stat(
            "Success rate",
            "Share of the finished backups that succeeded completely, in the last 24 hours. Told from ten runs on: "
            "below that a rate says nothing.",
            rate,
            unit="percentunit",
            thresholds=RATE,
            none="fewer than 10 runs",
            decimals=1,
            links=[runbook("KubeBackupSuccessRateLow")],
        ),
        stat(
            "Failed",
            "Backups that failed in the last 24 hours, also those that succeeded when they were tried again.",
            finished("failed"),
            thresholds=BAD,
            none="no counts yet",
            decimals=0,
            links=[runbook("KubeBackupFailed")],
        ),
        stat(
            "Failed in part",
            "Backups of the last 24 hours that lack something.",
            finished("partial"),
            thresholds=WARNING,
            none="no counts yet",
            decimals=0,
            links=[runbook("KubeBackupPartiallyFailed")],
        ),
        stat(
            "Succeeded",
            "Backups that succeeded completely in the last 24 hours.",
            finished("succeeded"),
            thresholds=steps(BLUE, (1, GREEN)),
            none="no counts yet",
            decimals=0,
        ),
        stat(
            "Late now",
            "Schedules that owe a newer recovery point now, by their own expression or by the age that was promised. "
            "Paused ones, and those with a run that began in time, do not count.",
            count(late()),
            thresholds=BAD,
            none="no schedules",
            decimals=0,
            links=[runbook("KubeBackupOverdue")],
        ),
        stat(
            "Clusters without a recent backup",
            "Clusters that are known and have no recovery point of the last 24 hours.",
            f"count({without_recent()}) or count({kept('backup_sentinel_cluster_up', CLUSTER)}) * 0",
            thresholds=BAD,
            none="no clusters",
            decimals=0,
            links=[runbook("KubeBackupDailyBackupMissing")],
        ),
    ]


def _timeline() -> Panel:
    runs = increase(f"{BACKUPS}, {SOME_OUTCOMES}", "$__interval", slack="$__interval")
    return graph(
        "Backups by outcome, per hour",
        "Backups that finished in each hour. Counts begin when the exporter first sees a cluster.",
        [series(f"sum by (outcome) ({runs})", "{{outcome}}", interval="1h")],
        bars=True,
        palette={name: OUTCOMES[name] for name in ("succeeded", "partial", "failed")},
        none="no counts yet",
        width=24,
        height=7,
    )


def _successes() -> Panel:
    success = kept("kube_backup_last_success_timestamp_seconds", BACKUPS)
    good = f"({newest('success', ('failure', 'partial'), BACKUPS)} > time() - {DAY})"
    return table(
        "Recent successes",
        "Schedules, and runs without one, whose newest run succeeded within the last 24 hours.",
        [
            *LABELS,
            Column("Began", query=f"({success} > time() - {DAY}) * 1000 and {good}", unit="dateTimeFromNow"),
            Column(
                "Took",
                query=f"{kept('kube_backup_last_duration_seconds', BACKUPS)} and {good}",
                unit="s",
                decimals=1,
            ),
            Column(
                "Items", query=f"{kept('kube_backup_last_success_items', BACKUPS)} and {good}", decimals=0
            ),
            Column(
                "Warnings",
                query=f"{kept('kube_backup_last_warnings', BACKUPS)} and {good}",
                steps=WARNING,
                decimals=0,
            ),
            Column(
                "Size",
                query=f"{kept('kube_backup_last_success_size_bytes', BACKUPS)} and {good}",
                unit="bytes",
                decimals=1,
            ),
        ],
        none="No backup succeeded in the last 24 hours",
        sort="Began",
        height=8,
    )


def _logs() -> list[Panel]:
    return [
        log_lines(
            "Errors and warnings of backups",
            "Lines of Velero and its node agents about backups, at level warning or above.",
            '|~ "(?i)backup" |~ "level\\\\\\"?[=:] ?\\\\\\"?(warning|error|fatal|panic)"',
        ),
        log_lines(
            "What became of backups",
            "Lines in which Velero says that a backup ended.",
            '|~ "(?i)backup (completed|failed|partially)|setting backup phase|Updating backup.s final status"',
        ),
    ]
