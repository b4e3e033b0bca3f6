"""Volume objects: what they add to the run that moved them, whenever they arrive."""

import pytest

from backup_sentinel.model import Outcome, Record
from export.store.world import (
    DAY,
    FAILED,
    GIB,
    MONDAY,
    PARTIAL,
    RUNNING,
    SUCCEEDED,
    World,
    key,
    run,
    schedule,
    volume,
)


@pytest.mark.parametrize("lost", [FAILED, Outcome.CANCELLED])
@pytest.mark.parametrize("first", ["run", "volume"])
def test_a_failed_volume_takes_the_recovery_point_away_whichever_arrives_first(
    world: World, lost: Outcome, first: str
) -> None:
    world.start(schedule())
    partial = run(MONDAY, PARTIAL)
    objects: list[Record] = [partial, volume(partial, outcome=lost)]
    for record in objects if first == "run" else reversed(objects):
        world.put(record)
    assert not world.found("last_recovery_point")
    assert world.value("volume_failures", target_namespace="shop") == 1


def test_volumes_that_succeeded_leave_a_partial_run_a_recovery_point(world: World) -> None:
    partial = run(MONDAY, PARTIAL)
    world.start(schedule(), partial, volume(partial))
    assert world.value("last_recovery_point") == MONDAY


@pytest.mark.parametrize("run_first", [True, False])
def test_a_partial_run_does_not_become_a_recovery_point_when_it_is_deleted(
    world: World, run_first: bool
) -> None:
    partial = run(MONDAY, PARTIAL)
    failed = volume(partial, outcome=FAILED)
    world.start(schedule(), partial, failed)
    objects: list[Record] = [partial, failed] if run_first else [failed, partial]
    for record in objects:
        world.drop(record)
        assert not world.found("last_recovery_point")


def test_a_failed_volume_is_remembered_while_its_run_changes(world: World) -> None:
    partial = run(MONDAY, PARTIAL)
    failed = volume(partial, outcome=FAILED)
    world.start(schedule(), partial, failed)
    world.drop(failed)
    world.put(run(MONDAY, PARTIAL, warnings=1))
    assert not world.found("last_recovery_point")


def test_a_volume_that_is_tried_again_is_not_lost(world: World) -> None:
    partial = run(MONDAY, PARTIAL)
    world.start(schedule(), partial, volume(partial, outcome=FAILED))
    world.put(volume(partial, outcome=SUCCEEDED))
    assert world.value("last_recovery_point") == MONDAY


def test_a_new_run_of_the_same_name_has_nothing_of_the_volumes_of_the_former(world: World) -> None:
    partial = run(MONDAY, PARTIAL, name="daily")
    failed = volume(partial, outcome=FAILED)
    world.start(schedule(), partial, failed)
    world.drop(failed, partial)
    world.put(run(MONDAY + DAY, PARTIAL, name="daily"))
    assert world.value("last_recovery_point") == MONDAY + DAY


def test_a_partial_recovery_point_survives_its_objects(world: World) -> None:
    partial = run(MONDAY, PARTIAL)
    moved = volume(partial)
    world.start(schedule(), partial, moved)
    world.drop(partial, moved)
    assert world.value("last_recovery_point") == MONDAY


@pytest.mark.parametrize("first", ["run", "volumes"])
def test_the_size_of_a_run_that_does_not_tell_is_that_of_its_volumes(world: World, first: str) -> None:
    world.start(schedule())
    done = run(MONDAY)
    moved = [
        volume(done, "a", size=GIB),
        volume(done, "b", size=2 * GIB, target_namespace="web"),
        volume(done, "c"),
    ]
    objects: list[Record] = [done, *moved] if first == "run" else [*moved, done]
    for record in objects:
        world.put(record)
    assert world.value("last_success_size_bytes") == 3 * GIB
    assert {
        dict(labels)["target_namespace"]: size for labels, size in world.found("volume_bytes").items()
    } == {
        "shop": GIB,
        "web": 2 * GIB,
    }


def test_a_new_run_of_the_same_name_has_its_own_size(world: World) -> None:
    former, again = run(MONDAY, name="daily"), run(MONDAY + DAY, name="daily")
    world.start(schedule(), former, volume(former, size=GIB))
    assert world.value("last_success_size_bytes") == GIB
    world.drop(volume(former, size=GIB), former)
    world.put(again, volume(again, size=2 * GIB))
    assert world.value("last_success_size_bytes") == 2 * GIB
    assert world.value("size_baseline_bytes") == GIB


def test_the_size_that_the_run_tells_wins_over_its_volumes(world: World) -> None:
    done = run(MONDAY, size=5.0)
    world.start(schedule(), done, volume(done, size=GIB))
    assert world.value("last_success_size_bytes") == 5.0


def test_a_size_does_not_shrink_because_volume_objects_are_cleaned_up(world: World) -> None:
    done = run(MONDAY)
    moved = [volume(done, name, size=GIB) for name in "ab"]
    world.start(schedule(), done, *moved)
    world.drop(moved[0])
    assert world.value("last_success_size_bytes") == 2 * GIB
    world.drop(done, moved[1])
    assert world.value("last_success_size_bytes") == 2 * GIB


def test_volumes_without_a_size_show_no_bytes(world: World) -> None:
    done = run(MONDAY)
    world.start(schedule(), done, volume(done))
    assert not world.found("volume_bytes")
    assert world.value("volume_failures") == 0


def test_volumes_are_those_of_the_newest_decisive_run(world: World) -> None:
    old, new, running = run(MONDAY), run(MONDAY + DAY), run(MONDAY + 2 * DAY, RUNNING)
    world.start(schedule(), old, new, running)
    world.put(volume(old, size=1.0), volume(new, size=2.0), volume(running, size=3.0))
    assert world.value("volume_bytes") == 2.0


def test_a_run_of_another_action_or_namespace_has_its_own_volumes(world: World) -> None:
    export = key(action="export")
    world.start(schedule(), schedule(of=export))
    mine, other = run(MONDAY, name="x"), run(MONDAY, of=export, name="x")
    world.put(mine, other, volume(other, size=1.0), volume(run(MONDAY, name="x", namespace="web"), size=9.0))
    assert not world.found("volume_bytes", action="backup")
    assert world.value("volume_bytes", action="export") == 1.0


# Size history ----------------------------------------------------------------------------------------------


def test_a_size_is_compared_with_the_median_of_seven_successes_before_it(world: World) -> None:
    sizes = [999.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 5.0]
    world.start(schedule(), *(run(MONDAY + i * DAY, size=size) for i, size in enumerate(sizes)))
    assert world.value("last_success_size_bytes") == 5.0
    assert world.value("size_baseline_bytes") == 40.0


def test_failures_and_partial_runs_have_no_part_in_the_size_history(world: World) -> None:
    world.start(schedule(), run(MONDAY, size=10.0), run(MONDAY + DAY, size=20.0))
    world.put(run(MONDAY + 2 * DAY, FAILED, size=1.0), run(MONDAY + 3 * DAY, PARTIAL, size=2.0))
    assert world.value("last_success_size_bytes") == 20.0
    assert world.value("size_baseline_bytes") == 10.0


def test_the_size_history_outlives_the_runs_and_ignores_relists(world: World) -> None:
    runs = [run(MONDAY + i * DAY, size=100.0 + i) for i in range(3)]
    world.start(schedule(), *runs)
    world.list("run", *reversed(runs))
    world.list("run")
    assert world.value("last_success_size_bytes") == 102.0
    assert world.value("size_baseline_bytes") == 100.5


def test_one_success_alone_has_no_baseline(world: World) -> None:
    world.start(schedule(), run(MONDAY, size=10.0))
    assert not world.found("size_baseline_bytes")
