"""The record on a real API server, with no more rights than the page names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.clock import Clock
from backup_sentinel.errors import ApiError
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.notify.record import Record
from backup_sentinel.notify.settings import RecordSettings
from backup_sentinel.notify.shelf import Shelf
from backup_sentinel.notify.storage import open_shelf
from notify.kit import HOME, NOW, RECORD
from support.apiserver import ApiServer

pytestmark = pytest.mark.e2e

TOKEN = "fake-notify-token"
ID = "prod-eu:run-a:2026-03-05"
MAPS = ("", "v1", "configmaps", HOME)
RULES: list[Any] = [
    {"verbs": ["create"], "groups": [""], "resources": ["configmaps"], "namespaces": [HOME]},
    {
        "verbs": ["get", "patch"],
        "groups": [""],
        "resources": ["configmaps"],
        "namespaces": [HOME],
        "names": [RECORD],
    },
    {
        "verbs": ["get"],
        "groups": [""],
        "resources": ["configmaps"],
        "namespaces": [HOME],
        "names": ["kasten-alerter-sent"],
    },
]


@pytest.fixture
def apiserver(tmp_path: Path) -> Iterator[ApiServer]:
    with ApiServer(tmp_path / "apiserver", check_namespaces=False) as server:
        server.grant(TOKEN, "notify", RULES, groups=["system:authenticated"])
        yield server


class Processes:
    """Processes that share a record."""

    def __init__(self, server: ApiServer) -> None:
        self._known = {
            "home": ClusterSettings(name="home", api_url=server.url, token=TOKEN, ca_file=str(server.ca_file))
        }
        self._opened: list[Shelf] = []

    def start(self, **changes: Any) -> Shelf:
        settings = RecordSettings(cluster="home", **{"namespace": HOME, **changes})
        self._opened.append(open_shelf(settings, Clock(), self._known))
        return self._opened[-1]

    async def end(self) -> None:
        for shelf in self._opened:
            await shelf.close()


@pytest.fixture
async def processes(apiserver: ApiServer) -> AsyncIterator[Processes]:
    made = Processes(apiserver)
    yield made
    await made.end()


async def test_what_another_alerter_has_told_is_taken_over_and_kept(
    apiserver: ApiServer, processes: Processes
) -> None:
    left = {"metadata": {"name": "kasten-alerter-sent"}, "data": {"sent": json.dumps([ID])}}
    await asyncio.to_thread(apiserver.create, *MAPS, left)
    shelf = processes.start()
    record = await shelf.load()
    record.mark("prod-eu:run-b:2026-03-05", ["mail"], NOW, everybody=True)
    await shelf.save(record)
    found = await asyncio.to_thread(apiserver.get, *MAPS, RECORD)
    assert set(json.loads(found["data"]["sent"])) == {ID, "prod-eu:run-b:2026-03-05"}
    assert found["metadata"]["labels"]["app.kubernetes.io/component"] == "notify"


async def test_writers_at_the_same_time_forget_nothing(apiserver: ApiServer, processes: Processes) -> None:
    shelves = [processes.start() for _ in range(5)]
    records = [await shelf.load() for shelf in shelves]
    for number, record in enumerate(records):
        record.mark(f"c:run-{number}:2026-03-05", ["mail"], NOW, everybody=True)
    await asyncio.gather(*(shelf.save(record) for shelf, record in zip(shelves, records, strict=True)))
    assert len((await processes.start().load()).sent) == 5

    await asyncio.gather(
        shelves[0].edit(lambda record: record.sent.pop("c:run-0:2026-03-05", None)),
        shelves[1].edit(lambda record: record.sent.pop("c:run-1:2026-03-05", None)),
    )
    assert len((await processes.start().load()).sent) == 3


async def test_it_is_made_again_after_somebody_has_deleted_it(
    apiserver: ApiServer, processes: Processes
) -> None:
    shelf = processes.start()
    record = Record(sent={ID: NOW})
    await shelf.save(record)
    await asyncio.to_thread(apiserver.delete, *MAPS, RECORD)
    await shelf.save(record)
    assert (await processes.start().load()).sent == {ID: NOW}


async def test_without_the_right_nothing_is_known(processes: Processes) -> None:
    with pytest.raises(ApiError, match="forbidden"):
        await processes.start(namespace="elsewhere").load()
