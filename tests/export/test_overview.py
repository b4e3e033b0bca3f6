"""The verdicts of the status page: those of the alert rules, looked at with the same facts."""

from typing import Any

import msgspec
import pytest

from backup_sentinel.export.overview import Overview, Row, State, survey
from backup_sentinel.model import FailureReason, Record
from export.store.world import (
    DAY,
    FAILED,
    FORBIDDEN,
    GIB,
    HOUR,
    MINUTE,
    MONDAY,
    PARTIAL,
    PENDING,
    RUNNING,
    UNREACHABLE,
    World,
    at,
    key,
    restore,
    run,
    schedule,
)

OK, WARNING, CRITICAL, PAUSED = State.OK, State.WARNING, State.CRITICAL, State.PAUSED
TUESDAY = MONDAY + DAY
LAST, NEXT = at("2026-03-02 03:00"), at("2026-03-03 03:00")


def look(world: World) -> Overview:
    world.store.tick()
    world.store.refresh()
    return survey(world.store, world.now, "1.2.3")


def only(world: World) -> Row:
    [row] = look(world).schedules
    return row


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
        # Failures may be tolerated, up to a number.
        ([schedule(failures_tolerated=2), run(LAST, FAILED)], LAST, OK, []),
        (
            [schedule(failures_tolerated=2), run(LAST, FAILED), run(LAST + 1, FAILED)],
            LAST,
            CRITICAL,
            ["the last 2 runs failed"],
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
        # A run under way excuses both, until it is stalled itself.
        ([schedule(), run(LAST), run(NEXT + 2 * DAY, RUNNING)], NEXT + 2 * DAY + HOUR, OK, []),
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
            ["the schedule is invalid: expected 5 fields"],
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


@pytest.fixture
def world() -> World:
    return World()


def test_a_row_tells_what_is_known_and_leaves_out_what_is_not(world: World) -> None:
    details: dict[str, Any] = {"ended": LAST + HOUR, "reason": FailureReason.TLS}
    world.put(
        schedule(timezone="Europe/Vienna", location="s3"),
        run(LAST, FAILED, **details),
        run(LAST + DAY, RUNNING),
    )
    told = msgspec.to_builtins(only(world))
    assert told["newest_reason"] == "tls"
    assert told["newest_outcome"] == "failed"
    assert told["duration"] == HOUR
    assert told["running"] == 1
    assert told["location"] == "s3"
    assert (told["cron"], told["timezone"]) == ("0 3 * * *", "Europe/Vienna")
    assert not {"last_success", "size", "last_partial", "target"} & told.keys()


def test_the_reason_of_a_former_failure_is_not_shown_after_a_success(world: World) -> None:
    world.put(schedule(), run(LAST, reason=FailureReason.TLS))
    assert only(world).newest_reason == ""


def test_the_worst_comes_first_and_then_the_alphabet(world: World) -> None:
    for name, outcome in {"c": FAILED, "a": FAILED, "b": PARTIAL}.items():
        world.put(schedule(of=key(name)), run(LAST, outcome, of=key(name)))
    world.put(schedule(of=key("0-paused"), paused=True), schedule(of=key("1-fine")))
    assert [row.schedule for row in look(world).schedules] == ["a", "c", "b", "0-paused", "1-fine"]


def test_orphans_and_deleted_schedules_have_no_row(world: World) -> None:
    world.start(schedule(), run(LAST, FAILED, of=key("gone")))
    world.drop(schedule())
    assert look(world).schedules == []


def test_targets_have_rows_and_the_schedule_they_share_has_none(world: World) -> None:
    world.put(schedule(), run(LAST, FAILED, of=key(target="b")), run(LAST, of=key(target="a"), name="x"))
    assert [(row.target, row.state) for row in look(world).schedules] == [("b", CRITICAL), ("a", OK)]


def test_a_cluster_that_does_not_answer_is_critical(world: World) -> None:
    world.start(schedule(), run(LAST))
    for feed in list(world.store.feeds.values()):
        world.store.outage(feed, UNREACHABLE)
    overview = look(world)
    assert overview.state is CRITICAL
    [cluster] = overview.clusters
    assert cluster.up is False
    assert cluster.outages["runs"] == "connection refused"
    assert cluster.last_contact == MONDAY
    assert cluster.states[OK] == 1


def test_a_resource_that_cannot_be_read_is_a_warning_and_never_silence(world: World) -> None:
    world.list("schedule")
    world.list(world.feed(scope="a"))
    world.store.outage(world.feed(scope="b"), FORBIDDEN)
    overview = look(world)
    assert (overview.state, overview.schedules) == (WARNING, [])
    assert overview.clusters[0].outages == {"runs in b": "forbidden"}


def test_a_kind_that_is_no_longer_served_is_named_and_one_that_never_was_is_not(world: World) -> None:
    world.list("run")
    world.store.missing(world.feed("run"))
    world.store.missing(world.feed("volume"))
    [cluster] = look(world).clusters
    assert cluster.outages == {"runs": "no longer served"}


def test_a_cluster_not_asked_yet_is_neither_up_nor_down(world: World) -> None:
    world.feed()
    overview = look(world)
    assert (overview.state, overview.clusters[0].up) == (OK, None)


def test_it_can_be_read_back_from_json(world: World) -> None:
    world.put(schedule(), run(LAST, FAILED))
    overview = look(world)
    assert msgspec.json.decode(msgspec.json.encode(overview), type=Overview) == overview
