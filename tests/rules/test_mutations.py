"""Rules that are wrong in a known way fail their tests; each mistake has been made by somebody's rules."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from rules.promtools import ANY, RULES, failing, find
from rules.vocabulary import SCRAPE

PODS = f"without ({', '.join(SCRAPE)})"


class Mutation(NamedTuple):
    """A mistake in a rule, and the names of the test groups of which one must fail."""

    alert: str
    mistake: str
    edit: Callable[[str], str]
    noticed_by: str


def put(old: str, new: str) -> Callable[[str], str]:
    """Replace a pattern everywhere."""
    return lambda text: re.sub(old, new, text, flags=re.MULTILINE)


def expression(new: str) -> Callable[[str], str]:
    """Replace the whole expression."""
    return lambda text: re.sub(r"expr: \|-\n( {10}.*\n)+", f"expr: {new}\n", text)


def drop(what: str, word: str = "unless") -> Callable[[str], str]:
    """Drop each operand that the word introduces and that is about something: a line, or lines in parentheses."""

    def edit(text: str) -> str:
        pattern = rf"^( +){word}\n(?:\1\(\n(?:\1 .*\n)+\1\)\n|\1\S.*\n)"
        return re.sub(
            pattern, lambda found: "" if re.search(what, found[0]) else found[0], text, flags=re.MULTILINE
        )

    return edit


def swap(nth: int) -> Callable[[str], str]:
    """Turn the nth comparison of the expression around."""

    def edit(text: str) -> str:
        found = list(comparisons(text))[nth]
        return text[: found.start(1)] + OPPOSITE[found[1]] + text[found.end(1) :]

    return edit


OPPOSITE = {">": "<", "<": ">", ">=": "<", "==": "!="}


def comparisons(text: str) -> Iterator[re.Match[str]]:
    begin, end = text.index("expr: "), text.index("        annotations:")
    yield from re.compile(r"(?:(?<=\s))(>=|==|<|>)(?=\s)").finditer(text, begin, end)


ANY_FAILED = f'max {PODS} (last_over_time(kube_backup_existing_runs{{outcome="failed"}}[1h])) > 0'
ANY_PARTIAL = ANY_FAILED.replace('"failed"', '"partial"')
LATER = " > ".join(
    f'max {PODS} (last_over_time(kube_backup_last_{which}_timestamp_seconds{{schedule!=""}}[1h]))'
    for which in ("failure", "success")
)
QUIET = [
    "KubeBackupOverdue",
    "KubeBackupNeverSucceeded",
    "KubeBackupRunMissed",
    "KubeBackupDailyBackupMissing",
]
ATTEMPTED = [name for name in QUIET if name != "KubeBackupRunMissed"]
"""Alerts that a new attempt does not end."""
HELD = [*QUIET, "KubeBackupStalled", "KubeBackupQueuedTooLong"]

LISTED = [
    Mutation("KubeBackupFailed", "any failed run", expression(f"'{ANY_FAILED}'"), "does not latch"),
    Mutation("KubeBackupFailed", "the newest run does not decide", drop("last_success"), "does not latch"),
    Mutation(
        "KubeBackupFailed", "a partial run clears nothing", drop("last_partial"), "failed in part|partial run"
    ),
    Mutation(
        "KubeBackupFailed",
        "compared with a success that may not be",
        expression(f"'{LATER}'"),
        "ever succeeded",
    ),
    Mutation("KubeBackupFailed", "every failure alerts", drop("failures_tolerated"), "tolerated"),
    Mutation(
        "KubeBackupFailed",
        "one-off runs latch",
        put(r"> time\(\) - 86400", "> 0 * time() - 1e9"),
        "without a sched",
    ),
    Mutation("KubeBackupFailed", "restores count", put(r', action!="restore"', ""), "restore"),
    Mutation(
        "KubeBackupFailed", "targets are mixed", put("instance, pod,", "instance, target, pod,"), "fan-out"
    ),
    Mutation(
        "KubeBackupFailed",
        "namespaces are mixed",
        put("instance, pod,", "instance, resource_namespace, pod,"),
        "two n",
    ),
    Mutation(
        "KubeBackupPartiallyFailed", "any partial run", expression(f"'{ANY_PARTIAL}'"), "does not latch"
    ),
    Mutation(
        "KubeBackupPartiallyFailed", "the newest run does not decide", drop("last_success"), "does not latch"
    ),
    Mutation(
        "KubeBackupPartiallyFailed", "a failure clears nothing", drop("last_failure"), "failure after it"
    ),
    Mutation("KubeBackupRestoreFailed", "latches", put(r"> time\(\) - 86400", "> -1e9"), "a day later"),
    Mutation("KubeBackupRestoreFailed", "backups count", put(r'\{action="restore"\}', ""), "failed backup"),
    *[Mutation(name, "pause does not matter", drop("schedule_paused"), "^paused") for name in QUIET],
    *[
        Mutation(name, "a run under way does not matter", drop("running_deadline"), "under way")
        for name in QUIET
    ],
    *[
        Mutation(name, "an exporter that is away ended the run", drop("existing_runs", "or"), "away|listed")
        for name in HELD
    ],
    *[
        Mutation(
            name,
            "a run that ended is under way for an hour",
            put(r"\n +unless ignoring \(outcome\)\n.*existing_runs\)$", ""),
            ANY,
        )
        for name in HELD
    ],
    *[
        Mutation(
            name,
            "each new attempt ends it",
            put(r"\n +unless\n.*running_since.*$", ""),
            "begins while it fires",
        )
        for name in ATTEMPTED
    ],
    *[
        Mutation(name, "no run after the deadline is waited for", put(r"> (90)?900\)", "> 0)"), "just after")
        for name in ATTEMPTED
    ],
    Mutation(
        "KubeBackupOverdue", "what never succeeded counts", drop("last_recovery_point", "and"), "never ran"
    ),
    Mutation("KubeBackupNeverSucceeded", "what succeeded counts", drop("last_recovery_point"), "long ago"),
    Mutation("KubeBackupScheduleInvalid", "pause does not matter", drop("schedule_paused"), "^paused"),
    Mutation(
        "KubeBackupSchedulePaused", "the past pause counts", drop("schedule_paused", "and"), "continued"
    ),
    Mutation(
        "KubeBackupNoRestorableRun", "what never was is missed", drop("last_recovery", "and"), "first run"
    ),
    Mutation("KubeBackupNoRestorableRun", "prunes count", put(r"check\|prune\|", ""), "prune"),
    Mutation(
        "KubeBackupLocationUnavailable", "the best view counts", put("min without", "max without"), "disagree"
    ),
    Mutation(
        "KubeBackupLocationUnavailable",
        "the last hour counts",
        put("(min .*) (\\(kube.*\\))", r"\1 (min_over_time\2[1h])"),
        "while the exporter restarts",
    ),
    Mutation(
        "BackupSentinelClusterUnreachable", "what is gone is not missed", put("4d", "5m"), "gone|four days"
    ),
    Mutation("BackupSentinelBlind", "what is gone is not missed", put("4d", "5m"), "gone"),
    Mutation("BackupSentinelBlind", "other labels blind it", put(r" on \(cluster\)", ""), "scrape adds"),
    Mutation(
        "BackupSentinelStateStale", "a missing right is not seen", drop("resource_up", "or"), "never listed"
    ),
    Mutation("KubeBackupFinishedWithWarnings", "failed runs too", drop("last_(failure|partial)"), "failed"),
    Mutation("KubeBackupSizeFell", "small backups too", drop("1e8", "and"), "small"),
    Mutation(
        "KubeBackupVolumeDataMissing",
        "whatever became of the run",
        drop("last_success", r"and ignoring \(target_namespace\)"),
        "another alert",
    ),
    Mutation("KubeBackupDailyBackupMissing", "weekly ones too", drop("259200", "and"), "weekly"),
    Mutation("KubeBackupSuccessRateLow", "too few runs", drop(">= 10", "and"), "fewer than ten"),
    Mutation("KubeBackupSuccessRateLow", "since ever", put(" offset 1d", " offset 1m"), "fires"),
    Mutation(
        "KubeBackupSuccessRateLow", "replicas add up", put("max without", "sum without"), "twice as many"
    ),
    Mutation(
        "KubeBackupSuccessRateLow", "lost counters count", put("clamp_min", "-clamp_min"), "fires|invents"
    ),
    Mutation(
        "KubeBackupLastRestorableExpiring", "while new ones come", drop("deadline", "and"), "keep coming"
    ),
    Mutation("KubeBackupRestoreTestTooOld", "never tested is fine", drop("created", "or"), "never restored"),
    Mutation(
        "BackupSentinelObjectsUnreadable", "born with a value is fine", drop(" offset 1d", "or"), "born"
    ),
    Mutation("BackupSentinelUnknownPhases", "born with a value is fine", drop(" offset 1d", "or"), "born"),
    *[
        Mutation(
            name,
            "a gap a day ago makes a process young",
            put(r"last_over_time\((\S+)\[1d\] offset 1d\)", r"\1 offset 1d"),
            "gap in the scrapes",
        )
        for name in ("BackupSentinelObjectsUnreadable", "BackupSentinelUnknownPhases")
    ],
    Mutation(
        "BackupSentinelRelayNotDelivering",
        "what waited counts for an hour",
        put(r"\((backup_sentinel_relay_oldest\w+)\)", r"(last_over_time(\1[1h]))"),
        "clears",
    ),
    Mutation("BackupSentinelRelayNotDelivering", "the newest counts", put("min without", "max without"), ANY),
    Mutation(
        "BackupSentinelRelayDeadLetters",
        "only new ones count",
        put(r"\((backup_sentinel_relay_dead_letters)\)", r"(delta(\1[5m]))"),
        "from the start",
    ),
    Mutation(
        "BackupSentinelRelayStorageFailing",
        "one that can write hides one that cannot",
        put("min without", "max without"),
        "two replicas",
    ),
    Mutation(
        "BackupSentinelRelayRefusesMessages", "what is a duplicate counts", put("malformed", "duplicate"), ANY
    ),
    Mutation(
        "BackupSentinelRelayRefusesMessages", "a single mistake counts", put(r"for: 17m", "for: 1m"), "single"
    ),
]


def general() -> Iterator[Mutation]:
    """Yield the mistakes that can be made in any rule."""
    for path in sorted(RULES.glob("*/rule.yaml")):
        name, text = path.parent.name, path.read_text("utf-8")
        if PODS in text:
            yield Mutation(
                name, "one cluster hides another", put(re.escape(PODS), "by (cluster)"), "external label"
            )
            yield Mutation(
                name, "each pod alerts", put(re.escape(PODS), "without (instance)"), "two replicas"
            )
        if "[1h]" in text:
            window = put(r"last_over_time\(([^\[\]]*)\[1h\]\)", r"\1")
            yield Mutation(name, "no window", window, "half an hour")
        if "        for: " in text:
            yield Mutation(name, "no time to settle", put("^ +for: .*\n", ""), "fires|first run")
        for nth, found in enumerate(comparisons(text)):
            where = text.count("\n", 0, found.start()) + 1
            yield Mutation(name, f"comparison of line {where} the other way round", swap(nth), ANY)


@pytest.mark.parametrize("mutations", [LISTED, list(general())], ids=["listed", "general"])
def test_mistakes_are_noticed(mutations: list[Mutation], tmp_path: Path) -> None:
    promtool = find("promtool")
    attempts = []
    for number, mutation in enumerate(mutations):
        folder = tmp_path / str(number)
        folder.mkdir()
        source = (RULES / mutation.alert / "rule.yaml").read_text("utf-8")
        changed = mutation.edit(source)
        assert changed != source, f"{mutation.alert}: {mutation.mistake}: nothing to change"
        (folder / "rule.yaml").write_text(changed)
        attempts.append(
            (Path(shutil.copy(RULES / mutation.alert / "test.yaml", folder)), mutation.noticed_by)
        )
    verdicts = failing(promtool, attempts)
    unnoticed = [
        f"{mutation.alert}: {mutation.mistake}"
        for mutation, noticed in zip(mutations, verdicts, strict=True)
        if not noticed
    ]
    assert not unnoticed
