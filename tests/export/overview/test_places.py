"""Storage that cannot be used is told of with everything else: no page says that all is well, and a pager something else."""

import pytest

from backup_sentinel.export.overview import FEW_PLACES, Lens, Overview, find_locations
from backup_sentinel.model import FailureReason, Repository
from export.overview.kit import CRITICAL, LAST, OK, WARNING, look
from export.store.world import World, key, location, run, schedule


def repository(name: str = "shop", **more: object) -> Repository:
    known = {"cluster": "prod", "operator": "velero", "namespace": "velero", "ready": False}
    return Repository(name=name, **(known | more))  # type: ignore[arg-type]


def fill(world: World, *places: object) -> None:
    world.start(
        schedule(location="s3"),
        schedule(of=key("weekly"), location="other"),
        run(LAST),
        run(LAST, of=key("weekly")),
        *places,  # type: ignore[arg-type]
    )


def told(overview: Overview) -> tuple[list[str], list[str]]:
    return [row.location for row in overview.locations], [row.repository for row in overview.repositories]


def test_a_location_that_cannot_be_used_is_critical_though_all_schedules_are_well(world: World) -> None:
    fill(world, location("s3", available=False, reason=FailureReason.PERMISSION), location("other"))
    overview = look(world)
    assert overview.state == CRITICAL
    assert told(overview) == (["s3"], [])
    assert (overview.locations_unavailable, overview.repositories_unready) == (1, 0)
    assert [row.state for row in overview.schedules] == [OK, OK]


def test_a_repository_that_is_not_ready_is_a_warning(world: World) -> None:
    fill(world, location("s3"), location("other"), repository(), repository("fine", ready=True))
    overview = look(world)
    assert (overview.state, told(overview)) == (WARNING, ([], ["shop"]))


def test_what_nobody_has_judged_is_no_trouble(world: World) -> None:
    fill(world, location("s3", available=None), location("other"), repository(ready=None))
    overview = look(world)
    assert (overview.state, told(overview)) == (OK, ([], []))


@pytest.mark.parametrize(
    ("choice", "state"),
    [
        ({"cluster": "prod"}, CRITICAL),
        ({"cluster": "elsewhere"}, OK),
        ({"resource_namespace": "velero"}, CRITICAL),
        ({"schedule": "daily"}, CRITICAL),
        ({"schedule": "weekly"}, OK),
        ({"action": "restore"}, OK),
    ],
)
def test_who_asks_for_some_schedules_is_told_of_the_storage_that_these_use(
    world: World, choice: dict[str, str], state: str
) -> None:
    fill(world, location("s3", available=False), location("other"), repository())
    overview = look(world, labels={name: frozenset({value}) for name, value in choice.items()})
    assert overview.state == state
    assert bool(overview.locations) is (state == CRITICAL)


def test_of_many_only_some_are_told_and_all_are_counted(world: World) -> None:
    fill(world, *(location(f"l{n:03}", available=False) for n in range(50)))
    overview = look(world)
    assert (len(overview.locations), overview.locations_unavailable) == (FEW_PLACES, 52)
    assert (
        tuple(told(overview)[0])
        == tuple(place.key.name for place in find_locations(Lens(world.store, world.now)))[:FEW_PLACES]
    )
