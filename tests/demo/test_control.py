import asyncio

import aiohttp
import pytest

from backup_sentinel.demo.control import Control
from backup_sentinel.demo.kubeconfig import kubeconfig
from backup_sentinel.demo.story import Story
from backup_sentinel.demo.times import ManualClock, instant
from demo.kit import until

START = instant("2026-11-21T03:30:17Z")


async def test_clusters_are_served_and_hurried() -> None:
    clock = ManualClock(START)
    async with Control(Story.load("fleet", clock=clock)) as control:
        url = control.servers["staging"].url
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{url}/apis/velero.io/v1/backups") as response,
        ):
            before = len((await response.json())["items"])
        told = control.advance(30)
        assert told["steps"] == 30
        assert any("finished Completed" in line for line in told["changes"])
        assert told["clusters"]["staging"]["objects"]["backups.velero.io"] != before
        assert told["time"] == "2026-11-21T03:30:17Z"
        for bad in (0, 1001):
            with pytest.raises(ValueError, match="number of steps"):
                control.advance(bad)
        assert "current-context: prod-eu" in kubeconfig(control.servers)


async def test_a_cluster_goes_out_of_reach_and_returns() -> None:
    async with Control(Story.load("fleet", clock=ManualClock(START))) as control:
        staging = control.servers["staging"]
        await until(lambda: bool(control.advance()) and not staging.cluster.reachable)
        await until(lambda: not staging.listening)
        async with aiohttp.ClientSession() as client:
            with pytest.raises(aiohttp.ClientConnectorError):
                await client.get(f"{staging.url}/version")
            await until(lambda: bool(control.advance()) and staging.cluster.reachable)
            await until(lambda: staging.listening)
            async with client.get(f"{staging.url}/version") as response:
                assert (await response.json())["gitVersion"] == "v1.34.2"


async def test_ticks() -> None:
    clock = ManualClock(START)
    control = Control(Story.load("fleet", clock=clock))
    playing = asyncio.create_task(control.run())
    first = len(control.story.clusters["prod-eu"].objects("backups.velero.io"))
    for _ in range(20):
        await asyncio.sleep(0)
        clock.move(5)
    await until(lambda: len(control.story.clusters["prod-eu"].objects("backups.velero.io")) > first)
    playing.cancel()
