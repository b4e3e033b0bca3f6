"""The daemon as a process: what it sees goes through the outbox, survives everything, and is told once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel.demo import faults
from backup_sentinel.demo.access import Access, Grant
from backup_sentinel.notify.configmap import PAUSES
from backup_sentinel.notify.record import identity
from demo.kit import until as until_within
from notify.kit import HOME, MINUTE, RECORD, World, html_of, text_of
from support.exporter import DEFAULTS, Exporter
from support.process import wait_until
from support.receivers import Receivers

PATIENCE = 90.0


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

    async def reaches(self, wanted: float, name: str, **labels: str) -> None:
        """Wait until a metric has a value; those of the outbox are as of the last look."""
        await asyncio.to_thread(
            wait_until,
            lambda: self.process.value(name, **labels) == wanted or None,
            f"{name} {wanted}",
            PATIENCE,
        )


async def until(condition: Callable[[], bool]) -> None:
    await until_within(condition, PATIENCE)


@pytest.fixture
async def daemon(world: World, tmp_path: Path) -> AsyncIterator[Daemon]:
    """One that has not been started, and is gone after the test whatever happens."""
    made = Daemon(world, tmp_path)
    yield made
    if made.process._process is not None:
        made.process._process.kill()


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


async def test_failures_are_told_once_over_restarts(world: World, daemon: Daemon) -> None:
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


async def test_runs_that_ended_in_the_same_second_are_all_told(world: World, daemon: Daemon) -> None:
    async def told(name: str) -> None:
        await until(lambda: any(name in text_of(mail.message) for mail in world.mails))

    now = world.clock.now()
    world.home.run("run-a", now, policy="weekly")
    await daemon.start()
    await told("run-a")
    for name in ("run-b", "run-c"):
        world.home.run(name, now, policy="weekly")
        await told(name)
    await daemon.stop()
    assert len(world.mails) == 3


async def test_what_recovers_is_told(world: World, daemon: Daemon) -> None:
    fail(world, "run-bad")
    await daemon.start()
    await until(lambda: len(world.mails) == 1)
    world.home.run("run-good", world.clock.now(), "Complete", policy="weekly", namespaces=("shop",))
    await until(lambda: len(world.mails) == 2)
    await daemon.stop()
    assert text_of(world.mails[1].message).startswith("RECOVERED (1)")


async def test_it_outlives_a_mail_server_that_is_away_and_its_own_death(
    world: World, daemon: Daemon, tmp_path: Path
) -> None:
    world.smtp.stop()
    fail(world, "run-a")
    await daemon.start()
    await until(lambda: "prod-eu:run-a" in world.home.record().get("sent", ""))
    await daemon.reaches(1, "backup_sentinel_relay_pending_deliveries", channel="mail")
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


async def test_a_cluster_that_is_away_does_not_hold_up_the_others(world: World, daemon: Daemon) -> None:
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


async def test_what_is_cleared_is_told_again(world: World, daemon: Daemon) -> None:
    daemon.settings["relay"]["intake"] = {"duplicate_window_seconds": 0}
    fail(world, "run-a")
    await daemon.start()
    await until(lambda: "prod-eu:run-a" in world.home.record().get("sent", ""))
    await until(lambda: len(world.mails) == 1)
    world.home.cluster.delete("configmaps", HOME, "backup-sentinel-sent")
    await until(lambda: len(world.mails) == 2)
    await daemon.stop()


async def test_what_could_not_be_noted_is_noted_later_and_not_told_again(
    world: World, daemon: Daemon
) -> None:
    daemon.settings["relay"]["intake"] = {"duplicate_window_seconds": 0}
    await daemon.start()
    await until(lambda: world.home.record() != {})
    failures = len(PAUSES) + 1
    world.home.server.faults.add(faults.Answer(verb="patch", resource="configmaps", code=503, times=failures))
    fail(world, "run-a", ago=0)
    await until(lambda: len(world.home.server.journal.find("patch", "configmaps")) == failures)
    assert "run-a" not in world.home.record()["sent"]
    await until(lambda: "run-a" in world.home.record()["sent"])
    await looks(world)
    await daemon.stop()
    assert len(world.mails) == 1


async def test_a_channel_that_is_no_digest_gets_a_message_for_each_schedule(
    world: World, daemon: Daemon
) -> None:
    with Receivers() as receivers:
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


async def test_what_one_channel_has_from_another_process_only_the_other_one_gets(
    world: World, daemon: Daemon
) -> None:
    channels = daemon.settings["relay"]["channels"]
    channels.append({**channels[0], "name": "second", "to": ["second@example.org"]})
    fail(world, "run-a")
    fail(world, "run-b")
    days = [identity(f"prod-eu:{name}", world.clock.now()) for name in ("run-a", "run-b")]
    partly = {days[0]: ["mail"], days[1]: ["second"]}
    metadata = {"name": RECORD, "namespace": HOME}
    data = {"sent": "{}", "partly": json.dumps(partly)}
    world.home.cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    await daemon.start()
    await until(lambda: len(world.mails) == 2)
    await looks(world)
    await daemon.stop()
    got = {mail.recipients[0]: text_of(mail.message) for mail in world.mails}
    assert ("run-a" in got["second@example.org"], "run-b" in got["second@example.org"]) == (True, False)
    assert ("run-a" in got["ops@example.org"], "run-b" in got["ops@example.org"]) == (False, True)
    assert set(json.loads(world.home.record()["sent"])) == set(days)


async def test_it_shows_what_the_exporter_shows_and_what_the_relay_counts(
    world: World, daemon: Daemon
) -> None:
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


async def test_enrichers_are_asked_before_it_is_told(world: World, daemon: Daemon) -> None:
    links = {"type": "links", "dashboards": {"Backups": "https://grafana.example.org/d/x?s={schedule}"}}
    daemon.settings["relay"]["enrichers"] = [links]
    fail(world, "run-a")
    await daemon.start()
    await until(lambda: len(world.mails) == 1)
    await daemon.stop()
    assert "Backups:          https://grafana.example.org/d/x?s=weekly" in text_of(world.mails[0].message)
    assert '<a href="https://grafana.example.org/d/x?s=weekly"' in html_of(world.mails[0].message)


async def test_it_ends_where_it_may_not_read_its_record(world: World, daemon: Daemon, tmp_path: Path) -> None:
    world.home.server.access = Access({"fake-token": "notify"}, {"notify": [Grant(("list", "watch"))]})
    daemon.settings["clusters"][0]["token"] = "fake-token"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**DEFAULTS, **daemon.settings}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "backup_sentinel", "notify", "--config", "config.yaml"),
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        _, told = await process.communicate()
    assert process.returncode == 2
    assert b"configmaps" in told.splitlines()[-1]
    assert b"forbidden" in told.splitlines()[-1]


async def test_dead_letters_are_replayed_while_it_runs(world: World, daemon: Daemon, tmp_path: Path) -> None:
    daemon.settings["relay"]["admin"] = {"tokens": [{"token": "fake-admin-token"}]}
    world.smtp.answers["DATA"] = "554 5.6.0 spam"
    fail(world, "run-a")
    await daemon.start()
    await until(
        lambda: [line for line in daemon.process.lines() if line["message"] == "delivery given up"] != []
    )
    world.smtp.answers.clear()
    replay = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "backup_sentinel", "deadletters", "replay", "--all"),
        *("--url", daemon.process.url, "--config", "config.yaml"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await replay.communicate()
    assert (replay.returncode, told) == (0, b"replayed: 1\n")
    await until(lambda: len(world.mails) == 1)
    await daemon.stop()
