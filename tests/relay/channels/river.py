"""Outbox and courier with one channel, and a receiver that restarts while messages come in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread
from typing import TypeVar

from backup_sentinel.relay.channels import ChannelSettings
from backup_sentinel.relay.clock import Steady
from backup_sentinel.relay.courier import Courier
from backup_sentinel.relay.outbox import Outbox
from backup_sentinel.relay.rendering import Rendering
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.relay.telemetry import RelayTelemetry
from backup_sentinel.telemetry import Telemetry
from relay.channels.suite import Received, ReceiverKit
from relay.kit import message

T = TypeVar("T")
GROUPS = 7


def aside(make: Callable[[], Awaitable[T]]) -> T:
    """Run something asynchronous from a function that is not, whether or not a loop is running."""
    found: list[T] = []
    errors: list[BaseException] = []

    async def work() -> None:
        found.append(await make())

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:  # noqa: BLE001 - it is raised in the other thread
            errors.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return found[0]


async def weather(kit: ReceiverKit, settings: ChannelSettings, folder: Path) -> None:
    """Put messages in while the receiver stops and starts again; all must arrive, once by id, in order by group."""
    clock = Steady()
    async with _river(folder, settings, clock) as outbox:
        for number in range(300):
            if number == 100:
                await asyncio.to_thread(kit.stop)
            if number == 200:
                await asyncio.to_thread(kit.start)
            news = message(f"group {number % GROUPS}", number, at=clock.now())
            await outbox.put(news, {settings.name: 10_000}, 300)
        async with asyncio.timeout(60):
            while sum(outbox.waiting.values()):  # noqa: ASYNC110 - what the outbox tells is a number
                await asyncio.sleep(0.02)
        assert not await outbox.letters()
    first: dict[str, Received] = {}
    for one in kit.received():
        first.setdefault(one.id, one)
    assert len(first) == 300
    numbers: dict[str, list[int]] = {}
    for one in first.values():
        [alert] = json.loads(one.body)["alerts"]
        numbers.setdefault(alert["labels"]["group"], []).append(int(alert["annotations"]["number"]))
    assert len(numbers) == GROUPS
    assert sorted(number for found in numbers.values() for number in found) == list(range(300))
    assert all(found == sorted(found) for found in numbers.values())


@asynccontextmanager
async def _river(folder: Path, settings: ChannelSettings, clock: Steady) -> AsyncIterator[Outbox]:
    outbox = Outbox.open(str(folder / "relay.db"), clock)
    counts = RelayTelemetry(Telemetry(export=False), [settings.name])
    channels = {settings.name: settings.open(Rendering())}
    courier = Courier(RelaySettings(channels=(settings,)), channels, outbox, counts, clock)
    running = asyncio.create_task(courier.run(grace=2))
    try:
        yield outbox
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await outbox.close()
