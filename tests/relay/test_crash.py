"""The relay is killed at random moments under load: what it acknowledged is delivered, once each, in order.

Each life is the real command with its own file, socket and connections; only the import of the modules is shared.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from support.process import free_port

GROUPS = 12
CHANNELS = ("steady", "flaky")


class Receiver:
    """Takes the webhooks of both channels; what comes to `flaky` fails now and then."""

    def __init__(self, chance: random.Random) -> None:
        self.arrived: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        """By channel and group: number of the message and delivery id, in order of arrival."""
        self.taken = 0
        """How many have arrived, those that come again included."""
        self.port = 0
        self._chance = chance
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/{channel}", self._take)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        channel = request.match_info["channel"]
        body = await request.json()
        if channel == "flaky" and self._chance.random() < 0.2:
            return web.Response(status=self._chance.choice([500, 503, 429]))
        number = int(body["annotations"]["number"])
        self.taken += 1
        self.arrived[channel, body["group_key"]].append((number, request.headers["webhook-id"]))
        if channel == "flaky" and self._chance.random() < 0.1:  # taken, and the answer is lost
            assert request.transport is not None
            request.transport.close()
        return web.Response()


class Sender:
    """Is one group of an Alertmanager: the next message only after the last was acknowledged."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.acknowledged = 0
        self.ending = False
        self._url = url

    async def run(self, session: aiohttp.ClientSession) -> None:
        number = 0
        while not self.ending:
            number += 1
            while not await self._send(session, number):  # noqa: ASYNC110 - nobody tells when the relay is back
                await asyncio.sleep(0.005)
            self.acknowledged = number

    async def _send(self, session: aiohttp.ClientSession, number: int) -> bool:
        alert = {
            "status": "resolved" if number % 2 == 0 else "firing",
            "labels": {"alertname": "Crash", "group": self.name},
            "annotations": {"number": str(number)},
            "startsAt": f"2026-01-01T00:00:{(number + 1) // 2}Z",
        }
        body = {"version": "4", "groupKey": self.name, "receiver": "relay", "alerts": [alert]}
        try:
            async with session.post(self._url, json=body) as answer:
                assert answer.status in {200, 503}, await answer.text()
                return answer.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False


class Zygote:
    def __init__(self, config: Path, log: Path) -> None:
        script = Path(__file__).with_name("zygote.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(config), str(log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    async def ask(self, line: str) -> int:
        """Ask for a word and return the number that is answered."""

        def exchange() -> str:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
            return self._process.stdout.readline()

        answer = await asyncio.to_thread(exchange)
        return int(answer.split()[1])

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.mark.parametrize(
    "lives", [25, pytest.param(300, marks=[pytest.mark.e2e, pytest.mark.timeout(600)])], ids=str
)
async def test_what_was_acknowledged_survives_being_killed(lives: int, tmp_path: Path) -> None:
    chance = random.Random(lives)
    receiver = Receiver(chance)
    await receiver.start()
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(_config(tmp_path, port, receiver.port)), encoding="utf-8")
    log = tmp_path / "relay.log"
    zygote = Zygote(config, log)
    senders = [Sender(f"group-{number}", f"http://127.0.0.1:{port}/alertmanager") for number in range(GROUPS)]
    try:
        timeout = aiohttp.ClientTimeout(total=5)
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            tasks = [asyncio.create_task(sender.run(session)) for sender in senders]
            for life in range(lives):
                before = acknowledged(senders)
                process = await zygote.ask("start")
                if life % 5:  # the others may be killed before the first request
                    async with asyncio.timeout(60):
                        await _until(lambda before=before: acknowledged(senders) > before)
                await asyncio.sleep(chance.uniform(0.0, 0.2))
                os.kill(process, signal.SIGKILL)
                assert await zygote.ask("wait") == -signal.SIGKILL, log.read_text()[-3000:]
            process = await zygote.ask("start")
            for sender in senders:
                sender.ending = True
            async with asyncio.timeout(60):
                await asyncio.gather(*tasks)
            while not _complete(
                receiver, senders
            ):  # there may be thousands: each minute must bring more of them
                before = receiver.taken
                async with asyncio.timeout(60):
                    await _until(lambda before=before: receiver.taken > before)
                await asyncio.sleep(0.5)
        os.kill(process, signal.SIGTERM)
        assert await zygote.ask("wait") == 0, log.read_text()[-3000:]
    finally:
        zygote.close()
        await receiver.stop()
    for (channel, group), arrivals in receiver.arrived.items():
        numbers = [number for number, _ in arrivals]
        assert numbers == sorted(numbers), f"{channel}, {group}: out of order"
        ids = defaultdict(set)
        for number, identity in arrivals:
            ids[number].add(identity)
        assert all(len(found) == 1 for found in ids.values()), f"{channel}, {group}: delivered under two ids"
    every = [identity for arrivals in receiver.arrived.values() for _, identity in set(arrivals)]
    assert len(every) == len(set(every)), "two messages under one id"


def acknowledged(senders: list[Sender]) -> int:
    """Return how many messages were acknowledged until now."""
    return sum(sender.acknowledged for sender in senders)


def _config(folder: Path, port: int, receiver: int) -> dict[str, Any]:
    channels = [
        {
            "type": "webhook",
            "name": name,
            "url": f"http://127.0.0.1:{receiver}/{name}",
            "delivery": {"first_retry_seconds": 0.02, "longest_retry_seconds": 0.1, "breaker_seconds": 0.1},
        }
        for name in CHANNELS
    ]
    return {
        "log": {"level": "warning", "format": "text"},
        "web": {"listen": f"127.0.0.1:{port}"},
        "relay": {"outbox": {"path": str(folder / "relay.db")}, "channels": channels},
    }


def _complete(receiver: Receiver, senders: list[Sender]) -> bool:
    """Tell whether every acknowledged message has arrived at both channels."""
    return all(
        {number for number, _ in receiver.arrived[channel, sender.name]}
        == set(range(1, sender.acknowledged + 1))
        for channel in CHANNELS
        for sender in senders
    )


async def _until(check: Any) -> None:
    while not check():  # noqa: ASYNC110 - what is waited for happens elsewhere
        await asyncio.sleep(0.02)
