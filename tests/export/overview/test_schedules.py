"""Rows of schedules: what is told of each, in which order, and of which there is none."""

from typing import Any

import msgspec

from backup_sentinel.export.overview import (
    Lens,
    Overview,
    find_locations,
    tell_locations,
)
from backup_sentinel.model import FailureReason
from export.overview.kit import CRITICAL, LAST, OK, look, only
from export.store.world import (
    DAY,
    FAILED,
    HOUR,
    PARTIAL,
    RUNNING,
    SUCCEEDED,
    World,
    key,
    location,
    run,
    schedule,
    volume,
)


def test_a_row_tells_what_is_known_and_leaves_out_what_is_not(world: World) -> None:
    details: dict[str, Any] = {"ended": LAST + HOUR, "reason": FailureReason.TLS}
    world.put(
        schedule(timezone="Europe/Vienna", location="s3"),
        run(LAST, FAILED, **details),
        run(LAST + DAY, RUNNING),
    )
    told = msgspec.to_builtins(only(world))
    assert told["newest"]["reason"] == "tls"
    assert told["newest"]["outcome"] == "failed"
    assert told["newest"]["duration"] == HOUR
    assert told["running"] == 1
    assert told["location"] == "s3"
    assert (told["cron"], told["timezone"]) == ("0 3 * * *", "Europe/Vienna")
    assert not {"last_success", "size", "last_partial"} & told.keys()


def test_the_reason_of_a_former_failure_is_not_shown_after_a_success(world: World) -> None:
    world.put(schedule(), run(LAST, reason=FailureReason.TLS))
    assert only(world).reason is None
    newest = only(world).newest
    assert newest is not None
    assert newest.reason is None


def test_the_worst_comes_first_and_then_the_alphabet(world: World) -> None:
    for name, outcome in {"c": FAILED, "a": FAILED, "b": PARTIAL}.items():
        world.put(schedule(of=key(name)), run(LAST, outcome, of=key(name)))
    world.put(schedule(of=key("0-paused"), paused=True), schedule(of=key("1-fine")))
    assert [row.schedule for row in look(world).schedules] == ["a", "c", "b", "0-paused", "1-fine"]


def test_orphans_and_deleted_schedules_have_no_row(world: World) -> None:
    world.start(schedule(), run(LAST, FAILED, of=key("gone")))
    world.drop(schedule())
    assert look(world).schedules == ()


def test_targets_have_rows_and_the_schedule_they_share_has_none(world: World) -> None:
    world.put(schedule(), run(LAST, FAILED, of=key(target="b")), run(LAST, of=key(target="a"), name="x"))
    assert [(row.target, row.state) for row in look(world).schedules] == [("b", CRITICAL), ("a", OK)]


def test_it_can_be_read_back_from_json(world: World) -> None:
    world.put(schedule(), run(LAST, FAILED))
    overview = look(world)
    assert msgspec.json.decode(msgspec.json.encode(overview), type=Overview) == overview


def test_the_strip_is_the_last_runs_that_exist_oldest_first(world: World) -> None:
    runs = [run(LAST + n * HOUR, FAILED if n == 19 else SUCCEEDED) for n in range(20)]
    world.put(schedule(), *runs, run(LAST + 99 * DAY, synced_copies=True, started=LAST, ended=LAST + 1))
    strip = only(world).runs
    assert [mark.at for mark in strip] == [LAST + n * HOUR for n in range(6, 20)]
    assert [mark.outcome for mark in strip] == [SUCCEEDED] * 13 + [FAILED]


def test_the_newest_decisive_run_is_shown_although_its_object_is_gone(world: World) -> None:
    world.start(schedule(), run(LAST, FAILED))
    world.drop(run(LAST, FAILED))
    row = only(world)
    assert [mark.outcome for mark in row.runs] == [FAILED]
    assert row.newest is not None
    assert row.newest.name == row.runs[0].name


def test_a_promise_is_the_age_that_the_recovery_point_may_reach(world: World) -> None:
    world.start(schedule(max_age=26 * HOUR), run(LAST))
    row = only(world)
    assert (row.last_recovery_point, row.promise) == (LAST, 26 * HOUR)


def test_what_an_operator_wrote_is_told_on_permission_only_and_without_secrets(world: World) -> None:
    secret = "password=hunter2"
    failed = run(LAST, FAILED, message=f"upload failed: {secret}")
    world.start(schedule(valid=False, message=f"refused: {secret}"), failed, location(message=secret))
    world.put(volume(failed, outcome=FAILED, message=f"lost: {secret}"))
    closed = msgspec.json.encode(look(world))
    assert b"message" not in closed
    assert b"refused:" not in closed
    row = look(world, texts=True).schedules[0]
    assert row.newest is not None
    assert (row.message, row.newest.message) == ("refused: password=***", "upload failed: password=***")
    assert row.newest.volumes[0].message == "lost: password=***"
    lens = Lens(world.store, world.now, texts=True)
    assert [place.message for place in tell_locations(lens, find_locations(lens))] == ["password=***"]


def test_a_row_tells_of_the_run_under_way_and_the_state_of_its_location(world: World) -> None:
    world.start(
        schedule(location="s3"),
        run(LAST, RUNNING, items=5.0, items_expected=20.0, phase="InProgress"),
        location("s3", available=False, reason=FailureReason.TLS),
    )
    row = only(world)
    assert row.under_way is not None
    assert (row.under_way.phase, row.under_way.progress) == ("InProgress", 0.25)
    assert (row.location, row.location_available, row.location_reason) == ("s3", False, "tls")
