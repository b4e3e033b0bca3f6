"""Who asks for much makes nobody else wait."""

from __future__ import annotations

import asyncio
import time

from backup_sentinel.export.overview import Choice, Lens, by_turns, survey, tell_runs
from export.store.world import FAILED, World, key, run, schedule
from export.web.kit import NOW


def crowd(schedules: int, runs: int) -> World:
    world = World()
    world.now = NOW
    for n in range(schedules):
        of = key(f"s{n:05}", namespace=f"ns{n % 50}")
        world.put(schedule(of=of))
        world.list("run", first=not n, complete=False)
        world.put(
            *(
                run(NOW - 3600.0 * back, FAILED if not n % 9 else run(0).outcome, of=of)
                for back in range(runs)
            )
        )
    world.store.tick()
    world.store.refresh()
    return world


async def test_others_have_their_turn_while_many_schedules_are_looked_at() -> None:
    lens = Lens(crowd(600, 12).store, NOW)
    turns = 0
    ended = asyncio.Event()

    async def other() -> None:
        nonlocal turns
        while not ended.is_set():
            await asyncio.sleep(0)
            turns += 1

    watching = asyncio.create_task(other())
    overview = await by_turns(survey(lens, "1"))
    runs = await by_turns(tell_runs(lens, Choice(), offset=0, limit=1000))
    ended.set()
    await watching
    assert (len(overview.schedules), runs.total) == (600, 7200)
    assert turns > 3


async def test_others_have_their_turn_while_many_clusters_are_told_of() -> None:
    world = World()
    for n in range(60):
        for word in ("schedule", "run", "location"):
            world.list(world.feed(word, cluster=f"c{n:02}"))
    steps = survey(Lens(world.store, NOW), "1", limit=0, full=True)
    assert sum(1 for _ in steps) >= 60


async def test_no_single_step_takes_long() -> None:
    lens = Lens(crowd(300, 40).store, NOW)
    for steps in (survey(lens, "1"), tell_runs(lens, Choice(), offset=0, limit=1000)):
        slow = []
        began = time.process_time()
        for _ in steps:
            slow.append(time.process_time() - began)
            began = time.process_time()
        assert sorted(slow)[-2] < 0.05
