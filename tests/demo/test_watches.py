import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.cluster import SimulatedCluster
from demo.kit import BACKUPS, PATH, WATCH_LIST, backup, fill, read_event, refusal, until


@asynccontextmanager
async def watching(
    client: aiohttp.ClientSession, path: str = PATH, **query: object
) -> AsyncIterator[aiohttp.ClientResponse]:
    async with client.get(
        path, params={"watch": "1", **{name: str(value) for name, value in query.items()}}
    ) as response:
        assert response.status == 200, await response.text()
        yield response


async def test_changes_after_a_revision(client: aiohttp.ClientSession, cluster: SimulatedCluster) -> None:
    cluster.put(backup("old"))
    async with watching(client, resourceVersion=cluster.revision) as stream:
        cluster.put(backup("new"))
        cluster.put(backup("new", spec={"x": 1}))
        cluster.put(backup("new", spec={"x": 1}))  # changes nothing, so nothing is told
        cluster.delete(BACKUPS, "ops", "new")
        events = [await read_event(stream) for _ in range(3)]
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert [int(event["object"]["metadata"]["resourceVersion"]) for event in events] == [1004, 1005, 1006]
    assert events[1]["object"]["metadata"]["generation"] == 2


async def test_a_past_revision_replays_the_log(
    client: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    start = cluster.revision
    fill(cluster, 3)
    async with watching(client, resourceVersion=start) as stream:
        assert [(await read_event(stream))["object"]["metadata"]["name"] for _ in range(3)] == [
            "b000000",
            "b000001",
            "b000002",
        ]


async def test_without_a_revision_the_state_comes_first(
    client: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    fill(cluster, 2)
    for revision in ("", "0"):
        async with watching(client, resourceVersion=revision) as stream:
            assert [(await read_event(stream))["type"] for _ in range(2)] == ["ADDED", "ADDED"]


async def test_watch_list(client: aiohttp.ClientSession, cluster: SimulatedCluster) -> None:
    fill(cluster, 1200)
    async with client.get(PATH, params=WATCH_LIST) as stream:
        for _ in range(1200):
            assert (await read_event(stream))["type"] == "ADDED"
        end = await read_event(stream)
        assert end["type"] == "BOOKMARK"
        assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert end["object"]["metadata"]["resourceVersion"] == str(cluster.revision)
        assert (end["object"]["kind"], end["object"]["apiVersion"]) == ("Backup", "example.io/v1")
        cluster.put(backup("next"))
        assert (await read_event(stream))["object"]["metadata"]["name"] == "next"


async def test_watch_list_wants_its_options(client: aiohttp.ClientSession) -> None:
    for query in ({"sendInitialEvents": "true"}, {"resourceVersionMatch": "NotOlderThan"}):
        status = await refusal(client, PATH, params={"watch": "1", **query})
        assert (status["code"], status["reason"]) == (422, "Invalid")


async def test_watch_list_refused_or_ignored(
    server: SimulatedApiServer, client: aiohttp.ClientSession
) -> None:
    server.cluster.put(backup("b"))
    server.watch_list = "refused"
    assert (await refusal(client, PATH, params=WATCH_LIST))["code"] == 422
    server.watch_list = "ignored"
    async with client.get(PATH, params={**WATCH_LIST, "timeoutSeconds": "0.05"}) as stream:
        assert (await read_event(stream))["type"] == "ADDED"
        rest = await stream.read()
    assert b"initial-events-end" not in rest


async def test_a_compacted_revision_is_200_and_then_410(
    client: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    start = cluster.revision
    fill(cluster, 2)
    cluster.compact()
    async with watching(client, resourceVersion=start) as stream:
        event = await read_event(stream)
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == (
            "ERROR",
            410,
            "Expired",
        )
        assert await stream.read() == b""
    async with watching(client, resourceVersion=cluster.revision) as stream:
        cluster.compact()
        cluster.put(backup("after"))
        assert (await read_event(stream))["object"]["metadata"]["name"] == "after"


async def test_a_full_log_forgets_its_past() -> None:
    cluster = SimulatedCluster("small", [BACKUPS], log_limit=10)
    async with SimulatedApiServer(cluster) as server, aiohttp.ClientSession(server.url) as client:
        fill(cluster, 30)
        async with watching(client, resourceVersion=1002) as stream:
            assert (await read_event(stream))["object"]["code"] == 410


async def test_bookmarks_and_timeout(client: aiohttp.ClientSession, server: SimulatedApiServer) -> None:
    server.bookmark_every = 0.02
    async with watching(
        client, resourceVersion=server.cluster.revision, allowWatchBookmarks="true"
    ) as stream:
        server.cluster.put({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}})
        await until(lambda: server.streams == 1)
        for _ in range(3):
            event = await read_event(stream)
            assert event["type"] == "BOOKMARK"
        assert event["object"]["metadata"]["resourceVersion"] == str(server.cluster.revision)
    async with watching(client, resourceVersion=server.cluster.revision, timeoutSeconds=0.02) as stream:
        assert await stream.read() == b""


async def test_objects_enter_and_leave_a_selection(
    client: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    async with watching(client, resourceVersion=cluster.revision, labelSelector="a=1") as stream:
        cluster.put(backup("b"))
        cluster.put(backup("b", metadata={"labels": {"a": "1"}}))
        cluster.put(backup("b", metadata={"labels": {"a": "2"}}))
        assert [(await read_event(stream))["type"] for _ in range(2)] == ["ADDED", "DELETED"]


async def test_one_object(client: aiohttp.ClientSession, cluster: SimulatedCluster) -> None:
    fill(cluster, 3)
    async with watching(
        client, "/apis/example.io/v1/namespaces/ops/backups/b000001", resourceVersion=1002
    ) as stream:
        cluster.delete(BACKUPS, "ops", "b000001")
        events = [await read_event(stream) for _ in range(2)]
    assert [event["type"] for event in events] == ["ADDED", "DELETED"]


async def test_streams_end_with_their_type(client: aiohttp.ClientSession, server: SimulatedApiServer) -> None:
    async with watching(client, resourceVersion=server.cluster.revision) as stream:
        await until(lambda: server.streams == 1)
        server.cluster.uninstall("backups.example.io")
        assert await stream.read() == b""


async def test_stop_ends_all_streams(client: aiohttp.ClientSession, server: SimulatedApiServer) -> None:
    streams = [client.get(PATH, params={"watch": "1"}) for _ in range(5)]
    responses = [await stream for stream in streams]
    await server.stop()
    assert [await response.read() for response in responses] == [b""] * 5
    assert server.streams == 0
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.get(PATH)


async def test_a_client_that_leaves_is_forgotten(
    client: aiohttp.ClientSession, server: SimulatedApiServer
) -> None:
    async with watching(client):
        await until(lambda: server.streams == 1)
    await until(lambda: server.streams == 0)


async def test_many_streams() -> None:
    async with SimulatedApiServer([BACKUPS]) as server:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(server.url, connector=connector) as client:
            streams = await asyncio.gather(*(client.get(PATH, params={"watch": "1"}) for _ in range(200)))
            server.cluster.put(backup("b"))
            events = await asyncio.gather(*(read_event(stream) for stream in streams))
            assert {event["object"]["metadata"]["name"] for event in events} == {"b"}
            for stream in streams:
                stream.close()
