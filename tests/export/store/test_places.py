"""Locations and repositories, and locations that are named and not there."""

import pytest

from backup_sentinel.model import FailureReason, Outcome, Repository
from export.store.world import MONDAY, World, key, location, run, schedule

HERE = {"location": "default"}


def test_a_location_that_was_deleted_and_is_still_named_is_missing_and_not_absent(world: World) -> None:
    world.start(schedule(location="default"), location())
    assert world.value("location_available") == 1
    world.drop(location())
    assert world.value("location_available", **HERE) == 0
    assert world.value("location_info", reason="missing") == 1
    world.put(location())
    assert world.value("location_available", **HERE) == 1
    assert world.value("location_info", reason="") == 1


def test_a_location_that_never_existed_is_missing_once_locations_are_known(world: World) -> None:
    world.put(schedule(location="default"))
    world.feed("location")
    assert not world.found("location_available")
    world.list("location")
    assert world.value("location_available") == 0


def test_an_imagined_location_goes_with_the_last_schedule_that_names_it(world: World) -> None:
    world.start(schedule(location="default"))
    assert world.value("location_available") == 0
    world.put(schedule(location="other"))
    assert world.value("location_available", location="other") == 0
    assert not world.found("location_available", **HERE)
    world.drop(schedule(location="other"))
    assert not world.found("location_available")


def test_where_locations_cannot_be_read_none_is_called_missing(world: World) -> None:
    world.store.missing(world.feed("location"))
    world.put(schedule(location="default"))
    assert not world.found("location_available")


def test_in_namespaces_that_are_not_read_no_location_is_called_missing(world: World) -> None:
    world.list(world.feed("location", scope="a"))
    world.feed("location", scope="b")
    for space in ("a", "b"):
        world.put(schedule(of=key(namespace=space), location="default"))
    assert world.value("location_available") == 0
    assert world.value("location_available", resource_namespace="a") == 0


def test_a_location_nobody_has_judged_yet_is_neither_available_nor_unavailable(world: World) -> None:
    world.start(location(available=None))
    assert not world.found("location_available")
    assert world.value("location_info") == 1


@pytest.mark.parametrize(("reason", "shown"), [(FailureReason.TLS, "tls"), (None, "unknown")])
def test_an_unavailable_location_tells_the_class_of_its_reason(
    world: World, reason: FailureReason | None, shown: str
) -> None:
    world.start(
        location(available=False, reason=reason, last_validation=MONDAY, last_sync=MONDAY + 1, read_only=True)
    )
    assert world.value("location_available") == 0
    assert world.value("location_info", reason=shown, access="read-only") == 1
    assert world.value("location_last_validation") == MONDAY
    assert world.value("location_last_sync") == MONDAY + 1


@pytest.mark.parametrize(("said", "shown"), [("s3", "s3"), (None, "nas")])
def test_the_location_of_a_stream_is_that_of_its_schedule_else_the_default(
    world: World, said: str | None, shown: str
) -> None:
    world.start(
        schedule(location=said), location(name="nas", default=True), run(MONDAY, location="elsewhere")
    )
    assert world.value("last_success", location=shown) == MONDAY


def test_no_label_comes_with_the_first_run(world: World) -> None:
    world.start(schedule(location=None))
    before = set(world.found("runs_total"))
    world.put(run(MONDAY, Outcome.FAILED, location="nas"))
    assert before
    assert set(world.found("runs_total")) == before


def test_a_schedule_without_a_location_is_shown_once_the_default_is_known(world: World) -> None:
    world.list("schedule", schedule(location=None))
    world.feed("location")
    world.list("run", run(MONDAY))
    assert not world.found("last_success")
    world.list("location", location(name="nas", default=True))
    assert world.value("last_success", location="nas") == MONDAY


def test_nothing_is_owed_until_runs_have_been_listed(world: World) -> None:
    world.list("schedule", schedule())
    world.feed("run")
    assert not world.found("schedule_deadline")
    assert not world.found("schedule_next_due")
    world.list("run")
    assert world.found("schedule_deadline")
    assert world.found("schedule_next_due")


def test_a_repository_shows_whether_it_is_ready_and_goes_with_its_object(world: World) -> None:
    known = Repository(
        cluster="prod", operator="velero", namespace="velero", name="shop", ready=False, last_maintenance=5.0
    )
    world.put(known)
    assert world.value("repository_ready", repository="shop") == 0
    assert world.value("repository_last_maintenance") == 5.0
    world.drop(known)
    assert not world.families(repository="shop")
