"""Silence is not health: what is deleted, emptied or out of reach does not look like all is well."""

import pytest

from backup_sentinel.model import Deletion
from export.store.world import (
    DAY,
    FAILED,
    HOUR,
    MONDAY,
    PARTIAL,
    RUNNING,
    SUCCEEDED,
    UNREACHABLE,
    World,
    key,
    location,
    restore,
    run,
    schedule,
)

VERDICTS = {
    "last_attempt", "last_success", "last_failure", "last_recovery_point", "last_run_info", "consecutive_failures",
    "schedule_deadline", "schedule_next_due", "schedule_paused", "running", "runs_total",
}  # fmt: skip


def test_a_deleted_schedule_leaves_a_tombstone_for_seven_days(world: World) -> None:
    world.start(schedule(), run(MONDAY))
    world.now = MONDAY + HOUR
    world.drop(schedule())
    assert world.value("schedule_deleted") == MONDAY + HOUR
    assert not world.families() & VERDICTS
    world.now += 7 * DAY - 1
    assert world.found("schedule_deleted")
    world.now += 1
    assert world.families(schedule="daily") == {"restorable_runs", "existing_runs"}


def test_the_time_of_a_tombstone_can_be_set() -> None:
    world = World(tombstone_seconds=60.0)
    world.start(schedule())
    world.drop(schedule())
    world.now += 60
    assert not world.families(schedule="daily")


def test_nothing_stays_of_a_deleted_schedule_without_runs(world: World) -> None:
    done = run(MONDAY)
    world.start(schedule(), done, restore(MONDAY, done.name))
    world.drop(schedule(), done)
    assert world.found("schedule_deleted")
    world.now += 7 * DAY
    assert not world.families(resource_namespace="velero", schedule="daily")
    world.put(schedule())
    assert not world.found("last_success", schedule="daily")


def test_the_namespace_goes_with_the_last_thing_in_it(world: World) -> None:
    world.start(schedule(of=key(namespace="shop")))
    assert world.value("expired_runs", resource_namespace="shop") == 0
    world.drop(schedule(of=key(namespace="shop")))
    world.now += 7 * DAY
    assert not world.families(resource_namespace="shop")


def test_a_schedule_that_comes_back_lives(world: World) -> None:
    world.start(schedule(), run(MONDAY))
    world.drop(schedule())
    world.now += 6 * DAY
    world.put(schedule())
    assert not world.found("schedule_deleted")
    assert world.value("last_success") == MONDAY


def test_runs_without_a_schedule_are_forgotten_as_long_after_the_last_of_them_as_a_schedule(
    world: World,
) -> None:
    """Namespaces that come and go, each with a run by hand, would otherwise stay on the page for ever."""
    of = [key("", namespace=f"preview-{number}") for number in (1, 2)]
    world.start(run(MONDAY, of=of[0]), run(MONDAY, of=of[1]))
    world.drop(run(MONDAY, of=of[0]))
    world.now = MONDAY + 7 * DAY - 1
    assert "last_success" in world.families(resource_namespace="preview-1")
    world.now += 1
    assert not world.families(resource_namespace="preview-1")
    assert "last_success" in world.families(resource_namespace="preview-2")
    assert {stream.key for stream in world.store.save("prod").streams} == {of[1]}


def test_runs_without_a_schedule_are_not_forgotten_before_it_is_known_that_they_are_gone(
    world: World,
) -> None:
    world.start(run(MONDAY, of=key("")))
    later = World()
    later.feed()
    later.now = MONDAY + 30 * DAY
    later.store.remember(world.store.save("prod"))
    later.store.outage(later.feed(), UNREACHABLE)
    assert later.value("last_success") == MONDAY
    later.list("run", run(MONDAY, of=key("")))
    assert later.value("last_success") == MONDAY
    later.list("run")
    assert not later.families(resource_namespace="velero")


def test_a_kind_that_was_served_and_is_not_any_more_is_an_outage_that_keeps_its_state(world: World) -> None:
    world.start(schedule(), run(MONDAY))
    before = {sample for sample in world.scrape() if sample[0].startswith("kube_backup_")}
    for word in ("schedule", "run"):
        world.store.missing(world.feed(word))
        assert world.value("backup_sentinel_resource_up", resource=f"{word}s") == 0
    world.now += 30 * DAY
    assert {sample for sample in world.scrape() if sample[0].startswith("kube_backup_")} == before


def test_a_kind_that_was_never_served_is_no_outage(world: World) -> None:
    world.store.missing(world.feed("volume"))
    assert not world.found("backup_sentinel_resource_up")
    assert world.store.waiting() == []


def test_an_outage_keeps_everything_but_what_is_seen_of_the_cluster(world: World) -> None:
    world.start(schedule(), run(MONDAY, FAILED), run(MONDAY + 1, RUNNING), location())
    before = {sample for sample in world.scrape() if sample[0].startswith("kube_backup_")}
    for feed in list(world.store.feeds.values()):
        world.store.outage(feed, UNREACHABLE)
    world.now += 2 * DAY
    assert {sample for sample in world.scrape() if sample[0].startswith("kube_backup_")} == before
    assert world.value("backup_sentinel_cluster_up") == 0


def test_a_bucket_that_was_emptied_leaves_no_restorable_run_but_the_recovery_point(world: World) -> None:
    runs = [run(MONDAY + i * DAY, expires=MONDAY + 30 * DAY) for i in range(3)]
    world.start(schedule(), *runs)
    assert world.value("restorable_runs") == 3
    world.list("run")
    assert world.value("restorable_runs") == 0
    assert not world.found("newest_expiry")
    assert world.value("last_recovery_point") == MONDAY + 2 * DAY


# What could be restored ------------------------------------------------------------------------------------


def test_runs_that_succeeded_at_least_in_part_can_be_restored_until_they_expire(world: World) -> None:
    world.start(
        schedule(),
        run(MONDAY, SUCCEEDED, expires=MONDAY + DAY),
        run(MONDAY + 1, PARTIAL, expires=MONDAY + 2 * DAY),
        run(MONDAY + 2, FAILED, expires=MONDAY + 9 * DAY),
        run(MONDAY + 3, RUNNING, expires=MONDAY + 9 * DAY),
        run(MONDAY + 4, SUCCEEDED),
    )
    seen = []
    for days in (0, 1, 2, 9):
        world.now = MONDAY + days * DAY
        seen.append(
            (world.value("restorable_runs"), world.value("newest_expiry"), world.value("expired_runs"))
        )
    assert seen == [(3, MONDAY + 2 * DAY, 0), (2, MONDAY + 2 * DAY, 1), (1, None, 2), (1, None, 4)]


def test_the_newest_expiry_is_never_one_that_has_passed(world: World) -> None:
    old, new = run(MONDAY, expires=MONDAY + DAY), run(MONDAY + 1, expires=MONDAY + 3 * DAY)
    world.start(schedule(), old, new)
    world.now = MONDAY + 2 * DAY
    assert world.value("newest_expiry") == MONDAY + 3 * DAY
    world.drop(new)
    assert not world.found("newest_expiry")
    world.drop(old)
    assert (world.value("restorable_runs"), world.value("expired_runs")) == (0, 0)


def test_an_expired_run_is_not_counted_twice_when_its_object_changes(world: World) -> None:
    world.start(schedule(), run(MONDAY, expires=MONDAY + DAY))
    world.now = MONDAY + 2 * DAY
    assert world.value("expired_runs") == 1
    world.put(run(MONDAY, expires=MONDAY + DAY, warnings=1))
    assert (world.value("expired_runs"), world.value("restorable_runs")) == (1, 0)
    world.put(run(MONDAY, expires=MONDAY + 9 * DAY))
    assert (world.value("expired_runs"), world.value("restorable_runs")) == (0, 1)


@pytest.mark.parametrize("action", ["restore", "check", "prune"])
def test_actions_that_keep_no_data_leave_nothing_to_restore(world: World, action: str) -> None:
    of = key(action=action)
    world.start(schedule(of=of), run(MONDAY, of=of, expires=MONDAY + DAY))
    assert not world.families(action=action) & {"restorable_runs", "newest_expiry"}


def test_deletions_that_fail_are_counted_until_they_succeed_or_are_gone(world: World) -> None:
    def deletion(name: str, *, failed: bool) -> Deletion:
        return Deletion(
            cluster="prod", operator="velero", namespace="velero", name=name, run="x", failed=failed
        )

    world.put(deletion("a", failed=True), deletion("b", failed=True), deletion("c", failed=False))
    assert world.value("deletion_failures") == 2
    world.put(deletion("a", failed=False))
    assert world.value("deletion_failures") == 1
    world.drop(deletion("b", failed=True))
    assert not world.value("deletion_failures")
