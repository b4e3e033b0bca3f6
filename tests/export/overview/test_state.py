"""The verdicts of the status page: those of the alert rules, looked at with the same facts."""

import pytest

from backup_sentinel.export.overview import (
    State,
)
from backup_sentinel.model import Record
from export.overview.kit import CRITICAL, LAST, NEXT, OK, PAUSED, TUESDAY, WARNING, look, only
from export.store.world import (
    DAY,
    FAILED,
    GIB,
    HOUR,
    MINUTE,
    MONDAY,
    PARTIAL,
    PENDING,
    RUNNING,
    World,
    at,
    key,
    restore,
    run,
    schedule,
)


@pytest.mark.parametrize(
    ("records", "now", "state", "why"),
    [
        # The newest run decides.
        ([schedule()], MONDAY, OK, []),
        ([schedule(), run(LAST)], TUESDAY, OK, []),
        ([schedule(), run(LAST, FAILED)], LAST, CRITICAL, ["the last run failed"]),
        ([schedule(), run(LAST, FAILED), run(LAST + 1)], LAST, OK, []),
        ([schedule(), run(LAST), run(LAST + 1, FAILED)], LAST, CRITICAL, ["the last run failed"]),
        ([schedule(), run(LAST, FAILED), run(LAST + 1, FAILED)], LAST, CRITICAL, ["the last 2 runs failed"]),
        (
            [schedule(), run(LAST, FAILED), run(LAST + 1, PARTIAL)],
            LAST,
            WARNING,
            ["the last run failed in part"],
        ),
        ([schedule(), run(LAST, PARTIAL), run(LAST + 1)], LAST, OK, []),
        ([schedule(), run(LAST, PARTIAL), run(LAST + 1, FAILED)], LAST, CRITICAL, ["the last run failed"]),
        # Of those of one second the one whose name comes last is the newest.
        (
            [schedule(), run(LAST, name="a"), run(LAST, FAILED, name="b")],
            LAST,
            CRITICAL,
            ["the last run failed"],
        ),
        ([schedule(), run(LAST, FAILED, name="a"), run(LAST, name="b")], LAST, OK, []),
        (
            [schedule(), run(LAST, FAILED, name="a"), run(LAST, PARTIAL, name="b")],
            LAST,
            WARNING,
            ["the last run failed in part"],
        ),
        # Failures may be tolerated, up to a number.
        ([schedule(failures_tolerated=2), run(LAST, FAILED)], LAST, OK, []),
        (
            [schedule(failures_tolerated=2), run(LAST, FAILED), run(LAST + 1, FAILED)],
            LAST,
            CRITICAL,
            ["the last 2 runs failed"],
        ),
        (
            [schedule(failures_tolerated=2), run(LAST, PARTIAL, name="a"), run(LAST, FAILED, name="b")],
            LAST,
            WARNING,
            ["the last run failed in part"],
        ),
        # A slot is missed, then the deadline passes.
        ([schedule(), run(LAST)], NEXT + 15 * MINUTE, OK, []),
        ([schedule(), run(LAST)], NEXT + 15 * MINUTE + 1, WARNING, ["no run began when it was due"]),
        ([schedule(start_grace=HOUR), run(LAST)], NEXT + 30 * MINUTE, OK, []),
        ([schedule(), run(LAST)], NEXT + DAY + 15 * MINUTE, WARNING, ["no run began when it was due"]),
        (
            [schedule(), run(LAST)],
            NEXT + DAY + 15 * MINUTE + 1,
            CRITICAL,
            ["no recovery point in time", "no run began when it was due"],
        ),
        ([schedule(max_age=HOUR), run(LAST)], LAST + HOUR + 1, CRITICAL, ["no recovery point in time"]),
        (
            [schedule()],
            at("2026-03-03 04:00"),
            CRITICAL,
            ["no success is known", "no run began when it was due"],
        ),
        # A run under way excuses both, until it is stalled itself, but no deadline that had passed when it began.
        ([schedule(), run(LAST), run(NEXT + DAY, RUNNING)], NEXT + DAY + HOUR, OK, []),
        ([schedule(), run(LAST), run(NEXT + DAY + 30 * MINUTE, RUNNING)], NEXT + DAY + HOUR, OK, []),
        (
            [schedule(), run(LAST), run(NEXT + 2 * DAY, RUNNING)],
            NEXT + 2 * DAY + HOUR,
            CRITICAL,
            ["no recovery point in time"],
        ),
        ([schedule(), run(LAST - DAY), run(LAST, RUNNING, timeout=2 * DAY)], NEXT + HOUR, OK, []),
        (
            [schedule(), run(LAST), run(NEXT, RUNNING, timeout=HOUR)],
            NEXT + HOUR + 1,
            WARNING,
            ["a run is stalled"],
        ),
        ([schedule(), run(LAST), run(NEXT, PENDING)], NEXT + HOUR, OK, []),
        # Paused schedules owe nothing; what they have done stays done.
        ([schedule(paused=True), run(LAST)], LAST + 30 * DAY, PAUSED, ["paused"]),
        ([schedule(paused=True), run(LAST, FAILED)], LAST, CRITICAL, ["the last run failed"]),
        ([schedule("61 3 * * *", paused=True)], LAST, PAUSED, ["paused"]),
        # Without an expression there is no deadline that could tell later.
        (
            [schedule("", valid=False, message="expected 5 fields")],
            LAST,
            CRITICAL,
            ["the schedule is invalid: the operator refuses it"],
        ),
        (
            [schedule("", valid=False)],
            LAST,
            CRITICAL,
            ["the schedule is invalid: the operator refuses it"],
        ),
        # What the backups are worth.
        (
            [schedule(), run(LAST, expires=LAST + HOUR)],
            LAST + HOUR,
            CRITICAL,
            ["no run is left that could be restored"],
        ),
        (
            [schedule(of=key(action="check")), run(LAST, of=key(action="check"), expires=LAST + 1)],
            LAST + 1,
            OK,
            [],
        ),
        ([schedule(), run(LAST, size=GIB), run(LAST + 1, size=GIB / 2)], LAST, OK, []),
        (
            [schedule(), run(LAST, size=GIB), run(LAST + 1, size=GIB / 2 - 1)],
            LAST,
            WARNING,
            ["the backup is much smaller than before"],
        ),
        ([schedule(), run(LAST, size=9e7), run(LAST + 1, size=1.0)], LAST, OK, []),
        (
            [schedule("0 3 1 * *", restore_test_max_age=DAY)],
            MONDAY + DAY + 1,
            WARNING,
            ["never tested by a restore"],
        ),
        # Ad-hoc runs are held against themselves for a day.
        ([run(LAST, FAILED, of=key(""))], LAST + DAY - 1, CRITICAL, ["an ad-hoc run failed"]),
        ([run(LAST, FAILED, of=key(""))], LAST + DAY, OK, []),
        (
            [run(LAST, FAILED, of=key("")), run(LAST + 1, of=key(""))],
            LAST,
            CRITICAL,
            ["an ad-hoc run failed"],
        ),
        ([run(LAST, PARTIAL, of=key(""))], LAST, WARNING, ["an ad-hoc run failed in part"]),
        ([restore(LAST, "x", FAILED)], LAST, CRITICAL, ["a restore failed"]),
        ([restore(LAST, "x", FAILED)], LAST + DAY, OK, []),
    ],
)
def test_a_verdict_is_that_of_the_alert_rules(
    world: World, records: list[Record], now: float, state: State, why: list[str]
) -> None:
    world.list("run")
    world.put(*records)
    world.now = now
    row = only(world)
    assert (row.state, list(row.why)) == (state, why)
    assert look(world).state is state


def test_a_restore_test_that_is_too_old_is_a_warning_until_the_next_one(world: World) -> None:
    world.put(
        schedule(restore_test_max_age=DAY, max_age=99 * DAY),
        run(LAST, name="daily-1"),
        restore(LAST, "daily-1"),
    )
    world.now = LAST + DAY + 1
    [row] = [row for row in look(world).schedules if row.action == "backup"]
    assert "the last restore test is too old" in row.why
    world.put(restore(LAST + DAY, "daily-1"))
    [row] = [row for row in look(world).schedules if row.action == "backup"]
    assert "the last restore test is too old" not in row.why
