"""Hostile clients: slow ones, large ones, many."""

import asyncio
import errno
import itertools
import os
import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import bcrypt
import pytest
from starlette.responses import PlainTextResponse

from serving.certificates import Authority
from serving.conftest import ENGINES, Start
from serving.kit import EVERYTHING, Server, rest
from support.process import wait_until

pytestmark = pytest.mark.parametrize("engine", ENGINES, indirect=True)

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
USERS = {"ann": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()}
LIMITED = {"rate_limit": {"interval": "1h", "burst": 1}}


@pytest.fixture
def connections() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def status(connection: socket.socket) -> int:
    """Read one answer; 0 where there is none."""
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < length(data):
        part = connection.recv(1 << 16)
        if not part:
            return 0
        data += part
    return int(data.split()[1])


def drip(connection: socket.socket, parts: Iterable[bytes], pause: float = 0) -> None:
    for part in parts:
        connection.sendall(part)
        time.sleep(pause)


def length(data: bytes) -> int:
    found = re.search(rb"content-length: (\d+)", data, re.IGNORECASE)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("begin", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_head_must_come_in_time(start: Start, begin: bytes) -> None:
    server = start(head_seconds=0.1)
    with server.connect() as connection:
        connection.sendall(begin)
        began = time.monotonic()
        assert rest(connection) == b""
        assert 0.05 < time.monotonic() - began < 5
    assert server.ask().status == 200


def test_single_bytes_do_not_stop_the_clock(start: Start) -> None:
    server = start(head_seconds=0.15)
    with server.connect() as connection:
        began = time.monotonic()
        with pytest.raises(OSError):
            drip(connection, (bytes([byte]) for byte in GET[:-2] + b"X-A: " + b"a" * 100_000), 0.01)
        assert time.monotonic() - began < 5


def test_the_clock_starts_again_for_the_next_head(start: Start) -> None:
    server = start(head_seconds=0.15, idle_seconds=30)
    with server.connect() as connection:
        connection.sendall(GET)
        assert status(connection) == 200
        time.sleep(0.25)
        connection.sendall(GET)
        assert status(connection) == 200, "idle is no head"
        connection.sendall(GET[:-2])
        assert rest(connection) == b""


def test_an_idle_connection_ends(start: Start) -> None:
    server = start(idle_seconds=0.1)
    with server.connect() as connection:
        connection.sendall(GET)
        assert status(connection) == 200
        assert rest(connection) == b""


@pytest.mark.parametrize("begin", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_a_handshake_must_come_in_time(
    start: Start, authority: Authority, tls: dict[str, Any], begin: bytes
) -> None:
    server = start({"tls_server_config": tls}, head_seconds=0.15)
    with server.connect() as connection:
        connection.sendall(begin)
        began = time.monotonic()
        assert rest(connection) == b""
        assert time.monotonic() - began < 5
    with server.connect(authority.client()) as connection:
        assert rest(connection) == b"", "and so must the head after it"


def test_a_body_must_come_in_time(start: Start) -> None:
    server = start(body_seconds=0.1, linger_seconds=0.1)
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 10\r\n\r\nhalf")
        assert status(connection) == 408
        assert rest(connection) == b""
    assert not server.bodies


def test_an_answer_must_be_read_in_time(start: Start) -> None:
    server = start(stall_seconds=0.15)
    with server.connect() as connection:
        connection.sendall(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: bool(server.seen), "the answer is given up")
        assert len(rest(connection)) < EVERYTHING


def test_a_slow_but_steady_reader_is_served(start: Start) -> None:
    server = start(stall_seconds=2)
    got = server.ask("/flood")
    assert len(got.body) == EVERYTHING


def test_a_client_that_goes_away_harms_nobody(start: Start) -> None:
    server = start()
    for data in (
        b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n",
        POST + b"Content-Length: 10\r\n\r\n",
        b"GET",
        b"",
    ):
        with server.connect() as connection:
            connection.sendall(data)
    assert server.ask().status == 200


@pytest.mark.parametrize(("length", "expected"), [(8191, 404), (8193, 414)])
def test_url(start: Start, length: int, expected: int) -> None:
    server = start()
    assert server.ask("/a" + "?" * (length - 2)).status == expected
    assert server.ask().status == 200


def test_head(start: Start) -> None:
    server = start(head_bytes=4096)
    assert server.ask(headers={"X-A": "a" * 3000}).status == 200
    assert server.ask(headers={"X-A": "a" * 5000}).status in {400, 431}
    assert server.ask(headers={f"X-{number}": "a" for number in range(1000)}).status in {400, 431}


def test_a_head_without_end(start: Start) -> None:
    server = start(head_bytes=4096)
    with server.connect() as connection, pytest.raises(OSError):
        drip(
            connection,
            (
                b"GET / HTTP/1.1\r\n" if number == 0 else b"X-%d: %s\r\n" % (number, b"a" * 1000)
                for number in range(100_000)
            ),
        )
    assert server.ask().status == 200


def test_a_head_without_end_is_told(start: Start) -> None:
    """h11 has a limit of its own and says 400."""
    server = start(head_bytes=4096)
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-A: " + b"a" * 5000)
        told = status(connection)
    assert told in {400, 431}
    if told == 431:
        wait_until(lambda: ("", "", 431) in server.seen, "the refusal is counted")


def test_body(start: Start) -> None:
    server = start(linger_seconds=0.1)
    assert server.ask("/echo", method="POST", body=b"x" * (64 << 10)).body == b"x" * (64 << 10)
    for path, method in (("/echo", "POST"), ("/", "GET"), ("/nowhere", "PUT")):
        with server.connect() as connection:
            line = f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n"
            connection.sendall(line.encode())
            assert status(connection) == 413
            assert rest(connection) == b""


def test_body_in_chunks(start: Start) -> None:
    server = start()
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    with server.connect() as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 4 + b"0\r\n\r\n")
        assert status(connection) == 200
    with server.connect() as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 4 + b"1\r\nx\r\n")
        assert status(connection) == 413
    assert [len(body) for body in server.bodies] == [64 << 10]


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(
    ("settings", "expected"), [({}, 413), ({"basic_auth_users": USERS}, 401), (LIMITED, 429)]
)
def test_one_who_still_sends_reads_the_refusal(
    start: Start,
    authority: Authority,
    tls: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
    expected: int,
    encrypted: bool,
) -> None:
    """As Alertmanager and most clients do: the answer is looked at when the whole body is sent."""
    server = start({**settings, **({"tls_server_config": tls} if encrypted else {})})
    context = authority.client() if encrypted else None
    if expected == 429:
        assert server.ask(context=context).status == 200
    for _ in range(2):
        assert server.ask("/echo", method="POST", body=b"x" * (4 << 20), context=context).status == expected
    with server.connect(context) as connection:
        connection.sendall(POST + CHUNKED)
        drip(connection, [b"10000\r\n" + b"x" * 0x10000 + b"\r\n"] * 64 + [b"0\r\n\r\n"])
        assert status(connection) == expected
        assert rest(connection) == b""
    told = [(record.message, record.__dict__["limit"]) for record in caplog.records]
    assert told == ([("a body is too large", 65536)] if expected == 413 else []), "once a minute"
    assert not server.bodies


@pytest.mark.parametrize("body", [b"Content-Length: 3\r\n\r\nabc", CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"])
def test_a_body_is_whole_or_refused_where_another_protocol_is_asked_for(start: Start, body: bytes) -> None:
    """As `curl --http2` sends it; httptools ends the request at its head and would take the body for the next one."""
    server = start()
    with server.connect() as connection:
        connection.sendall(POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + body)
        told = status(connection)
        assert told in {200, 400}
        assert told == 200 or rest(connection) == b""
    assert server.bodies == ([b"abc"] if told == 200 else [])


def test_a_client_that_leaves_is_no_failure_of_ours(start: Start) -> None:
    server = start()
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 10\r\n\r\nhalf")
    wait_until(lambda: server.seen == [("POST", "/echo", 499)], "it is counted as gone")
    assert server.ask("/fail").status == 500
    wait_until(lambda: ("GET", "/fail", 500) in server.seen, "this is one")


@pytest.mark.parametrize("line", [b"X: %s\r\n" % (b"a" * 1000), b"X: " + b"a" * 1000])
def test_trailers_without_end(start: Start, line: bytes) -> None:
    server = start(body_seconds=60)
    head = POST + CHUNKED + b"1\r\nx\r\n0\r\n"
    with server.connect() as connection, pytest.raises(OSError):
        drip(connection, [head, *[line * 100] * 320])  # far more than the buffers of a connection hold


def test_what_is_thrown_away_has_an_end(start: Start) -> None:
    server = start(linger_bytes=1 << 20)
    head = POST + b"Content-Length: 999999999\r\n\r\n"
    with server.connect() as connection, pytest.raises(OSError):
        drip(connection, itertools.chain([head], itertools.repeat(b"x" * 0x10000)))
    wait_until(lambda: server.seen == [("POST", "/echo", 413)], "the refusal is counted")


def test_a_client_may_ask_before_it_sends(start: Start) -> None:
    server = start()
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 99999\r\nExpect: 100-continue\r\n\r\n")
        assert status(connection) == 413
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        assert status(connection) == 100
        connection.sendall(b"x")
        assert status(connection) == 200


def test_requests_in_one_go(start: Start) -> None:
    server = start(head_bytes=4096)
    with server.connect() as connection:
        connection.sendall(GET * 300 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert rest(connection).count(b"HTTP/1.1 200") == 301


def test_no_websocket(start: Start) -> None:
    head = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "YQ==",
        "Sec-WebSocket-Version": "13",
    }
    server = start()
    assert server.ask(headers=head).status == 200
    assert server.ask(headers={"Connection": "Upgrade", "Upgrade": "h2c"}).status == 200


def test_beyond_the_places(start: Start, connections: ExitStack) -> None:
    server = start("http_server_config: {headers: {X-Frame-Options: deny}}", connections=3)
    served = [connections.enter_context(server.connect()) for _ in range(3)]
    for connection in served:
        connection.sendall(GET)
        assert status(connection) == 200
    got = server.ask()
    assert (got.status, got.headers["x-frame-options"], got.headers["connection"]) == (
        503,
        ["deny"],
        ["close"],
    )
    wait_until(lambda: ("", "", 503) in server.seen, "the refusal is counted")
    served[0].sendall(GET)
    assert status(served[0]) == 200, "those inside are not disturbed"
    served.pop().close()
    wait_until(lambda: server.ask().status == 200, "the place is free again")


def test_far_beyond_the_places(start: Start, connections: ExitStack) -> None:
    server = start(connections=1)
    first = connections.enter_context(server.connect())
    first.sendall(GET)
    assert status(first) == 200
    told = [connections.enter_context(server.connect()) for _ in range(16)]

    def closed() -> bool:
        with server.connect() as connection:
            connection.settimeout(0.5)
            try:
                return connection.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

    wait_until(closed, "a further one is closed at once")
    told[0].sendall(GET)
    assert status(told[0]) == 503


def test_beyond_the_places_with_tls(
    start: Start, authority: Authority, tls: dict[str, Any], connections: ExitStack
) -> None:
    server = start({"tls_server_config": tls}, connections=1)
    first = connections.enter_context(server.connect(authority.client()))
    first.sendall(GET)
    assert status(first) == 200
    assert server.ask(context=authority.client()).status == 503
    first.close()
    wait_until(lambda: server.ask(context=authority.client()).status == 200, "the place is free again")


def test_failed_handshakes_give_their_places_back(
    start: Start, authority: Authority, tls: dict[str, Any]
) -> None:
    server = start({"tls_server_config": tls}, connections=2)
    for _ in range(30):
        with server.connect() as connection:
            connection.sendall(b"no handshake at all")
            rest(connection)
    wait_until(lambda: server.ask(context=authority.client()).status == 200, "all places are free")


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_thousand_at_once(
    start: Start,
    authority: Authority,
    tls: dict[str, Any],
    connections: ExitStack,
    many_files: None,
    encrypted: bool,
) -> None:
    server = start({"tls_server_config": tls} if encrypted else None, head_seconds=60, idle_seconds=60)
    context = authority.client() if encrypted else None
    crowd = [connections.enter_context(server.connect(context, timeout=30)) for _ in range(1000)]
    for _ in range(2):
        for connection in crowd:
            connection.sendall(GET)
        assert {status(connection) for connection in crowd} == {200}
    wait_until(lambda: len(server.seen) == 2000, "all are counted")


def test_the_end_does_not_wait_for_those_who_wait(
    authority: Authority, tls: dict[str, Any], start: Start, connections: ExitStack
) -> None:
    server: Server = start({"tls_server_config": tls}, connections=2)
    connections.enter_context(server.connect())  # in the middle of its handshake
    idle = connections.enter_context(server.connect(authority.client()))
    idle.sendall(GET)
    assert status(idle) == 200
    connections.enter_context(server.connect(authority.client()))  # will be told 503, but asks nothing
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 4


def test_no_room_for_another_client(
    engine: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where too many files are open: the gate closes for a while, and opens again."""

    class Exhausted(socket.socket):
        refusals = 2

        def accept(self) -> Any:
            if self.refusals:
                self.refusals -= 1
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return super().accept()

    monkeypatch.setattr("backup_sentinel.serving.gate._PATIENCE", 0.05)
    server = Server(loop=engine)
    server.socket = Exhausted(fileno=server.socket.detach())
    with server:
        assert server.ask().status == 200
    assert [record.__dict__["reason"] for record in caplog.records] == ["Too many open files"]


def test_the_end_waits_for_answers_under_way(start: Start) -> None:
    began, go_on = threading.Event(), threading.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        began.set()
        await asyncio.to_thread(go_on.wait, 10)
        await PlainTextResponse("late")(scope, receive, send)

    server = start(app=slow)
    with server.connect() as connection:
        connection.sendall(GET)
        assert began.wait(10)
        ending = threading.Thread(target=server.stop)
        ending.start()
        wait_until(lambda: refused(server.port), "nobody is let in any more")
        go_on.set()
        assert rest(connection).endswith(b"late")
        ending.join(10)


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False
