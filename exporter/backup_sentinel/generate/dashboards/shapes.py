"""Panels and columns that more than one dashboard shows."""

from .fields import GREEN, HEALTH, OUTCOMES, RED, RULES, YELLOW, Column, colors, link, runbook, steps, words
from .grid import Panel
from .panels import logs, table
from .promql import (
    BACKUPS,
    CHOSEN,
    CLUSTER,
    DAY,
    SCHEDULED,
    STREAM,
    cluster_health,
    failed,
    health,
    increase,
    kept,
    known,
    late,
    lowest,
    now,
    partial,
    success_ratio,
    unavailable,
)

RATE = steps(RED, (0.85, YELLOW), (0.95, GREEN))
"""The limits of KubeBackupSuccessRateLow and KubeBackupSuccessRateBelowObjective."""
AGE = steps(GREEN, (25 * 3600, YELLOW), (2 * DAY, RED))
BAD = steps(GREEN, (1, RED))
WARNING = steps(GREEN, (1, YELLOW))
HEALTH_WORDS = [words(HEALTH)]
OUTCOME_COLORS = [colors(OUTCOMES)]
LABELS = (
    Column("Cluster", label="cluster"),
    Column("Namespace", label="resource_namespace"),
    Column("Schedule", label="schedule"),
    Column("Target", label="target"),
    Column("Action", label="action", width=80),
)
STREAM_NAME = "{{cluster}} {{resource_namespace}}/{{schedule}} {{action}} {{target}}"
"""What a stream of runs is called beside a line; the last word only where a schedule has targets."""
RUN_LABELS = "run, outcome, reason"
BELOW_CLUSTER = f"operator, {STREAM}"

LOG_LINES = '{cluster=~"$cluster", namespace=~"$namespace", container=~"velero|node-agent"}'
LOG_LEVEL = '| regexp "level\\\\\\"?[=:] ?\\\\\\"?(?P<level>[a-z]+)"'
"""Velero writes `key=value` or JSON, as its `--log-format` says; this finds the level in both."""


def count(expression: str, matchers: str = SCHEDULED) -> str:
    """Return how many schedules an expression finds: 0 where none, nothing where no schedule is known at all."""
    return f"count({expression}) or count({known(matchers)}) * 0"


def finished(outcome: str, window: str = "24h", matchers: str = BACKUPS) -> str:
    """Return how many runs ended with an outcome in a window."""
    return f"sum({ended(outcome, window, matchers)})"


def ended(outcome: str, window: str = "24h", matchers: str = BACKUPS) -> str:
    """Return how many runs of each stream ended with an outcome in a window."""
    chosen = f'{matchers}, outcome="{outcome}"'
    return increase(chosen, window)


def without_recent(seconds: int = DAY) -> str:
    """Return the clusters that are known and have no recovery point of late."""
    point = kept("kube_backup_last_recovery_point_timestamp_seconds", BACKUPS)
    recent = f"max without ({BELOW_CLUSTER}) ({point}) > time() - {seconds}"
    return f"({kept('backup_sentinel_cluster_up', CLUSTER)} unless ({recent}))"


def trouble() -> Panel:
    """Return the runs that need a look: the newest of each schedule, unless it succeeded."""
    last = [kept(f"kube_backup_last_{kind}_timestamp_seconds", CHOSEN) for kind in ("failure", "partial")]
    recent = f"({last[0]} > time() - {DAY} or {last[1]} > time() - {DAY})"
    chosen = CHOSEN + ', outcome=~"failed|partial"'
    repeated = now("kube_backup_last_run_info", chosen + ', schedule!=""')
    single = now("kube_backup_last_run_info", chosen + ', schedule=""')
    runs = f"({repeated} or ({single} and ignoring ({RUN_LABELS}) {recent}))"
    of_these = f"and ignoring ({RUN_LABELS}) {runs}"
    success = kept("kube_backup_last_success_timestamp_seconds", CHOSEN)
    streak = kept("kube_backup_consecutive_failures", CHOSEN)
    return table(
        "Backups that need a look",
        "The newest run of each schedule, if it failed or failed in part, with the class of the reason. A row goes "
        "with the next success. Runs and restores without a schedule stay for a day.",
        [
            Column("Outcome", label="outcome", mappings=OUTCOME_COLORS, fill=True, width=90),
            *LABELS,
            Column("Run", label="run"),
            Column("Reason", label="reason", links=[link("Alerts and runbooks", f"{RULES}/README.md")]),
            Column("", query=runs),
            Column("Failures in a row", query=f"{streak} {of_these}", steps=BAD, width=130, decimals=0),
            Column("Last success", query=f"{success} * 1000 {of_these}", unit="dateTimeFromNow", width=130),
        ],
        none="No backup needs a look",
        sort="Outcome",
        descending=False,
        links=[runbook("KubeBackupFailed"), runbook("KubeBackupPartiallyFailed")],
    )


def clusters(window: str = "24h") -> Panel:
    """Return a row for each cluster."""

    def each(expression: str) -> str:
        return f"count without ({BELOW_CLUSTER}) ({expression})"

    def or_none(expression: str) -> str:
        return f"{each(expression)} or {each(known())} * 0"

    def runs(outcome: str) -> str:
        return f"sum without ({BELOW_CLUSTER}, outcome) ({ended(outcome, window)})"

    point = kept("kube_backup_last_recovery_point_timestamp_seconds", BACKUPS)
    return table(
        "Clusters",
        "Health is the worst of the cluster's schedules: critical if one failed, is late or is refused, or if a storage "
        "location is not available; warning if one failed in part or was missed. Runs are those of the last 24 hours. The rate is told from ten runs on.",
        [
            Column("Health", query=cluster_health(), mappings=HEALTH_WORDS, fill=True, width=90),
            Column("Cluster", label="cluster"),
            Column(
                "API answers",
                query=lowest("backup_sentinel_cluster_up", CLUSTER),
                mappings=[words({0: ("no", RED), 1: ("yes", GREEN)})],
                width=100,
            ),
            Column("Schedules", query=each(known()), decimals=0),
            Column("Failed", query=or_none(failed()), steps=BAD, decimals=0),
            Column("Failed in part", query=or_none(partial()), steps=WARNING, decimals=0),
            Column("Late", query=or_none(late()), steps=BAD, decimals=0),
            Column("Locations away", query=or_none(unavailable()), steps=BAD, decimals=0),
            Column("Runs succeeded", query=runs("succeeded"), decimals=0),
            Column("Runs failed in part", query=runs("partial"), steps=WARNING, decimals=0),
            Column("Runs failed", query=runs("failed"), steps=BAD, decimals=0),
            Column(
                "Success rate",
                query=success_ratio(BELOW_CLUSTER, window),
                unit="percentunit",
                steps=RATE,
                decimals=1,
            ),
            Column(
                "Newest recovery point",
                query=f"time() - max without ({BELOW_CLUSTER}) ({point})",
                unit="s",
                steps=AGE,
                decimals=1,
            ),
        ],
        none="No cluster is watched",
        sort="Health",
        height=7,
        links=[runbook("BackupSentinelClusterUnreachable")],
    )


def schedules(height: int = 10) -> Panel:
    """Return a row for each schedule with its last and its next run."""
    return table(
        "Schedules",
        "Worst first. The next run is the slot that is owed: one that lies in the past was missed, a paused schedule has none. "
        "Times are told from now; the expression is the operator's own, in its time zone.",
        [
            Column("Health", query=health(), mappings=HEALTH_WORDS, fill=True, width=90),
            *LABELS,
            Column("Expression", label="cron"),
            Column("Zone", label="timezone"),
            Column(
                "",
                query=f"{now('kube_backup_schedule_info', SCHEDULED)} and ignoring (cron, timezone) {known()}",
            ),
            Column(
                "Last run",
                query=f"{kept('kube_backup_last_attempt_timestamp_seconds', SCHEDULED)} * 1000",
                unit="dateTimeFromNow",
            ),
            Column(
                "Last success",
                query=f"{kept('kube_backup_last_success_timestamp_seconds', SCHEDULED)} * 1000",
                unit="dateTimeFromNow",
            ),
            Column(
                "Next run",
                query=f"{kept('kube_backup_schedule_next_due_timestamp_seconds', SCHEDULED)} * 1000 unless ({known()} == 1)",
                unit="dateTimeFromNow",
            ),
            Column(
                "Took",
                query=kept("kube_backup_last_duration_seconds", SCHEDULED),
                unit="s",
                decimals=1,
                width=90,
            ),
            Column(
                "Size",
                query=kept("kube_backup_last_success_size_bytes", SCHEDULED),
                unit="bytes",
                decimals=1,
                width=90,
            ),
            Column(
                "Can be restored",
                query=kept("kube_backup_restorable_runs", SCHEDULED),
                steps=steps(RED, (1, "text")),
                decimals=0,
                width=120,
            ),
        ],
        none="No schedule is known",
        sort="Health",
        height=height,
        links=[
            runbook("KubeBackupOverdue"),
            runbook("KubeBackupRunMissed"),
            runbook("KubeBackupSchedulePaused"),
        ],
    )


def log_lines(title: str, description: str, filters: str) -> Panel:
    """Return lines of the operator's pods that pass a filter."""
    return logs(title, description, f"{LOG_LINES} {filters}")
