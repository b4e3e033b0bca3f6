"""Rows of runs and their volumes."""

from backup_sentinel.export.overview import (
    Choice,
    Lens,
    at_once,
    tell_runs,
)
from export.overview.kit import LAST, only
from export.store.world import (
    FAILED,
    GIB,
    PARTIAL,
    SUCCEEDED,
    World,
    key,
    run,
    schedule,
    volume,
)


def test_volumes_come_the_worst_first_and_are_counted(world: World) -> None:
    newest = run(LAST, PARTIAL)
    world.start(schedule(), newest)
    world.put(*(volume(newest, f"v{n:02}", FAILED if n == 30 else SUCCEEDED, size=GIB) for n in range(40)))
    told = only(world).newest
    assert told is not None
    assert (told.volumes_total, told.volumes_failed, len(told.volumes)) == (40, 1, 20)
    assert told.volumes[0].outcome == FAILED
    assert told.size == 40 * GIB


def test_runs_are_told_newest_first_over_all_streams(world: World) -> None:
    for n in range(30):
        world.put(run(LAST + n, FAILED if n % 3 else SUCCEEDED, of=key(f"s{n % 4}")))
    lens = Lens(world.store, world.now)
    told = at_once(tell_runs(lens, Choice(), offset=1, limit=3))
    assert (told.total, [one.created for one in told.runs]) == (30, [LAST + 28, LAST + 27, LAST + 26])
    told = at_once(tell_runs(lens, Choice.parse([("outcome", "succeeded")]), offset=0, limit=2))
    assert (told.total, [one.created for one in told.runs]) == (10, [LAST + 27, LAST + 24])


def test_volumes_are_not_counted_where_no_object_tells_of_any(world: World) -> None:
    world.start(schedule(), run(LAST, PARTIAL))
    told = only(world).newest
    assert told is not None
    assert (told.volumes_total, told.volumes_failed) == (None, None)
    world.store.missing(world.feed("volume"))
    told = only(world).newest
    assert told is not None
    assert (told.volumes_total, told.volumes_failed) == (None, None)
    world.list("volume")
    told = only(world).newest
    assert told is not None
    assert (told.volumes_total, told.volumes_failed) == (0, 0)


def test_a_run_may_tell_of_failed_volumes_that_have_no_objects(world: World) -> None:
    world.start(schedule(), run(LAST, PARTIAL, failed_volumes=2.0))
    told = only(world).newest
    assert told is not None
    assert (told.volumes_total, told.volumes_failed) == (None, 2)
