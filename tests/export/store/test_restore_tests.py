"""Restores that test the backups of a schedule, joined by the name of the backup."""

import pytest

from backup_sentinel.export.store import Feed
from backup_sentinel.export.store.restores import KEPT, Restores
from backup_sentinel.model import Record
from export.store.world import DAY, FAILED, MONDAY, PARTIAL, RUNNING, World, key, restore, run, schedule

BACKUP = run(MONDAY, name="daily-1")


@pytest.mark.parametrize("restore_first", [True, False])
def test_a_successful_restore_is_known_to_the_schedule_of_its_backup(
    world: World, restore_first: bool
) -> None:
    test = restore(MONDAY + DAY, "daily-1")
    world.put(schedule())
    world.put(*([test, BACKUP] if restore_first else [BACKUP, test]))
    assert world.value("last_restore_success") == MONDAY + DAY
    assert world.value("last_restore_success", schedule="daily") == MONDAY + DAY


@pytest.mark.parametrize("outcome", [FAILED, PARTIAL, RUNNING])
def test_only_a_restore_that_succeeded_is_a_test(world: World, outcome: str) -> None:
    world.start(schedule(), BACKUP)
    world.put(restore(MONDAY + DAY, "daily-1", outcome))  # type: ignore[arg-type]
    assert not world.found("last_restore_success")


def test_it_is_remembered_after_restore_and_backup_are_deleted(world: World) -> None:
    test = restore(MONDAY + DAY, "daily-1")
    world.start(schedule(), BACKUP)
    world.put(test)
    world.drop(test, BACKUP)
    assert world.value("last_restore_success") == MONDAY + DAY


def test_an_older_restore_seen_later_does_not_step_back(world: World) -> None:
    world.start(schedule(), BACKUP)
    world.put(restore(MONDAY + 2 * DAY, "daily-1"), restore(MONDAY + DAY, "daily-1"))
    assert world.value("last_restore_success") == MONDAY + 2 * DAY


def test_a_restore_seen_while_the_backups_are_listed_anew_is_joined(world: World) -> None:
    world.start(schedule(), BACKUP)
    world.list("run", run(MONDAY + DAY, namespace="other"), complete=False)
    world.put(restore(MONDAY + DAY, "daily-1"))
    assert world.value("last_restore_success") == MONDAY + DAY


def test_restores_in_another_cluster_test_the_backups_of_the_cluster_they_are_mapped_to() -> None:
    world = World(restore_tests={"dr": "prod"})
    world.put(schedule(), BACKUP)
    world.put(restore(MONDAY + DAY, "daily-1", cluster="dr"))
    assert world.value("last_restore_success", cluster="prod") == MONDAY + DAY
    assert world.value("last_success", cluster="dr", action="restore") == MONDAY + DAY


def test_without_a_mapping_a_restore_tests_its_own_cluster_only(world: World) -> None:
    world.put(schedule(), BACKUP)
    world.put(restore(MONDAY + DAY, "daily-1", cluster="dr"))
    assert not world.found("last_restore_success")


def test_a_mapped_restore_waits_for_its_backup_to_be_seen() -> None:
    world = World(restore_tests={"dr": "prod"})
    world.put(schedule())
    world.put(restore(MONDAY + DAY, "daily-1", cluster="dr"))
    world.put(BACKUP)
    assert world.value("last_restore_success", cluster="prod") == MONDAY + DAY


@pytest.mark.parametrize("first", ["dr", "prod"])
def test_at_the_start_it_does_not_matter_which_cluster_is_listed_first(first: str) -> None:
    world = World(restore_tests={"dr": "prod"})
    lists: list[tuple[Feed, Record]] = [
        (world.feed("schedule"), schedule()),
        (world.feed("run"), BACKUP),
        (world.feed("run", cluster="dr"), restore(MONDAY + DAY, "daily-1", cluster="dr")),
    ]
    for feed, record in sorted(lists, key=lambda told: told[0].key.cluster != first):
        world.list(feed, record)
    assert world.value("last_restore_success", cluster="prod") == MONDAY + DAY


@pytest.mark.parametrize("again", [True, False])
def test_restores_that_are_known_when_the_cluster_they_tested_is_added_are_joined(again: bool) -> None:
    world = World(restore_tests={"dr": "prod"})
    if again:
        world.start(schedule(), BACKUP)
        world.store.remove_cluster("prod")
    world.put(restore(MONDAY + DAY, "daily-1", cluster="dr"), restore(MONDAY, "daily-1", cluster="dr"))
    world.put(restore(MONDAY + 2 * DAY, "daily-1", FAILED, cluster="dr"))
    world.put(restore(MONDAY + 2 * DAY, "daily-1", cluster="elsewhere"))
    world.start(schedule(), BACKUP)
    assert world.value("last_restore_success", cluster="prod") == MONDAY + DAY


@pytest.mark.parametrize("tested", ["a", "b"])
def test_of_backups_of_one_name_the_one_in_the_namespace_of_the_restore_was_tested(
    world: World, tested: str
) -> None:
    for space in ("a", "b"):
        world.put(schedule(of=key(namespace=space)), run(MONDAY, of=key(namespace=space), name="daily-1"))
    world.put(restore(MONDAY + DAY, "daily-1", namespace=tested))
    assert world.value("last_restore_success") == MONDAY + DAY
    assert world.value("last_restore_success", resource_namespace=tested) == MONDAY + DAY


def test_a_restore_that_has_the_name_of_a_backup_is_not_taken_for_it(world: World) -> None:
    world.put(schedule(), restore(MONDAY, "elsewhere", name="daily-1"), BACKUP)
    world.put(restore(MONDAY + DAY, "daily-1"))
    assert world.value("last_restore_success") == MONDAY + DAY
    assert world.value("last_restore_success", schedule="daily") == MONDAY + DAY


def test_a_maximum_age_of_restore_tests_is_shown_only_where_it_was_set(world: World) -> None:
    world.start(schedule(restore_test_max_age=28 * DAY), schedule(of=key("weekly")))
    assert world.value("restore_test_max_age_seconds") == 28 * DAY


def test_restores_of_runs_that_never_come_are_forgotten_but_for_the_newest() -> None:
    known = Restores()
    for number in range(10 * KEPT):
        known.put(f"gone-{number}", float(number))
    assert KEPT <= len(known) <= 2 * KEPT
    assert known.pop("gone-0") is None
    newest = range(9 * KEPT, 10 * KEPT)
    assert [known.pop(f"gone-{number}") for number in newest] == [float(number) for number in newest]
