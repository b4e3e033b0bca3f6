"""When a stream owes its next run, and by when it must have a recovery point.

Instants only: whether they have passed is decided by whoever compares them with the time.
"""

from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec

from backup_sentinel.export.cron import ScheduleError, parse
from backup_sentinel.export.settings import ExportSettings, PartialCounts, Promise
from backup_sentinel.model import Schedule, ScheduleKey

START_GRACE = 900.0
"""Seconds a run may start late by default: one reconcile period, a queue of other runs, a slow API server."""


class Expectation(msgspec.Struct, frozen=True):
    """What settings and annotations together expect of one stream. Durations in seconds."""

    start_grace: float = START_GRACE
    max_age: float | None = None
    restore_test_max_age: float | None = None
    partial_counts: PartialCounts = "without-failed-volumes"
    failures_tolerated: int = 1


def expect(key: ScheduleKey, schedule: Schedule, settings: ExportSettings) -> Expectation:
    """Combine the annotations of the schedule, the settings that match it, and the defaults, in this order."""
    matching = [promise for promise in settings.promises if _matches(promise, key)]

    def seconds(field: str) -> float | None:
        return next((value for promise in matching if (value := promise.seconds(field)) is not None), None)

    grace = schedule.start_grace if schedule.start_grace is not None else seconds("start_grace")
    partial = next((promise.partial_counts for promise in matching if promise.partial_counts), None)
    if schedule.partial_counts is not None:
        partial = "always" if schedule.partial_counts else "never"
    tolerated = schedule.failures_tolerated or next(
        (promise.failures_tolerated for promise in matching if promise.failures_tolerated), None
    )
    return Expectation(
        start_grace=(START_GRACE if grace is None else grace) + _width(schedule),
        max_age=schedule.max_age if schedule.max_age is not None else seconds("max_age"),
        restore_test_max_age=(
            schedule.restore_test_max_age
            if schedule.restore_test_max_age is not None
            else seconds("restore_test_max_age")
        ),
        partial_counts=partial or "without-failed-volumes",
        failures_tolerated=tolerated or 1,
    )


def _matches(promise: Promise, key: ScheduleKey) -> bool:
    return all(
        fnmatchcase(value, pattern)
        for value, pattern in (
            (key.cluster, promise.cluster),
            (key.operator, promise.operator),
            (key.namespace, promise.namespace),
            (key.schedule, promise.schedule),
            (key.action, promise.action),
        )
    )


def flaw(schedule: Schedule) -> str | None:
    """Return why a cron expression of the schedule cannot be understood, or None."""
    for cron in schedule.crons:
        try:
            parse(cron, schedule.dialect, schedule.timezone)
        except ScheduleError as error:
            return str(error)
    return None


def _width(schedule: Schedule) -> float:
    """Return how many seconds after a slot its run may begin by right, where slots are windows."""
    widths = [0.0]
    for cron in schedule.crons:
        with suppress(ScheduleError):
            widths.append(parse(cron, schedule.dialect, schedule.timezone).width)
    return max(widths)


def slot(schedule: Schedule, after: float, *, nth: int = 1) -> float | None:
    """Return the nth slot of any of the schedule's expressions after an instant; None where there is none."""
    instant: float | None = after
    for _ in range(nth):
        if instant is None:
            return None
        instant = _next(schedule.crons, schedule.dialect, schedule.timezone, instant)
    return instant


@lru_cache(1 << 14)  # a schedule is shown far more often than it gets another run
def _next(crons: tuple[str, ...], dialect: str, timezone: str | None, after: float) -> float | None:
    slots: list[float] = []
    for cron in crons:
        try:
            found = parse(cron, dialect, timezone).after(after)
        except ScheduleError:
            continue
        if found is not None:
            slots.append(found)
    return min(slots, default=None)


def later(one: float | None, other: float | None) -> float | None:
    """Return the later of two instants, or the one that is known."""
    return other if one is None or (other is not None and other > one) else one


def latest(instants: Sequence[float | None]) -> float | None:
    """Return the latest of the instants that are known."""
    return max((instant for instant in instants if instant is not None), default=None)
