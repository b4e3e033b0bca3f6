import asyncio
import contextlib
import json
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from backup_sentinel.demo import faults
from backup_sentinel.demo.apiserver import SimulatedApiServer
from demo.kit import PATH, backup, fetch, fill, names, read_event, refusal, until

GONE = (aiohttp.ClientError, ConnectionError)


@pytest.fixture
def filled(server: SimulatedApiServer) -> SimulatedApiServer:
    fill(server.cluster, 5)
    return server


Opener = Callable[..., Awaitable[aiohttp.ClientResponse]]


@pytest.fixture
async def open_watch(client: aiohttp.ClientSession) -> AsyncIterator[Opener]:
    streams = []

    async def open_(revision: int = 1002) -> aiohttp.ClientResponse:
        streams.append(await client.get(PATH, params={"watch": "1", "resourceVersion": str(revision)}))
        return streams[-1]

    yield open_
    for stream in streams:
        stream.close()


async def test_when_a_fault_strikes(filled: SimulatedApiServer, client: aiohttp.ClientSession) -> None:
    active = filled.faults.add(faults.Answer(verb="list", resource="backups", nth=2, times=2))
    await fetch(client, "/version")
    await fetch(client, "/api/v1/secrets")
    codes = []
    for _ in range(5):
        async with client.get(PATH) as response:
            codes.append(response.status)
    assert codes == [200, 503, 503, 200, 200]
    assert (active.seen, active.struck) == (5, 2)
    with filled.faults.active(faults.Answer(verb="list")):
        assert (await refusal(client, PATH))["code"] == 503
    await fetch(client, PATH)
    filled.faults.add(faults.Answer())
    assert (await refusal(client, "/version"))["code"] == 503
    filled.faults.clear()
    await fetch(client, "/version")
    filled.faults.remove(active)


async def test_status_codes(
    filled: SimulatedApiServer, client: aiohttp.ClientSession, open_watch: Opener
) -> None:
    filled.faults.add(faults.Answer(code=429, retry_after=7, times=1))
    async with client.get(PATH) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
        assert (await response.json())["reason"] == "TooManyRequests"
    filled.faults.add(faults.Answer(code=500, http=200, times=1))
    async with client.get(PATH) as response:
        assert (response.status, (await response.json())["code"]) == (200, 500)
    filled.faults.add(faults.Answer(verb="watch", code=500, times=1))
    assert (await open_watch()).status == 500


async def test_other_bodies(filled: SimulatedApiServer, client: aiohttp.ClientSession) -> None:
    filled.faults.add(faults.Body(times=1))
    async with client.get(PATH) as response:
        assert (response.status, await response.read()) == (200, b"")
    filled.faults.add(faults.Body(text=faults.HTML_PAGE, content_type="text/html", http=502, times=1))
    async with client.get(PATH) as response:
        assert (response.status, response.content_type) == (502, "text/html")
        assert "Bad Gateway" in await response.text()


async def test_cut_bodies(filled: SimulatedApiServer, client: aiohttp.ClientSession) -> None:
    with filled.faults.active(faults.CutBody()):
        response = await client.get(PATH)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    with filled.faults.active(faults.CutBody(clean=True, part=0.3)):
        response = await client.get(PATH)
        text = await response.text()
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


async def test_a_cut_line(filled: SimulatedApiServer, open_watch: Opener) -> None:
    filled.faults.add(faults.CutLine(verb="watch", after=2))
    stream = await open_watch()
    assert [(await read_event(stream))["type"] for _ in range(2)] == ["ADDED", "ADDED"]
    rest = await stream.read()
    assert rest.startswith(b'{"type":"ADDED"')
    assert not rest.endswith(b"\n")


async def test_a_stream_ends(filled: SimulatedApiServer, open_watch: Opener) -> None:
    filled.faults.add(faults.EndStream(after=3, times=1))
    stream = await open_watch()
    assert len((await stream.read()).splitlines()) == 3
    filled.faults.add(faults.EndStream(times=1))
    stream = await open_watch()
    assert await stream.read() == b""


async def test_half_open(
    filled: SimulatedApiServer, client: aiohttp.ClientSession, open_watch: Opener
) -> None:
    filled.faults.add(faults.HalfOpen(verb="list", times=1))
    asking = asyncio.ensure_future(client.get(PATH))
    await filled.journal.wait("list")
    done, _ = await asyncio.wait({asking}, timeout=0.05)
    assert not done
    asking.cancel()
    filled.faults.add(faults.HalfOpen(verb="watch", after=2))
    stream = await open_watch()
    for _ in range(2):
        await read_event(stream)
    filled.cluster.put(backup("unheard"))
    with pytest.raises(TimeoutError):
        await read_event(stream, 0.05)
    await filled.stop()
    with pytest.raises(GONE):
        await stream.read()


async def test_slow(filled: SimulatedApiServer, client: aiohttp.ClientSession, open_watch: Opener) -> None:
    filled.faults.add(faults.Slow(chunk=100, pause=0.001))
    assert len(names(await fetch(client, PATH))) == 5
    stream = await open_watch()
    assert (await read_event(stream))["type"] == "ADDED"
    await stream.content.readany()
    stream.close()


async def test_expired(filled: SimulatedApiServer, client: aiohttp.ClientSession, open_watch: Opener) -> None:
    filled.faults.add(faults.Expired(verb="list", times=1))
    assert (await refusal(client, PATH))["reason"] == "Expired"
    filled.faults.add(faults.Expired(verb="watch", after=1, times=1))
    stream = await open_watch()
    assert (await read_event(stream))["type"] == "ADDED"
    event = await read_event(stream)
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert await stream.read() == b""
    filled.faults.add(faults.Expired(verb="watch", times=1))
    stream = await open_watch()
    assert (await read_event(stream))["object"]["code"] == 410


async def test_revisions_that_go_back(
    filled: SimulatedApiServer, client: aiohttp.ClientSession, open_watch: Opener
) -> None:
    filled.faults.add(faults.OldRevision(by=500))
    assert (await fetch(client, PATH))["metadata"]["resourceVersion"] == str(1007 - 500)
    stream = await open_watch()
    assert (await read_event(stream))["object"]["metadata"]["resourceVersion"] == str(1003 - 500)


async def test_large_objects(
    filled: SimulatedApiServer, client: aiohttp.ClientSession, open_watch: Opener
) -> None:
    filled.faults.add(faults.Large(count=2))
    listed = await fetch(client, PATH)
    sizes = [len(json.dumps(item)) > 2 << 20 for item in listed["items"]]
    assert sizes == [True, True, False, False, False]
    stream = await open_watch()
    assert (
        len((await read_event(stream))["object"]["metadata"]["annotations"]["example.com/padding"]) == 2 << 20
    )


async def test_resets(filled: SimulatedApiServer, client: aiohttp.ClientSession, open_watch: Opener) -> None:
    filled.faults.add(faults.Reset(verb="list"))
    with pytest.raises(GONE):
        await client.get(PATH)
    filled.faults.add(faults.Reset(verb="watch", after=1))
    stream = await open_watch()
    await read_event(stream)
    with pytest.raises(GONE):
        await stream.read()


async def test_garbage(filled: SimulatedApiServer, open_watch: Opener) -> None:
    filled.faults.add(faults.Garbage(after=1, text="\x00}{"))
    stream = await open_watch()
    await read_event(stream)
    assert await stream.content.readline() == b"\x00}{\n"
    assert (await read_event(stream))["type"] == "ADDED"


async def test_latency_goes_with_other_faults(
    filled: SimulatedApiServer, client: aiohttp.ClientSession
) -> None:
    filled.faults.add(faults.Latency(seconds=0.01))
    filled.faults.add(faults.Answer(code=500, times=1))
    assert (await refusal(client, PATH))["code"] == 500
    assert len(names(await fetch(client, PATH))) == 5


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize("end", [SimulatedApiServer.down, SimulatedApiServer.stop])
async def test_an_end_while_a_client_arrives(
    server: SimulatedApiServer, turns: int, end: Callable[[SimulatedApiServer], Awaitable[None]]
) -> None:
    """Whatever step of its arrival it has come to: the client is turned away, and no socket is left to the collector."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        for _ in range(turns):
            await asyncio.sleep(0)
        await end(server)
        for _ in range(3):
            await asyncio.sleep(0)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""


@pytest.mark.parametrize("query", ["", "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"])
async def test_an_end_before_a_client_that_does_not_read(server: SimulatedApiServer, query: str) -> None:
    fill(server.cluster, 50)
    for number in range(10):
        server.cluster.put(backup(f"large{number}", metadata={"annotations": {"a": "a" * (1 << 20)}}))
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(f"GET {PATH}{query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await until(lambda: bool(select.select([connection], [], [], 0)[0]))
        assert server._web is not None
        [transport] = [known.transport for known in server._web.connections]
        assert transport is not None
        await server.stop()
        assert transport.get_extra_info("socket").fileno() == -1, "closed"


async def test_down_and_up_again(
    filled: SimulatedApiServer, client: aiohttp.ClientSession, open_watch: Opener
) -> None:
    stream = await open_watch(1007)
    await until(lambda: filled.streams == 1)
    port = filled.port
    await filled.down()
    with pytest.raises(GONE):
        await stream.read()
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.get(PATH)
    filled.cluster.put(backup("meanwhile"))
    await filled.up()
    assert filled.port == port
    assert len(names(await fetch(client, PATH))) == 6


def test_faults_are_data() -> None:
    import msgspec

    read = msgspec.convert({"fault": "cutline", "verb": "watch", "after": 3}, faults.AnyFault)
    assert read == faults.CutLine(verb="watch", after=3)
