"""Many clusters, and something wrong with some of them all the time."""

import asyncio
import gc
import os
import random
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel.demo import faults
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.faults import Fault
from backup_sentinel.export.profile import load_profiles
from export.pipeline.bench import HOUR, MINUTE, QUICK, Bench, Recount, play

FAULTS = 100
SITE = """  cluster-{number:03}:
    sites:
      - namespace: velero
        locations: [{{name: default}}]
        schedules:
          - {{name: often, schedule: "{minute}-59/10 * * * *", ttl: 3h, duration: 2m, odds: {{failed: 0.2, partial hook: 0.2}}}}
"""
MAKERS: list[Callable[[str], Fault]] = [
    lambda verb: faults.Answer(verb=verb, code=429, retry_after=3),
    lambda verb: faults.Answer(verb=verb, code=500),
    lambda verb: faults.Answer(verb=verb, code=403, reason="Forbidden"),
    lambda verb: faults.Body(verb=verb),
    lambda verb: faults.Body(verb=verb, text=faults.HTML_PAGE, content_type="text/html", http=502),
    lambda verb: faults.CutBody(verb=verb),
    lambda verb: faults.Expired(verb=verb),
    lambda verb: faults.Expired(verb=verb, after=2),
    lambda verb: faults.EndStream(verb=verb, after=1),
    lambda verb: faults.CutLine(verb=verb, after=1),
    lambda verb: faults.Garbage(verb=verb, after=1),
    lambda verb: faults.HalfOpen(verb=verb, after=1),
    lambda verb: faults.HalfOpen(verb=verb),
    lambda verb: faults.Reset(verb=verb, after=1),
    lambda verb: faults.Reset(verb=verb),
    lambda verb: faults.OldRevision(verb=verb, by=3),
    lambda verb: faults.Large(verb=verb, size=200_000),
    lambda verb: faults.Latency(verb=verb, seconds=0.05),
]


def small_profile() -> Any:
    """Return Velero's profile with the two resources that matter most."""
    whole = yaml.safe_load((files("backup_sentinel.export.profiles") / "velero.yaml").read_text("utf-8"))
    whole["resources"] = [one for one in whole["resources"] if one["plural"] in {"backups", "schedules"}]
    return load_profiles(inline=[whole], packaged=False)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not looked at


def resident() -> float:
    """Return the memory of the process in megabytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def watching() -> dict[str, int]:
    """Return how many tasks there are for each cluster: one, and one for each of its resources."""
    names = (task.get_name() for task in asyncio.all_tasks())
    return dict(Counter(name.removeprefix("cluster ").split()[0] for name in names if "cluster-" in name))


class Mischief:
    """Faults that come and go."""

    def __init__(self, bench: Bench) -> None:
        self.chance = random.Random(11)
        self._bench = bench
        self._active: list[tuple[float, str, SimulatedApiServer]] = []
        self.struck = 0

    async def begin(self) -> None:
        """Do something to one of the clusters that are well."""
        chance, bench = self.chance, self._bench
        ill = {name for _, name, _ in self._active}
        well = [name for name in bench.servers if name not in ill and bench.behind(name) is None]
        name = chance.choice(well)
        server = bench.servers[name]
        if chance.random() < 0.15:
            await server.down()
        else:
            verb = chance.choice(["", "list", "watch", "watch"])
            server.faults.add(chance.choice(MAKERS)(verb))
            if chance.random() < 0.5:
                server.cluster.compact()
            await server.down()
            await server.up()
        self._active.append((bench.clock.now() + chance.uniform(1, 20) * MINUTE, name, server))

    async def end(self, *, everything: bool = False) -> None:
        """End what has lasted long enough."""
        over = [one for one in self._active if everything or one[0] <= self._bench.clock.now()]
        self._active = [one for one in self._active if one not in over]
        for _, _, server in over:
            server.faults.clear()
            await server.up()


@pytest.mark.parametrize("clusters", [40, pytest.param(200, marks=pytest.mark.e2e)])
async def test_a_hundred_faults_over_many_clusters_end_with_exact_state_and_without_leaks(
    clusters: int, tmp_path: Path
) -> None:
    text = "clusters:\n" + "".join(
        SITE.format(number=number, minute=number % 10) for number in range(clusters)
    )
    story = play(text, history="1h")
    async with Bench(story, tmp_path, timing=QUICK, profiles=small_profile()) as bench:
        before = open_files(), len(asyncio.all_tasks())
        await bench.start()
        truth = Recount(story)
        await bench.recovered()  # by now every watch has been opened
        quiet = open_files()
        mischief = Mischief(bench)
        half = 0.0
        for number in range(FAULTS):
            await mischief.end()
            await mischief.begin()
            truth.advance(mischief.chance.uniform(1, 5) * MINUTE)
            now = bench.clock.now()
            await bench.until(lambda: bench.clock.now() > now + 30, "half a minute", step=5)  # noqa: B023
            if number % 10 == 9:
                for server in bench.servers.values():
                    server.cluster.compact()
                    server.journal.clear()
            if number == FAULTS // 2:
                half = resident()
        await mischief.end(everything=True)
        # Nowhere longer than a run is kept: what came and went while a cluster was away is nobody's to count.
        await bench.recovered()
        truth.advance(HOUR / 2)
        await bench.settle()
        await bench.saved()
        assert await bench.counters() == truth.totals()
        spare = clusters // 10
        await bench.until(lambda: open_files() <= quiet + spare, "no connection is left over", step=5)
        assert watching() == dict.fromkeys(bench.servers, 1 + len(bench.pipeline._plans["cluster-000"]))
        grown = resident() - half
        assert grown < 60, "megabytes"
        await bench.stop()
        await bench.until(lambda: open_files() <= before[0] + 5, "all files are closed")
        assert len(asyncio.all_tasks()) <= before[1] + 2
