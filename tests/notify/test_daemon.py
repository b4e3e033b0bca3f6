"""The daemon as a process: what it sees goes through the outbox, survives everything, and is told once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from notify.kit import HOME, MINUTE, World, text_of
from support.exporter import Exporter
from support.process import wait_until
from support.receivers import Receivers

PATIENCE = 30.0


class Daemon:
    """A daemon with its files in a directory, which looks five times a second."""

    def __init__(self, world: World, home: Path, **notify: Any) -> None:
        mail = {
            "type": "email",
            "name": "mail",
            "host": "127.0.0.1",
            "port": world.smtp.port,
            "encryption": "none",
            "from": "backups@example.org",
            "to": ["ops@example.org"],
            "delivery": {"first_retry_seconds": 0.05, "longest_retry_seconds": 0.2, "breaker_failures": 1000},
        }
        self.settings: dict[str, Any] = {
            "clusters": [
                {"name": one.name, "api_url": one.server.url, "poll_interval": 0.2} for one in world.clusters
            ],
            "export": {"operators": ["kasten"]},
            "relay": {"outbox": {"path": str(home / "relay.db")}, "channels": [mail]},
            "notify": {
                "interval_seconds": 0.2,
                "repeat": "never",
                "record": {"cluster": world.home.name, "namespace": HOME},
                **notify,
            },
        }
        self.process = Exporter(home, self.settings, arguments=("notify",))

    async def start(self) -> None:
        await asyncio.to_thread(self.process.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self.process.stop)

    async def value(self, name: str, **labels: str) -> float | None:
        return await asyncio.to_thread(lambda: self.process.value(name, **labels))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the condition is in another process's hands
            await asyncio.sleep(0.02)


async def looks(world: World, count: int = 3) -> None:
    """Wait until the daemon has looked some times more: it reads its record each time."""

    def seen() -> int:
        return len(world.home.server.journal.find("get", "configmaps"))

    before = seen()
    await until(lambda: seen() > before + count)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World("prod-eu", "prod-us", now=time.time()) as made:
        made.home.policy("weekly", "@weekly")
        yield made


def fail(world: World, name: str, ago: float = 5 * MINUTE, number: int = 0) -> None:
    cluster = world.clusters[number]
    cluster.run(name, world.clock.now() - ago, policy="weekly", namespaces=("shop",))


async def test_failures_are_told_once_over_restarts(world: World, tmp_path: Path) -> None:
    daemon = Daemon(world, tmp_path)
    fail(world, "run-before")
    await daemon.start()
    await until(lambda: len(world.mails) == 1)
    assert "run-before" in text_of(world.mails[0].message)
    fail(world, "run-while", ago=0)
    await until(lambda: len(world.mails) == 2)
    assert "run-before" not in text_of(world.mails[1].message)
    await daemon.stop()

    fail(world, "run-away", ago=0)
    await daemon.start()
    await until(lambda: len(world.mails) == 3)
    assert "run-away" in text_of(world.mails[2].message)
    await looks(world)
    await daemon.stop()
    assert len(world.mails) == 3
    assert len(json.loads(world.home.record()["sent"])) == 3


async def test_what_recovers_is_told(world: World, tmp_path: Path) -> None:
    daemon = Daemon(world, tmp_path)
    fail(world, "run-bad")
    await daemon.start()
    await until(lambda: len(world.mails) == 1)
    world.home.run("run-good", world.clock.now(), "Complete", policy="weekly", namespaces=("shop",))
    await until(lambda: len(world.mails) == 2)
    await daemon.stop()
    assert text_of(world.mails[1].message).startswith("RECOVERED (1)")


async def test_it_outlives_a_mail_server_that_is_away_and_its_own_death(world: World, tmp_path: Path) -> None:
    daemon = Daemon(world, tmp_path)
    world.smtp.stop()
    fail(world, "run-a")
    await daemon.start()
    await until(lambda: "prod-eu:run-a" in world.home.record().get("sent", ""))
    assert await daemon.value("backup_sentinel_relay_pending_deliveries", channel="mail") == 1
    await daemon.stop()
    with sqlite3.connect(tmp_path / "relay.db") as outbox:
        assert outbox.execute("SELECT count(*) FROM delivery WHERE state = 0").fetchone() == (1,)
    outbox.close()
    world.smtp.start()
    await daemon.start()
    await until(lambda: len(world.mails) == 1)
    await looks(world)
    await daemon.stop()
    assert len(world.mails) == 1


async def test_a_cluster_that_is_away_does_not_hold_up_the_others(world: World, tmp_path: Path) -> None:
    daemon = Daemon(world, tmp_path)
    away = world.clusters[1]
    await away.server.down()
    fail(world, "run-here")
    fail(world, "run-there", number=1)
    await daemon.start()
    await until(lambda: len(world.mails) == 1)
    assert "run-here" in text_of(world.mails[0].message)
    await away.server.up()
    await until(lambda: len(world.mails) == 2)
    await daemon.stop()
    assert "run-there" in text_of(world.mails[1].message)


async def test_what_is_cleared_is_told_again(world: World, tmp_path: Path) -> None:
    daemon = Daemon(world, tmp_path)
    daemon.settings["relay"]["intake"] = {"duplicate_window_seconds": 0}
    fail(world, "run-a")
    await daemon.start()
    await until(lambda: "prod-eu:run-a" in world.home.record().get("sent", ""))
    await until(lambda: len(world.mails) == 1)
    world.home.cluster.delete("configmaps", HOME, "backup-sentinel-sent")
    await until(lambda: len(world.mails) == 2)
    await daemon.stop()


async def test_a_channel_that_is_no_digest_gets_a_message_for_each_schedule(
    world: World, tmp_path: Path
) -> None:
    with Receivers() as receivers:
        daemon = Daemon(world, tmp_path)
        channels = daemon.settings["relay"]["channels"]
        channels.append(
            {
                "type": "webhook",
                "name": "chat",
                "style": "slack",
                "url": receivers.address("slack"),
                "filter": {"severities": ["critical"]},
            }
        )
        fail(world, "run-here")
        fail(world, "run-there", number=1)
        await daemon.start()
        await until(lambda: len(receivers.got("slack")) == 2 and len(world.mails) == 1)
        await daemon.stop()
        assert {"run-here" in one.text for one in receivers.got("slack")} == {True, False}


async def test_it_shows_what_the_exporter_shows_and_what_the_relay_counts(
    world: World, tmp_path: Path
) -> None:
    daemon = Daemon(world, tmp_path)
    fail(world, "run-a")
    await daemon.start()
    await until(lambda: len(world.mails) == 1)
    status, page = await asyncio.to_thread(daemon.process.get, "/")
    assert (status, b"weekly" in page) == (200, True)
    delivered = ("backup_sentinel_relay_deliveries_total", {"channel": "mail", "result": "delivered"})
    await asyncio.to_thread(
        wait_until, lambda: daemon.process.value(delivered[0], **delivered[1]) == 1, "it counts"
    )
    await daemon.stop()
