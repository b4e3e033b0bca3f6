"""Verdicts about streams. They follow the alert rules (`rules/`), so that a page and a pager never disagree for long."""

from enum import StrEnum

from backup_sentinel.export.store import Stream
from backup_sentinel.export.store.memory import start
from backup_sentinel.model import BARREN, Outcome, Schedule

AD_HOC_MEMORY = 86400.0
"""Seconds for which a failed ad-hoc run is held against it: nothing will ever make up for it."""

PATIENCE = 900.0
"""Seconds after a deadline within which a run may begin that is waited for. A later one shows no less that it is owed."""

SMALL, LEAST_BASELINE = 0.5, 1e8
"""A size below this part of its baseline is conspicuous, if the baseline has at least so many bytes."""


class State(StrEnum):
    """How bad it is; the order is that of badness."""

    OK = "ok"
    PAUSED = "paused"
    WARNING = "warning"
    CRITICAL = "critical"


RANK = {State.CRITICAL: 0, State.WARNING: 1, State.PAUSED: 2, State.OK: 3}


def judge(stream: Stream, now: float) -> tuple[State, tuple[str, ...]]:
    """Return the state of a stream that was just brought up to date, and short reasons for people."""
    critical, warning = _outcomes(stream) if stream.key.schedule else _ad_hoc(stream, now)
    schedule, until = stream.schedule, stream.running_deadline
    if until is not None and until < now:
        warning.append("a run is stalled")
    if schedule is not None:
        if not schedule.paused:
            broken, late = _promises(stream, schedule, now)
            critical += broken
            warning += late
        critical += _leftovers(stream)
        warning += _tests(stream, now)
    if critical:
        return State.CRITICAL, (*critical, *warning)
    if warning:
        return State.WARNING, tuple(warning)
    return (State.PAUSED, ("paused",)) if schedule is not None and schedule.paused else (State.OK, ())


def owes(stream: Stream, now: float) -> bool:
    """Tell whether a recovery point is overdue, and none is being made by a run that began in time.

    A run in time began before the alert about the deadline fires: a later attempt does not end it.
    """
    deadline = stream.deadline
    if deadline is None or deadline >= now:
        return False
    run = stream.oldest(Outcome.RUNNING) if _waits(stream, now) else None
    begun = start(run) if run is not None else None
    return begun is None or begun - deadline > PATIENCE


def _waits(stream: Stream, now: float) -> bool:
    """Tell whether a run is under way that takes no longer than it may."""
    until = stream.running_deadline
    return until is not None and until > now


def _promises(stream: Stream, schedule: Schedule, now: float) -> tuple[list[str], list[str]]:
    """Judge what is owed by a schedule that is not paused."""
    critical, warning = [], []
    if stream.flaw is not None or schedule.valid is False:
        critical.append(f"the schedule is invalid: {stream.flaw or 'the operator refuses it'}")
    if owes(stream, now):
        critical.append("no recovery point in time" if stream.recovery is not None else "no success is known")
    due = stream.next_due
    if due is not None and due + stream.expectation.start_grace < now and not _waits(stream, now):
        warning.append("no run began when it was due")
    return critical, warning


def _leftovers(stream: Stream) -> list[str]:
    """Judge whether anything is left to restore."""
    keeps = stream.key.action not in BARREN and stream.recovery is not None
    return ["no run is left that could be restored"] if keeps and stream.restorable == 0 else []


def _tests(stream: Stream, now: float) -> list[str]:
    """Judge what is known of the worth of the backups: restore tests and sizes."""
    warning = []
    tested, age = stream.last_restore_success, stream.expectation.restore_test_max_age
    since = tested if tested is not None else stream.created
    if age is not None and since is not None and now - since > age:
        warning.append(
            "the last restore test is too old" if tested is not None else "never tested by a restore"
        )
    successes, baseline = stream.memory.successes, stream.memory.baseline()
    size = successes[-1].size if successes else None
    if size is not None and baseline is not None and size < SMALL * baseline and baseline > LEAST_BASELINE:
        warning.append("the backup is much smaller than before")
    return warning


def _outcomes(stream: Stream) -> tuple[list[str], list[str]]:
    """Judge a schedule by its newest decisive run; failures that are tolerated are none."""
    memory = stream.memory
    success, partial, failure = (
        at or 0.0 for at in (stream.last_success, memory.last_partial, memory.last_failure)
    )
    count = memory.consecutive_failures()
    failed = failure > max(success, partial) or (count and failure == max(success, partial))
    if failed and count >= stream.expectation.failures_tolerated:
        return ["the last run failed" if count < 2 else f"the last {count} runs failed"], []
    return [], ["the last run failed in part"] if partial and partial >= max(success, failure) else []


def _ad_hoc(stream: Stream, now: float) -> tuple[list[str], list[str]]:
    """Judge runs without a schedule each by itself, for a day."""
    noun = "a restore" if stream.key.action == "restore" else "an ad-hoc run"
    failure, partial = stream.memory.last_failure, stream.memory.last_partial
    critical = [f"{noun} failed"] if failure is not None and now - failure < AD_HOC_MEMORY else []
    warning = [f"{noun} failed in part"] if partial is not None and now - partial < AD_HOC_MEMORY else []
    return critical, warning
