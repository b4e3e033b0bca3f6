"""Velero operations: health, trends, restores, storage, and what the operator logs."""

from .board import Board, choices, sources, status_page
from .fields import GREEN, OUTCOMES, RED, YELLOW, Column, Json, runbook, steps
from .grid import Panel, Row
from .panels import graph, logql, pie, query, series, stat, states, table
from .promql import (
    BACKUPS,
    CHOSEN,
    SCHEDULED,
    SOME_OUTCOMES,
    cluster_health,
    increase,
    kept,
    now,
    success_ratio,
)
from .shapes import (
    BELOW_CLUSTER,
    HEALTH_WORDS,
    LABELS,
    LOG_LEVEL,
    LOG_LINES,
    RATE,
    clusters,
    log_lines,
    schedules,
    trouble,
)
from .storage import places, sizes

LEVELS = {
    "error": RED,
    "fatal": "dark-red",
    "panic": "dark-red",
    "warning": YELLOW,
    "info": GREEN,
    "debug": "blue",
}
STORAGE = "(?i)(backup ?storage ?location|object store|bucket|repository|restic|kopia|snapshot|csi|persistentvolume)"
INFRASTRUCTURE = (
    "(?i)(connection refused|timed? ?out|i/o timeout|no such host|x509|certificate|forbidden|unauthorized|too many requests"
    "|throttl|evicted|oomkilled|no space left|context deadline exceeded|etcdserver)"
)
RESTORES = f'{CHOSEN}, action="restore"'


def board() -> Board:
    """Return the dashboard."""
    return Board(
        file="grafana-velero-operations.json",
        uid="velero-operations",
        title="Velero operations",
        description="Velero in all clusters: health, trends, restores, storage, sizes and durations, and its logs.",
        variables=[*sources(loki=True), *(_velero_first(variable) for variable in choices()), status_page()],
        rows=[
            Row("Health", _health()),
            Row("Success", _success()),
            Row("Clusters", [clusters()]),
            Row("Scheduled activity", _activity()),
            Row("What needs a look", [trouble()]),
            Row("Restores", _restores()),
            Row("Storage", places()),
            Row("Sizes and durations", sizes()),
            Row("Logs (needs Loki)", _logs(), closed=True),
        ],
        hours=168,
    )


def _velero_first(variable: Json) -> Json:
    """Return the variable, Velero chosen where it is the one of operators."""
    if variable["name"] != "operator":
        return variable
    return {**variable, "current": {"selected": True, "text": ["velero"], "value": ["velero"]}}


def _health() -> list[Panel]:
    return [
        stat(
            "Health by cluster",
            "The worst of the cluster's schedules: critical if one failed, is late or is refused, or if a storage location is "
            "not available; warning if one failed in part or was missed; not seen if its API server does not answer.",
            cluster_health(),
            mappings=HEALTH_WORDS,
            legend="{{cluster}}",
            none="no clusters",
            width=8,
            height=8,
            links=[runbook("KubeBackupFailed"), runbook("BackupSentinelClusterUnreachable")],
        ),
        states(
            "Health over time",
            "The same, a strip for each cluster.",
            series(cluster_health(), "{{cluster}}", interval="30m"),
            HEALTH_WORDS,
            none="no clusters",
            width=16,
        ),
    ]


def _success() -> list[Panel]:
    runs = increase(f"{BACKUPS}, {SOME_OUTCOMES}", "$__range", slack="1h")
    hourly = increase(f"{BACKUPS}, {SOME_OUTCOMES}", "$__interval", slack="$__interval")
    return [
        graph(
            "Success rate by cluster",
            "Share of the backups that succeeded completely, over the 24 hours before each point. A line is drawn where "
            "there were ten runs in them.",
            [series(success_ratio(BELOW_CLUSTER, "24h", BACKUPS), "{{cluster}}", interval="1h")],
            unit="percentunit",
            thresholds=RATE,
            none="fewer than 10 runs",
            low=0,
            high=1,
            width=10,
        ),
        pie(
            "Outcomes",
            "Backups that finished in the chosen time.",
            query(f"sum by (outcome) ({runs})", legend="{{outcome}}"),
            palette=OUTCOMES,
            none="no counts yet",
            width=6,
        ),
        graph(
            "Outcomes over time",
            "Backups that finished in each hour, or in each step of a longer time.",
            [series(f"sum by (outcome) ({hourly})", "{{outcome}}", interval="1h")],
            bars=True,
            palette=OUTCOMES,
            none="no counts yet",
            width=8,
        ),
    ]


def _activity() -> list[Panel]:
    since = now("kube_backup_running_since_timestamp_seconds")
    limit = now("kube_backup_running_deadline_timestamp_seconds")
    return [
        schedules(),
        graph(
            "Runs under way",
            "Backups and restores that are being worked on, by cluster.",
            [series(f"sum without ({BELOW_CLUSTER}) ({now('kube_backup_running')})", "{{cluster}}")],
            none="nothing is under way",
            low=0,
            width=8,
        ),
        table(
            "Under way now",
            "The oldest run of each schedule that has begun and not ended. Time that is left is counted to the operator's "
            "limit, or to three times the longest known run; below zero it is stalled.",
            [
                *LABELS,
                Column("For", query=f"time() - {since}", unit="s", decimals=1),
                Column(
                    "Time left", query=f"{limit} - time()", unit="s", decimals=1, steps=steps(RED, (0, GREEN))
                ),
                Column(
                    "Waiting for",
                    query=f"time() - {now('kube_backup_pending_since_timestamp_seconds')}",
                    unit="s",
                    decimals=1,
                ),
            ],
            none="Nothing is under way",
            sort="For",
            width=16,
            links=[runbook("KubeBackupStalled"), runbook("KubeBackupQueuedTooLong")],
        ),
    ]


def _restores() -> list[Panel]:
    runs = increase(f"{RESTORES}, {SOME_OUTCOMES}", "$__interval", slack="$__interval")
    kinds = ("success", "partial", "failure")
    last = {kind: kept(f"kube_backup_last_{kind}_timestamp_seconds", RESTORES) for kind in kinds}
    return [
        graph(
            "Restores by outcome",
            "Restores that finished in each hour, or in each step of a longer time.",
            [series(f"sum by (outcome) ({runs})", "{{outcome}}", interval="1h")],
            bars=True,
            palette=OUTCOMES,
            none="no restores were counted",
        ),
        table(
            "Newest restores",
            "When a restore last succeeded, failed in part, or failed, by namespace of the operator; and the newest one "
            "that was not a success.",
            [
                Column("Cluster", label="cluster"),
                Column("Namespace", label="resource_namespace"),
                Column("Succeeded", query=f"{last['success']} * 1000", unit="dateTimeFromNow"),
                Column("Failed in part", query=f"{last['partial']} * 1000", unit="dateTimeFromNow"),
                Column("Failed", query=f"{last['failure']} * 1000", unit="dateTimeFromNow"),
            ],
            none="No restore is known",
            width=12,
            links=[runbook("KubeBackupRestoreFailed")],
        ),
        table(
            "Restores of each schedule's backups",
            "When a backup of the schedule was last restored with success: the only proof that it can be.",
            [
                *LABELS,
                Column(
                    "Last restored",
                    query=f"time() - {kept('kube_backup_last_restore_success_timestamp_seconds', SCHEDULED)}",
                    unit="s",
                    decimals=1,
                ),
                Column(
                    "May be old",
                    query=kept("kube_backup_restore_test_max_age_seconds", SCHEDULED),
                    unit="s",
                    decimals=1,
                ),
            ],
            none="No backup of a schedule was ever restored",
            sort="Last restored",
            height=6,
            links=[runbook("KubeBackupRestoreTestTooOld")],
        ),
    ]


def _logs() -> list[Panel]:
    levels = f'sum by (level) (count_over_time({LOG_LINES} {LOG_LEVEL} | level != "" [$__auto]))'
    panel = graph(
        "Lines by level",
        "How much Velero and its node agents log, by level.",
        [logql(levels, legend="{{level}}")],
        bars=True,
        palette=LEVELS,
        none="no logs",
        width=24,
        height=7,
    )
    bad = '|~ "level\\\\\\"?[=:] ?\\\\\\"?(warning|error|fatal|panic)"'
    return [
        panel,
        log_lines(
            "Errors", "Lines at level error or above.", '|~ "level\\\\\\"?[=:] ?\\\\\\"?(error|fatal|panic)"'
        ),
        log_lines(
            "Storage",
            "Warnings and errors about locations, repositories, snapshots and volumes.",
            f'{bad} |~ "{STORAGE}"',
        ),
        log_lines(
            "Infrastructure",
            "Warnings and errors about network, certificates, rights and resources.",
            f'{bad} |~ "{INFRASTRUCTURE}"',
        ),
    ]
