"""When a run is owed, and by when there must be a recovery point."""

from typing import Any

import pytest

from backup_sentinel.export.settings import Promise
from export.store.world import (
    DAY,
    FAILED,
    HOUR,
    MINUTE,
    MONDAY,
    PARTIAL,
    SUCCEEDED,
    World,
    at,
    key,
    run,
    schedule,
)

GRACE = 15 * MINUTE
NEW_YORK = {"timezone": "America/New_York"}


@pytest.mark.parametrize(
    ("cron", "last", "owed", "deadline", "more"),
    [
        ("0 3 * * *", "2026-03-02 03:00", "2026-03-03 03:00", "2026-03-04 03:15", {}),
        ("@every 4h", "2026-03-02 03:00", "2026-03-02 07:00", "2026-03-02 11:15", {}),
        # Monday to Friday: after Thursday's run comes Friday's, and nothing is late over the week-end.
        ("0 3 * * 1-5", "2026-03-05 03:00", "2026-03-06 03:00", "2026-03-09 03:15", {}),
        ("0 3 * * 1-5", "2026-03-06 03:00", "2026-03-09 03:00", "2026-03-10 03:15", {}),
        # The clocks of New York go forward on 8 March 2026: 03:00 is 08:00 UTC before and 07:00 after it.
        ("0 3 * * *", "2026-03-07 08:00", "2026-03-08 07:00", "2026-03-09 07:15", NEW_YORK),
        # They go back on 1 November: that night is 25 hours long.
        ("0 3 * * *", "2026-10-31 07:00", "2026-11-01 08:00", "2026-11-02 08:15", NEW_YORK),
    ],
)
def test_the_slot_owed_and_the_deadline_follow_the_calendar(
    world: World, cron: str, last: str, owed: str, deadline: str, more: dict[str, Any]
) -> None:
    world.start(schedule(cron, **more), run(at(last)))
    assert world.value("schedule_next_due") == at(owed)
    assert world.value("schedule_deadline") == at(deadline)


def test_what_is_owed_does_not_move_with_time(world: World) -> None:
    world.start(schedule(), run(at("2026-03-02 03:00")))
    before = world.value("schedule_next_due"), world.value("schedule_deadline")
    world.now += 30 * DAY
    world.put(schedule())
    assert (world.value("schedule_next_due"), world.value("schedule_deadline")) == before


def test_without_any_run_the_first_slot_after_creation_is_owed(world: World) -> None:
    world.start(schedule())
    assert world.value("schedule_next_due") == at("2026-03-02 03:00")
    assert world.value("schedule_deadline") == at("2026-03-03 03:00") + GRACE


def test_a_failed_run_is_an_attempt_and_no_recovery_point(world: World) -> None:
    world.start(schedule(), run(at("2026-03-05 03:00"), FAILED))
    assert world.value("schedule_next_due") == at("2026-03-06 03:00")
    assert world.value("schedule_deadline") == at("2026-03-03 03:00") + GRACE


def test_an_attempt_that_only_the_schedule_remembers_counts(world: World) -> None:
    world.start(schedule(last_attempt=at("2026-03-05 03:00")), run(at("2026-03-03 03:00")))
    assert world.value("last_attempt") == at("2026-03-05 03:00")
    assert world.value("schedule_next_due") == at("2026-03-06 03:00")


def test_a_manual_run_from_the_schedule_is_an_attempt_and_a_recovery_point(world: World) -> None:
    world.start(schedule(), run(at("2026-03-02 03:00")), run(at("2026-03-04 12:34"), name="by-hand"))
    assert world.value("schedule_next_due") == at("2026-03-05 03:00")
    assert world.value("schedule_deadline") == at("2026-03-06 03:15")


def test_a_slot_that_the_operator_was_told_to_skip_is_not_owed(world: World) -> None:
    world.start(schedule(skipped=at("2026-03-02 02:00")))
    assert world.value("schedule_next_due") == at("2026-03-02 03:00")
    world.put(schedule(skipped=at("2026-03-04 04:00")))
    assert world.value("schedule_next_due") == at("2026-03-05 03:00")


def test_an_edit_from_weekly_to_daily_makes_nothing_late(world: World) -> None:
    world.start(schedule("0 3 * * 0"), run(at("2026-03-08 03:00")))
    world.now = at("2026-03-13 12:00")
    world.put(schedule("0 3 * * *"))
    assert world.value("schedule_next_due") == at("2026-03-14 03:00")
    assert world.value("schedule_deadline") == at("2026-03-15 03:00") + GRACE


def test_another_time_zone_counts_as_an_edit(world: World) -> None:
    world.start(schedule(), run(at("2026-03-02 03:00")))
    world.now = at("2026-03-10 12:00")
    world.put(schedule(timezone="Asia/Tokyo"))
    assert world.value("schedule_deadline") == at("2026-03-11 18:00") + GRACE


def test_unpausing_makes_nothing_late(world: World) -> None:
    world.start(schedule(), run(at("2026-03-02 03:00")))
    world.now = at("2026-03-03 00:00")
    world.put(schedule(paused=True))
    world.now = at("2026-03-20 12:00")
    assert world.value("schedule_paused") == 1
    assert world.value("schedule_paused_since") == at("2026-03-03 00:00")
    world.put(schedule())
    assert world.value("schedule_paused") == 0
    assert not world.found("schedule_paused_since")
    assert world.value("schedule_next_due") == at("2026-03-21 03:00")
    assert world.value("schedule_deadline") == at("2026-03-22 03:00") + GRACE


def test_a_schedule_that_is_created_anew_again_and_again_still_owes(world: World) -> None:
    world.start(schedule())
    for day in range(1, 6):
        world.now = MONDAY + day * DAY
        world.drop(schedule())
        world.put(schedule(created=world.now))
    assert world.value("schedule_created") == MONDAY
    assert world.value("schedule_deadline") == at("2026-03-03 03:00") + GRACE
    assert not world.found("schedule_deleted")


def test_a_schedule_created_anew_with_another_expression_counts_as_an_edit(world: World) -> None:
    world.start(schedule("0 3 * * 0"), run(at("2026-03-08 03:00")))
    world.now = at("2026-03-13 12:00")
    world.drop(schedule("0 3 * * 0"))
    world.put(schedule("0 3 * * *", created=world.now))
    assert world.value("schedule_deadline") == at("2026-03-15 03:00") + GRACE


def test_a_maximum_age_replaces_the_computed_promise(world: World) -> None:
    world.start(schedule(max_age=26 * HOUR), run(at("2026-03-05 03:00")))
    assert world.value("schedule_deadline") == at("2026-03-06 05:00")
    assert world.value("schedule_max_age_seconds") == 26 * HOUR


def test_a_maximum_age_counts_from_the_creation_while_there_is_no_recovery_point(world: World) -> None:
    world.start(schedule(max_age=26 * HOUR), run(at("2026-03-05 03:00"), FAILED))
    assert world.value("schedule_deadline") == MONDAY + 26 * HOUR


def test_schedules_on_demand_owe_nothing_unless_an_age_is_set(world: World) -> None:
    world.start(schedule(on_demand=True))
    assert not world.families() & {"schedule_next_due", "schedule_deadline"}
    world.put(schedule(on_demand=True, max_age=DAY))
    assert world.value("schedule_deadline") == MONDAY + DAY


def test_the_slot_that_an_operator_tells_wins(world: World) -> None:
    world.start(schedule(next_due=at("2026-04-01 00:00")))
    assert world.value("schedule_next_due") == at("2026-04-01 00:00")


def test_of_several_expressions_the_earliest_slot_counts(world: World) -> None:
    world.start(schedule(crons=("0 3 * * 0", "0 5 * * *")), run(at("2026-03-07 05:00")))
    assert world.value("schedule_next_due") == at("2026-03-08 03:00")
    assert world.value("schedule_deadline") == at("2026-03-08 05:00") + GRACE


@pytest.mark.parametrize("facts", [{"cron": "61 3 * * *"}, {"valid": False}])
def test_a_schedule_that_cannot_be_understood_or_is_refused_is_invalid(
    world: World, facts: dict[str, Any]
) -> None:
    world.start(schedule(**facts))
    assert world.value("schedule_valid") == 0
    world.put(schedule())
    assert world.value("schedule_valid") == 1


PROMISES: list[dict[str, Any]] = [
    {"schedule": "hourly*", "failures_tolerated": 3},
    {"action": "export", "max_age": "8d", "partial_counts": "never"},
    {"namespace": "velero", "operator": "velero", "cluster": "prod", "start_grace": "5m", "max_age": "1h"},
    {"cluster": "dr", "max_age": "1m"},
]


@pytest.mark.parametrize(
    ("parts", "age", "grace", "tolerated"),
    [
        ({}, HOUR, 5 * MINUTE, 1),
        ({"action": "export"}, 8 * DAY, 5 * MINUTE, 1),
        ({"schedule": "hourly-shop"}, HOUR, 5 * MINUTE, 3),
        ({"namespace": "backup"}, None, GRACE, 1),
        ({"cluster": "dr"}, MINUTE, GRACE, 1),
    ],
)
def test_the_first_promise_that_says_something_about_a_field_wins(
    parts: dict[str, str], age: float | None, grace: float, tolerated: int
) -> None:
    world = World(promises=[_promise(entry) for entry in PROMISES])
    world.put(schedule(of=key(**parts)))
    assert world.value("schedule_max_age_seconds") == age
    assert world.value("schedule_start_grace_seconds") == grace
    assert world.value("schedule_failures_tolerated") == tolerated


def _promise(entry: dict[str, Any]) -> Promise:
    return Promise(**entry)


def test_promises_are_made_per_action(world: World) -> None:
    backup, export = key(), key(action="export")
    world.start(schedule("0 3 * * *", of=backup), schedule("0 3 * * 0", of=export))
    failed = run(at("2026-03-08 03:00"), FAILED, of=export)
    world.put(run(at("2026-03-02 03:00"), of=backup))
    world.list(world.feed_of(failed), failed)
    assert world.value("schedule_next_due", action="backup") == at("2026-03-03 03:00")
    assert world.value("schedule_next_due", action="export") == at("2026-03-15 03:00")
    assert world.value("consecutive_failures", action="backup") == 0


def test_annotations_win_over_settings() -> None:
    world = World(
        promises=[
            _promise(
                {"max_age": "1h", "start_grace": "1h", "failures_tolerated": 9, "restore_test_max_age": "9w"}
            )
        ]
    )
    world.put(schedule(max_age=2.0, start_grace=3.0, failures_tolerated=4, restore_test_max_age=5.0))
    shown = {
        "schedule_max_age_seconds": 2.0,
        "schedule_start_grace_seconds": 3.0,
        "schedule_failures_tolerated": 4,
        "restore_test_max_age_seconds": 5.0,
    }
    assert {family: world.value(family) for family in shown} == shown


def test_optional_promises_are_absent_unless_made(world: World) -> None:
    world.start(schedule())
    assert not world.families() & {"schedule_max_age_seconds", "restore_test_max_age_seconds"}


# Recovery points of runs that failed in part ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "annotation", "failed", "counts"),
    [
        (None, None, 0, True),
        (None, None, None, True),
        (None, None, 1, False),
        ("without-failed-volumes", None, 1, False),
        ("always", None, 1, True),
        ("never", None, 0, False),
        ("never", True, 1, True),
        ("always", False, 0, False),
    ],
)
def test_a_partial_run_is_a_recovery_point_if_no_volume_failed_or_people_say_so(
    mode: str | None, annotation: bool | None, failed: int | None, counts: bool
) -> None:
    world = World(promises=[_promise({"partial_counts": mode})] if mode else [])
    world.start(
        schedule(partial_counts=annotation), run(at("2026-03-05 03:00"), PARTIAL, failed_volumes=failed)
    )
    assert world.value("last_recovery_point") == (at("2026-03-05 03:00") if counts else None)
    assert world.value("schedule_deadline") == at("2026-03-07 03:15" if counts else "2026-03-03 03:15")
    assert not world.found("last_success")


def test_a_recovery_point_is_as_old_as_the_start_of_its_run(world: World) -> None:
    world.start(schedule(), run(MONDAY, SUCCEEDED, started=MONDAY + HOUR, ended=MONDAY + 10 * HOUR))
    assert world.value("last_recovery_point") == MONDAY + HOUR
    assert world.value("last_success") == MONDAY


def test_an_edit_of_what_counts_applies_to_runs_that_are_there(world: World) -> None:
    world.start(schedule(), run(MONDAY, PARTIAL, failed_volumes=1))
    world.put(schedule(partial_counts=True))
    assert world.value("last_recovery_point") == MONDAY
    world.put(schedule())
    assert not world.found("last_recovery_point")
