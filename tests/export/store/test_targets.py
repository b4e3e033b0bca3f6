"""Schedules whose runs are told apart by target: each volume or application has its own state."""

import pytest

from export.store.world import DAY, FAILED, HOUR, MONDAY, World, at, copied, key, run, schedule

A, B = key(target="a"), key(target="b")


def test_one_target_that_fails_is_not_hidden_by_others_that_succeed(world: World) -> None:
    world.start(schedule(), run(MONDAY, FAILED, of=A, name="a1"), run(MONDAY + 1, of=B, name="b1"))
    assert world.value("last_failure", target="a") == MONDAY
    assert world.value("consecutive_failures", target="a") == 1
    assert world.value("consecutive_failures", target="b") == 0
    assert world.value("last_success", target="b") == MONDAY + 1


def test_the_promises_of_the_schedule_are_those_of_each_target(world: World) -> None:
    world.start(schedule(max_age=26 * HOUR, failures_tolerated=2))
    world.put(run(MONDAY + DAY, of=A), run(MONDAY + 2 * DAY, of=B))
    assert world.value("schedule_deadline", target="a") == MONDAY + DAY + 26 * HOUR
    assert world.value("schedule_deadline", target="b") == MONDAY + 2 * DAY + 26 * HOUR
    assert world.value("schedule_failures_tolerated", target="a") == 2
    assert world.value("schedule_next_due", target="a") == at("2026-03-03 03:00")


@pytest.mark.parametrize("schedule_first", [True, False])
def test_it_does_not_matter_whether_schedule_or_target_is_seen_first(
    world: World, schedule_first: bool
) -> None:
    world.start()
    objects = [schedule(), run(MONDAY + DAY, of=A)]
    world.put(*(objects if schedule_first else reversed(objects)))
    assert world.value("schedule_deadline", target="a") == at("2026-03-04 03:15")


def test_a_schedule_with_targets_owes_nothing_of_its_own(world: World) -> None:
    world.start(schedule())
    assert world.found("schedule_deadline", target="")
    world.put(run(MONDAY, of=A))
    assert not world.families(target="", schedule="daily") & {
        "schedule_deadline",
        "schedule_next_due",
        "restorable_runs",
    }
    assert world.value("schedule_valid", target="") == 1


def test_a_target_is_as_old_as_its_first_run(world: World) -> None:
    world.start(schedule())
    world.now = at("2026-04-01 03:00")
    world.put(run(world.now + 1, FAILED, of=A))
    assert world.value("schedule_deadline", target="a") == at("2026-04-03 03:15")


def test_what_the_schedule_remembers_is_not_said_of_its_targets(world: World) -> None:
    world.start(schedule(last_attempt=MONDAY + DAY, last_success=MONDAY + DAY), run(MONDAY, FAILED, of=A))
    assert world.value("last_attempt", target="a") == MONDAY
    assert not world.families(target="a") & {"last_success", "last_recovery_point"}


def test_pausing_and_deleting_the_schedule_reach_its_targets(world: World) -> None:
    world.start(schedule(), run(MONDAY, of=A))
    world.put(schedule(paused=True))
    assert world.value("schedule_paused", target="a") == 1
    assert world.value("schedule_paused_since", target="a") == MONDAY
    world.drop(schedule())
    assert world.value("schedule_deleted", target="a") == MONDAY
    assert not world.found("last_success")
    world.now += 7 * DAY
    assert world.families(target="a") == {"restorable_runs", "existing_runs"}


def test_a_target_of_which_nothing_is_left_is_forgotten_after_the_tombstone(world: World) -> None:
    world.start(schedule(), run(MONDAY, of=A), run(MONDAY, of=B, name="b1"))
    world.drop(run(MONDAY, of=A))
    world.now = MONDAY + 7 * DAY - 1
    assert world.value("restorable_runs", target="a") == 0
    world.now += 1
    assert not world.families(target="a")
    assert world.families(target="b") >= {"last_success", "schedule_deadline"}
    world.drop(run(MONDAY, of=B, name="b1"))
    assert not world.families(target="b")
    assert world.found("schedule_deadline", target="")


def test_a_target_known_only_from_copies_owes_nothing(world: World) -> None:
    world.start(schedule(), copied(MONDAY + DAY, MONDAY, of=A))
    assert world.value("restorable_runs", target="a") == 1
    assert not world.found("schedule_deadline", target="a")
