"""Finished runs are counted once each, whatever lists, deletions and restarts of the watch do."""

import pytest

from backup_sentinel.export.store.ledger import CROWD, MARGIN
from backup_sentinel.model import Outcome
from export.store.world import (
    DAY,
    FAILED,
    HOUR,
    MINUTE,
    MONDAY,
    PENDING,
    RUNNING,
    SUCCEEDED,
    UNKNOWN,
    World,
    copied,
    run,
    schedule,
)

FINISHED = [SUCCEEDED, Outcome.PARTIAL, FAILED, Outcome.CANCELLED, Outcome.SKIPPED]


@pytest.fixture
def started(world: World) -> World:
    """A world with one schedule and no run so far."""
    world.start(schedule())
    return world


def counted(world: World) -> dict[str, float]:
    """Return the counters that have moved."""
    found = world.found("runs_total")
    return {dict(labels)["outcome"]: total for labels, total in found.items() if total}


def test_all_terminal_outcomes_are_there_at_zero_before_anything_happens(started: World) -> None:
    outcomes = {dict(labels)["outcome"]: total for labels, total in started.found("runs_total").items()}
    assert outcomes == dict.fromkeys(FINISHED, 0)


def test_history_is_not_counted(world: World) -> None:
    world.start(schedule(), *(run(MONDAY + i * HOUR, FINISHED[i % 5]) for i in range(3 * CROWD)))
    assert not counted(world)
    world.list("run", *(run(MONDAY + i * HOUR, FINISHED[i % 5]) for i in reversed(range(3 * CROWD))))
    assert not counted(world)


@pytest.mark.parametrize("outcome", FINISHED)
def test_a_run_that_finishes_is_counted_once(started: World, outcome: Outcome) -> None:
    for state in (PENDING, RUNNING, outcome, outcome):
        started.put(run(MONDAY, state))
    started.list("run", run(MONDAY, outcome))
    started.drop(run(MONDAY, outcome))
    assert counted(started) == {outcome: 1}


def test_a_run_that_was_open_at_the_start_is_counted_when_it_finishes(world: World) -> None:
    world.start(schedule(), run(MONDAY, RUNNING), *(run(MONDAY + i * HOUR) for i in range(1, 2 * CROWD)))
    world.put(run(MONDAY, FAILED))
    assert counted(world) == {"failed": 1}


def test_a_run_that_is_first_seen_finished_is_counted(started: World) -> None:
    started.put(run(MONDAY, FAILED))
    assert counted(started) == {"failed": 1}


def test_runs_of_a_gap_in_the_watch_are_counted_in_whatever_order_the_list_shows_them(started: World) -> None:
    started.put(run(MONDAY))
    missed = [run(MONDAY + i * DAY, FAILED) for i in (3, 1, 2)]
    started.list("run", missed[0], run(MONDAY), complete=False)
    started.list("run", *missed[1:], first=False)
    assert counted(started) == {"succeeded": 1, "failed": 3}


def test_events_may_come_out_of_order_within_a_margin(started: World) -> None:
    started.put(run(MONDAY + MARGIN))
    started.put(run(MONDAY + 1))
    assert counted(started) == {"succeeded": 2}


@pytest.mark.parametrize("outcome", [PENDING, RUNNING])
def test_a_run_deleted_while_open_leaves_running_and_counts_as_unknown(
    started: World, outcome: Outcome
) -> None:
    started.put(run(MONDAY, outcome))
    started.drop(run(MONDAY, outcome))
    assert counted(started) == {"unknown": 1}
    assert started.value("running") == 0


def test_a_run_that_vanishes_and_turns_up_again_is_not_counted_again(started: World) -> None:
    started.put(run(MONDAY, RUNNING))
    started.list("run")
    started.put(run(MONDAY, RUNNING), run(MONDAY, SUCCEEDED))
    assert counted(started) == {"unknown": 1}


def test_a_long_run_is_counted_although_many_shorter_ones_finished_since(started: World) -> None:
    started.put(run(MONDAY, RUNNING))
    for i in range(1, 20):
        started.put(run(MONDAY + i * HOUR))
    started.put(run(MONDAY, FAILED))
    assert counted(started) == {"succeeded": 19, "failed": 1}


def test_another_run_of_the_same_name_is_another_run(started: World) -> None:
    for created in (MONDAY, MONDAY + DAY):
        started.put(run(created, RUNNING, name="daily"), run(created, SUCCEEDED, name="daily"))
        started.drop(run(created, name="daily"))
    assert counted(started) == {"succeeded": 2}


def test_a_run_replaced_under_its_name_while_open_ends_as_unknown(started: World) -> None:
    started.put(run(MONDAY, RUNNING, name="daily"))
    started.put(run(MONDAY + MINUTE, RUNNING, name="daily"), run(MONDAY + MINUTE, FAILED, name="daily"))
    assert counted(started) == {"unknown": 1, "failed": 1}
    assert started.value("existing_runs", outcome="failed") == 1


def test_copies_of_runs_of_another_cluster_are_not_counted(started: World) -> None:
    started.put(copied(MONDAY + DAY, MONDAY))
    assert not counted(started)


def test_deleting_and_unknown_phases_are_no_end(started: World) -> None:
    for state in (RUNNING, UNKNOWN, RUNNING, SUCCEEDED, Outcome.DELETING):
        started.put(run(MONDAY, state))
    started.drop(run(MONDAY, Outcome.DELETING))
    assert counted(started) == {"succeeded": 1}


def test_existing_runs_go_down_with_their_objects_and_counters_do_not(started: World) -> None:
    runs = [run(MONDAY + i * HOUR, FAILED) for i in range(3)]
    started.put(*runs)
    started.drop(*runs[:2])
    assert started.value("existing_runs", outcome="failed") == 1
    assert counted(started) == {"failed": 3}
    started.drop(runs[2])
    assert not started.found("existing_runs")


def test_counters_of_a_schedule_created_anew_go_on(started: World) -> None:
    started.put(run(MONDAY, FAILED))
    started.drop(schedule())
    started.put(schedule())
    assert counted(started) == {"failed": 1}
