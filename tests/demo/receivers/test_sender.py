"""How the demo tells what fires: itself in the form of Alertmanager's webhook, and through a real Alertmanager."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from backup_sentinel.demo.receivers import Alertmanager, Direct, sender
from backup_sentinel.demo.receivers.alertmanager import AlertmanagerError
from backup_sentinel.relay.intake.payload import hash_of, read
from backup_sentinel.relay.message import Alert, Message, Status
from backup_sentinel.serving import address, bind
from support.alertmanager import oldest
from support.process import lack


class Taker:
    """Reads webhook calls as the relay does."""

    def __init__(self) -> None:
        self.status = 200
        self.taken: list[Message] = []
        self.news: asyncio.Queue[Message] = asyncio.Queue()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.taken.append(read(await request.read(), time.time()))
            self.news.put_nowait(self.taken[-1])
        return web.Response(status=self.status)


@pytest.fixture
async def taker() -> AsyncIterator[Taker]:
    taker = Taker()
    application = web.Application()
    application.add_routes([web.post("/alertmanager", taker.take)])
    runner = web.AppRunner(application)
    await runner.setup()
    socket = bind("127.0.0.1:0")
    taker.url = address(socket)
    await web.SockSite(runner, socket).start()
    yield taker
    await runner.cleanup()


def alerts(*schedules: str, cluster: str = "prod") -> dict[str, Alert]:
    found = {}
    for schedule in schedules:
        labels = {"alertname": "KubeBackupFailed", "cluster": cluster, "schedule": schedule}
        found[hash_of(labels)] = Alert(
            labels=labels,
            annotations={"summary": "A backup failed."},
            starts_at="2026-01-01T00:00:00Z",
            fingerprint=hash_of(labels),
        )
    return found


def told(message: Message) -> dict[str, Status]:
    return {alert.labels["schedule"]: alert.status for alert in message.alerts}


FIRING, RESOLVED = Status.FIRING, Status.RESOLVED


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "INTERVAL", 0.0)


@pytest.mark.usefixtures("at_once")
async def test_a_group_is_told_when_it_changes(taker: Taker) -> None:
    async with Direct(taker.url) as direct:
        for firing in (alerts("a"), alerts("a"), alerts("a", "b"), alerts("b"), {}, {}, alerts("a")):
            await direct.tell(firing)
    assert [told(message) for message in taker.taken] == [
        {"a": FIRING},
        {"a": FIRING, "b": FIRING},
        {"b": FIRING, "a": RESOLVED},
        {"b": RESOLVED},
        {"a": FIRING},
    ]
    assert {message.group_key for message in taker.taken} == {
        '{}:{alertname="KubeBackupFailed", cluster="prod"}'
    }
    assert [message.status for message in taker.taken] == [FIRING, FIRING, FIRING, RESOLVED, FIRING]


async def test_clusters_are_groups_of_their_own(taker: Taker) -> None:
    async with Direct(taker.url) as direct:
        await direct.tell(alerts("a") | alerts("a", cluster="staging"))
    assert [message.group_labels["cluster"] for message in taker.taken] == ["prod", "staging"]


async def test_a_group_that_changes_again_at_once_waits(taker: Taker) -> None:
    async with Direct(taker.url) as direct:
        await direct.tell(alerts("a"))
        await direct.tell(alerts("a", "b"))
    assert len(taker.taken) == 1


async def test_what_was_not_taken_is_told_again(taker: Taker) -> None:
    async with Direct(taker.url) as direct:
        taker.status = 503
        await direct.tell(alerts("a"))
        taker.status = 200
        await direct.tell(alerts("a"))
    assert [told(message) for message in taker.taken] == [{"a": FIRING}]


async def test_a_real_alertmanager_passes_on_beginning_and_end(taker: Taker, tmp_path: Path) -> None:
    program = oldest("prometheus-alertmanager") or lack("prometheus-alertmanager of Debian is not installed")
    async with Alertmanager(str(program), tmp_path, taker.url) as alertmanager:
        for firing, status in ((alerts("a"), FIRING), ({}, RESOLVED)):
            async with asyncio.timeout(60):
                await alertmanager.tell(firing)
                while told(await taker.news.get()) != {"a": status}:
                    pass
    assert len({message.group_key for message in taker.taken}) == 1
    assert taker.taken[0].external_url


async def test_an_alertmanager_that_does_not_come_up_says_why(taker: Taker, tmp_path: Path) -> None:
    program = tmp_path / "alertmanager"
    program.write_text("#!/bin/sh\necho no such flag >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(AlertmanagerError, match="alertmanager does not answer: no such flag"):
        async with Alertmanager(str(program), tmp_path, taker.url):
            pass
