"""What the tests of the simulated server share."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp

from backup_sentinel.demo.cluster import SimulatedCluster
from backup_sentinel.demo.resources import ResourceType

BACKUPS = ResourceType(
    "example.io", "v1", "backups", "Backup", short_names=("bak",), selectable_fields=("spec.type.of",)
)
WITH_STATUS = ResourceType("example.io", "v1", "plans", "Plan", status_subresource=True)
PATH = "/apis/example.io/v1/backups"
WATCH_LIST = {
    "watch": "1",
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}


def backup(name: str, namespace: str = "ops", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, **more.pop("metadata", {})}
    return {"apiVersion": "example.io/v1", "kind": "Backup", "metadata": metadata, "spec": {}, **more}


def fill(cluster: SimulatedCluster, count: int, namespace: str = "ops") -> None:
    for number in range(count):
        cluster.put(backup(f"b{number:06}", namespace))


async def fetch(client: aiohttp.ClientSession, path: str, **query: object) -> dict[str, Any]:
    async with client.get(path, params={name: str(value) for name, value in query.items()}) as response:
        assert response.status == 200, await response.text()
        body: dict[str, Any] = await response.json()
        return body


async def refusal(
    client: aiohttp.ClientSession, path: str, method: str = "GET", **options: Any
) -> dict[str, Any]:
    async with client.request(method, path, **options) as response:
        body: dict[str, Any] = await response.json()
        assert body["kind"] == "Status"
        assert body["code"] == response.status
        return body


async def read_event(response: aiohttp.ClientResponse, seconds: float = 5) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        line = await response.content.readuntil(b"\n", max_size=16 << 20)
    assert line.endswith(b"\n"), line
    event: dict[str, Any] = json.loads(line)
    return event


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  -- the condition is in another party's hands
            await asyncio.sleep(0.005)


def names(listed: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in listed["items"]]
