"""Fleet and promises: whether recovery points are as new as promised, how long they last, and if they were tried."""

from .board import Board, choices, sources, status_page
from .fields import BLUE, GREEN, RED, YELLOW, Column, runbook, steps, words
from .grid import Panel, Row
from .panels import graph, series, stat, states, table
from .promql import BACKUPS, DAY, SCHEDULED, STREAM, health, invalid, kept, known, late, missed, now
from .shapes import BAD, HEALTH_WORDS, LABELS, STREAM_NAME, WARNING, count

DEADLINE = kept("kube_backup_schedule_deadline_timestamp_seconds", SCHEDULED)
POINT = kept("kube_backup_last_recovery_point_timestamp_seconds", SCHEDULED)
PAUSED = f"({kept('kube_backup_schedule_paused', SCHEDULED)} == 1)"
PROMISED = f"({DEADLINE} unless {PAUSED})"
EXPIRY = now("kube_backup_newest_expiry_timestamp_seconds", f'{BACKUPS}, schedule!=""')
RESTORABLE = now("kube_backup_restorable_runs", f'{BACKUPS}, schedule!=""')
TESTED = kept("kube_backup_last_restore_success_timestamp_seconds", SCHEDULED)
TEST_AGE = kept("kube_backup_restore_test_max_age_seconds", SCHEDULED)
COMPLIANT = steps(RED, (0.95, YELLOW), (1, GREEN))


def board() -> Board:
    """Return the dashboard."""
    return Board(
        file="grafana-fleet-and-promises.json",
        uid="backup-sentinel-promises",
        title="Fleet and promises",
        description="Are recovery points as new as promised, how late are the others, what expires, what was never tested?",
        variables=[*sources(loki=False), *choices(), status_page()],
        rows=[
            Row("Fleet", _numbers()),
            Row("Promises over time", _trends()),
            Row("Late", [_late(), _used()]),
            Row("Expiring", [_expiring()]),
            Row("Restore tests", [_tests()]),
            Row("Paused and refused", [_paused(), _invalid()]),
        ],
        hours=168,
        refresh="5m",
    )


def compliance(drop: str) -> str:
    """Return the share of the schedules, paused ones left out, whose recovery point is as new as promised."""
    return f"sum without ({drop}) ({PROMISED} > bool time()) / count without ({drop}) ({PROMISED})"


def never() -> str:
    """Return for how many seconds a schedule owes its first recovery point; nothing where it does not."""
    return f"({late()} unless {POINT})"


def _numbers() -> list[Panel]:
    everything = f"cluster, operator, {STREAM}"
    return [
        stat(
            "Promises kept",
            "Share of the schedules, paused ones left out, whose deadline for a newer recovery point has not passed. The "
            "deadline follows from the schedule's own expression, or from the annotation backup-sentinel.io/max-age.",
            compliance(everything),
            unit="percentunit",
            thresholds=COMPLIANT,
            none="no promises",
            decimals=1,
            links=[runbook("KubeBackupOverdue")],
        ),
        stat("Schedules", "Schedules that are known.", f"count({known()})", none="none", decimals=0, width=3),
        stat(
            "Late",
            "Schedules that owe a newer recovery point, and for which no run that began in time is under way.",
            count(late()),
            thresholds=BAD,
            decimals=0,
            width=3,
            links=[runbook("KubeBackupOverdue")],
        ),
        stat(
            "Missed",
            "Schedules of which a run that was due did not begin.",
            count(missed()),
            thresholds=WARNING,
            decimals=0,
            width=3,
            links=[runbook("KubeBackupRunMissed")],
        ),
        stat(
            "Never succeeded",
            "Schedules past their deadline of which no recovery point is known. Paused ones, and those with a run that "
            "began in time, do not count.",
            count(never()),
            thresholds=BAD,
            decimals=0,
            width=3,
            links=[runbook("KubeBackupNeverSucceeded")],
        ),
        stat(
            "Nothing to restore",
            "Schedules that had a recovery point, and of which no run is left that could be restored.",
            count(f"(({RESTORABLE} == 0) and {POINT})"),
            thresholds=BAD,
            decimals=0,
            width=4,
            links=[runbook("KubeBackupNoRestorableRun")],
        ),
        stat(
            "Never tested",
            "Schedules of whose backups no successful restore is known.",
            count(f"({known()} unless {TESTED})"),
            thresholds=WARNING,
            decimals=0,
            width=4,
            links=[runbook("KubeBackupRestoreTestTooOld")],
        ),
    ]


def _trends() -> list[Panel]:
    return [
        graph(
            "Promises kept, by cluster",
            "Share of the schedules, paused ones left out, whose deadline has not passed.",
            [series(compliance(f"operator, {STREAM}"), "{{cluster}}", interval="10m")],
            unit="percentunit",
            thresholds=COMPLIANT,
            none="no promises",
            low=0,
            high=1,
            width=24,
            height=6,
        ),
        states(
            "Schedules that were not well",
            "A strip for each schedule while it was critical or a warning; empty while it was well or paused. Of many, those "
            "that are critical come first: at most 40 at a time.",
            series(
                f"topk(40, {health()} >= 2)",
                STREAM_NAME,
                interval="30m",
            ),
            HEALTH_WORDS,
            none="all were well",
            height=10,
        ),
    ]


def _late() -> Panel:
    return table(
        "Late, and by how much",
        "Schedules that owe a newer recovery point. Paused ones, and those with a run that began in time, are left out.",
        [
            *LABELS,
            Column(
                "Late by", query=late(), unit="s", decimals=1, steps=steps(YELLOW, (3600, RED)), fill=True
            ),
            Column("Recovery point", query=f"(time() - {POINT}) and {late()}", unit="s", decimals=1),
        ],
        none="Nothing is late",
        sort="Late by",
        height=6,
        links=[runbook("KubeBackupOverdue"), runbook("KubeBackupNeverSucceeded")],
    )


def _used() -> Panel:
    age = f"(time() - {POINT})"
    allowed = f"({DEADLINE} - {POINT})"
    return table(
        "Closest to the promise",
        "Age of the newest recovery point against the age it may reach, grace included. From 100 % on it is late.",
        [
            *LABELS,
            Column("Age", query=f"{age} unless {PAUSED}", unit="s", decimals=1),
            Column("May reach", query=f"{allowed} unless {PAUSED}", unit="s", decimals=1),
            Column(
                "Used",
                query=f"{age} / ({allowed} > 0) unless {PAUSED}",
                unit="percentunit",
                decimals=0,
                steps=steps(GREEN, (0.9, YELLOW), (1, RED)),
            ),
        ],
        none="No promises",
        sort="Used",
    )


def _expiring() -> Panel:
    left = f"({EXPIRY} - time())"
    return table(
        "When the last run that could be restored expires",
        "Soonest first. What expires after the next success does not matter; what expires before it leaves nothing.",
        [
            *LABELS,
            Column(
                "Expires in",
                query=left,
                unit="s",
                decimals=1,
                steps=steps(RED, (DAY, YELLOW), (3 * DAY, GREEN)),
            ),
            Column(
                "Runs left", query=f"{RESTORABLE} and {EXPIRY}", decimals=0, steps=steps(RED, (1, "text"))
            ),
        ],
        none="No run with a time of expiry is known",
        sort="Expires in",
        descending=False,
        links=[runbook("KubeBackupLastRestorableExpiring"), runbook("KubeBackupNoRestorableRun")],
    )


def _tests() -> Panel:
    return table(
        "Restores of each schedule's backups",
        "Never tested first. A backup that was never restored is a hope. May be old: the annotation "
        "backup-sentinel.io/restore-test-max-age, or the setting of that name.",
        [
            *LABELS,
            Column(
                "Tested",
                query=f"(({known()} * 0 + 1) and {TESTED}) or {known()} * 0",
                mappings=[words({0: ("never", YELLOW), 1: ("yes", GREEN)})],
                fill=True,
                width=90,
            ),
            Column("Last restored", query=f"time() - {TESTED}", unit="s", decimals=1),
            Column("May be old", query=TEST_AGE, unit="s", decimals=1),
        ],
        none="No schedule is known",
        sort="Tested",
        descending=False,
        links=[runbook("KubeBackupRestoreTestTooOld")],
    )


def _paused() -> Panel:
    since = kept("kube_backup_schedule_paused_since_timestamp_seconds", SCHEDULED)
    return table(
        "Paused",
        "Schedules that do not run at present, and since when. They count as neither kept nor broken promises.",
        [
            *LABELS,
            Column(
                "For",
                query=f"(time() - {since}) and ({known()} == 1)",
                unit="s",
                decimals=1,
                steps=steps(BLUE, (7 * DAY, YELLOW)),
            ),
        ],
        none="No schedule is paused",
        sort="For",
        width=12,
        height=6,
        links=[runbook("KubeBackupSchedulePaused")],
    )


def _invalid() -> Panel:
    return table(
        "Refused",
        "Schedules that the operator refuses, or whose expression cannot be understood: they never run.",
        [*LABELS, Column("Valid", query=invalid(), mappings=[words({0: ("no", RED)})], fill=True)],
        none="No schedule is refused",
        width=12,
        height=6,
        links=[runbook("KubeBackupScheduleInvalid")],
    )
