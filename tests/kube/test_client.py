"""HTTP with a server that misbehaves in every way we know."""

import asyncio
import gzip
import json
import socket
import ssl
from contextlib import suppress

import pytest
from aiohttp import web

from backup_sentinel import __version__
from backup_sentinel.errors import ApiError, OutageReason
from backup_sentinel.kube import client as client_module
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.settings import ClusterSettings
from kube.certificates import Authority, encrypt
from kube.scripted import Answer, FakeClock, Server, body, silence, status, stream, text

PATH = "/apis/velero.io/v1/backups"
TOKEN = "t0p-secret"


async def failure(client: Client, path: str = PATH) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await client.get(path)
    assert TOKEN not in str(caught.value)
    return caught.value


def client_of(clock: FakeClock, **settings: object) -> Client:
    return Client(Access(ClusterSettings(name="prod", **settings), clock), clock)  # type: ignore[arg-type]


async def test_request_has_our_name_and_token(server: Server, client: Client) -> None:
    server.on(PATH, body({"ok": True}))
    assert json.loads(await client.get(PATH, {"continue": "a+/=&b"})) == {"ok": True}
    (seen,) = server.requests
    assert seen.query == {"continue": "a+/=&b"}
    assert seen.headers["User-Agent"] == f"backup-sentinel/{__version__}"
    assert seen.headers["Authorization"] == f"Bearer {TOKEN}"
    assert seen.headers["Accept-Encoding"] == "gzip"
    assert TOKEN not in repr(client)


async def test_compressed_answer(server: Server, client: Client) -> None:
    async def answer(_: web.Request) -> web.Response:
        packed = gzip.compress(b'{"a":1}' + b" " * 100_000)
        return web.Response(
            body=packed, headers={"Content-Encoding": "gzip"}, content_type="application/json"
        )

    server.on(PATH, answer)
    assert (await client.get(PATH)).strip() == b'{"a":1}'


async def test_path_of_the_server_is_kept(server: Server, clock: FakeClock) -> None:
    server.on(f"/k8s/clusters/c-1{PATH}", body({}))
    async with client_of(clock, api_url=f"{server.url}/k8s/clusters/c-1/") as client:
        assert await client.get(PATH) == b"{}"


async def test_clock_skew(server: Server, client: Client, clock: FakeClock) -> None:
    assert client.clock_skew is None
    server.on(PATH, body({}, Date="Tue, 14 Nov 2023 22:15:20 GMT"))
    await client.get(PATH)
    assert client.clock_skew == pytest.approx(120.5)
    server.on(PATH, body({}, Date="nonsense"))
    await client.get(PATH)
    assert client.clock_skew == pytest.approx(120.5)


@pytest.mark.parametrize(
    ("answer", "reason", "message"),
    [
        (
            status(401, "Unauthorized"),
            OutageReason.UNAUTHORIZED,
            "token of cluster prod is invalid or expired",
        ),
        (
            status(403, "Forbidden", 'User "x" cannot list'),
            OutageReason.FORBIDDEN,
            'HTTP 403: User "x" cannot list',
        ),
        (status(404, "NotFound", "not found"), OutageReason.NOT_SERVED, "HTTP 404: not found"),
        (text("404 page not found\n", 404), OutageReason.NOT_SERVED, "404 page not found"),
        (text("default backend - 404", 404), OutageReason.BAD_ANSWER, "not from an API server"),
        (text("<html>", 404, content_type="text/html"), OutageReason.BAD_ANSWER, "not from an API server"),
        (text("<html>", 403, content_type="text/html"), OutageReason.BAD_ANSWER, "not from an API server"),
        (text("<html>", 502, content_type="text/html"), OutageReason.SERVER_ERROR, "not from an API server"),
        (status(410, "Expired", "too old"), OutageReason.EXPIRED, "too old"),
        (status(422, "Invalid", "bad"), OutageReason.BAD_ANSWER, "bad"),
        (text("Too many requests", 429), OutageReason.THROTTLED, "Too many requests"),
        (text("service unavailable", 503), OutageReason.SERVER_ERROR, "service unavailable"),
        (
            status(504, "Timeout", "Too large resource version: 9, current: 3"),
            OutageReason.EXPIRED,
            "Too large",
        ),
        (status(500, "InternalError", "x" * 5000), OutageReason.SERVER_ERROR, "xxx..."),
        (text("", 302, Location="https://login.example/"), OutageReason.BAD_ANSWER, "redirected"),
        (text("<html>", content_type="text/html"), OutageReason.BAD_ANSWER, "not JSON"),
    ],
)
async def test_errors(
    server: Server, client: Client, answer: Answer, reason: OutageReason, message: str
) -> None:
    server.on(PATH, answer)
    error = await failure(client)
    assert (error.reason, message in str(error)) == (reason, True), str(error)
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (text("", 429, Retry_After="7"), 7),
        (text("", 503, Retry_After="Tue, 14 Nov 2023 22:13:50 GMT"), 30),
        (text("", 503, Retry_After="Tue, 14 Nov 2022 22:13:50 GMT"), 0),
        (text("", 503, Retry_After="soon"), None),
        (text("", 503), None),
        (body({"kind": "Status", "code": 429, "details": {"retryAfterSeconds": 3}}, 429), 3),
    ],
)
async def test_retry_after(server: Server, client: Client, answer: Answer, seconds: float | None) -> None:
    server.on(PATH, answer)
    assert (await failure(client)).retry_after == seconds


async def test_redirect_is_not_followed(server: Server, client: Client) -> None:
    server.on(PATH, text("", 307, Location="/elsewhere"))
    await failure(client)
    assert [seen.path for seen in server.requests] == [PATH]


async def test_nobody_listens(clock: FakeClock) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        async with client_of(clock, api_url=f"http://127.0.0.1:{held.getsockname()[1]}") as client:
            error = await failure(client)
    assert error.reason is OutageReason.UNREACHABLE
    assert "127.0.0.1" in str(error)


async def test_name_that_is_not_resolved(clock: FakeClock) -> None:
    async with client_of(clock, api_url="http://no-such-host.invalid") as client:
        error = await failure(client)
    assert error.reason is OutageReason.UNREACHABLE
    assert "no-such-host.invalid is not resolved" in str(error)


async def test_silent_server(server: Server, client: Client) -> None:
    server.on(PATH, silence())
    with pytest.raises(ApiError, match="timed out") as caught:
        await client.get(PATH, read_timeout=0.1)
    assert caught.value.reason is OutageReason.TIMEOUT


async def test_server_that_does_not_shake_hands(clock: FakeClock) -> None:
    async def mute(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    listener = await asyncio.start_server(mute, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    settings = ClusterSettings(api_url=url, insecure=True)
    async with Client(Access(settings, clock), clock, connect_timeout=0.1) as client:
        assert (await failure(client)).reason is OutageReason.TIMEOUT
    for writer in writers:
        writer.close()
    listener.close()


async def test_not_http(clock: FakeClock) -> None:
    async def shout(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await writer.drain()
        writer.close()

    async with (
        await asyncio.start_server(shout, "127.0.0.1", 0) as listener,
        client_of(clock, api_url=f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}") as client,
    ):
        assert (await failure(client)).reason is OutageReason.BAD_ANSWER


async def test_cut_body(server: Server, client: Client) -> None:
    server.on(PATH, stream(b'{"items":[', then="cut"))
    assert (await failure(client)).reason is OutageReason.UNREACHABLE


async def test_endless_body(server: Server, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_BODY", 1000)
    server.on(PATH, text("x" * 5000, content_type="application/json"))
    assert (await failure(client)).reason is OutageReason.BAD_ANSWER


async def test_endless_complaint(server: Server, client: Client) -> None:
    server.on(PATH, text("x" * (1 << 20), 500))
    assert (await failure(client)).reason is OutageReason.SERVER_ERROR


async def test_send(server: Server, client: Client) -> None:
    server.on("/api/v1/namespaces/n/configmaps/c", body({"kind": "ConfigMap"}))
    answer = await client.send(
        "PATCH", "/api/v1/namespaces/n/configmaps/c", b"{}", content_type="application/merge-patch+json"
    )
    assert answer == b'{"kind": "ConfigMap"}'
    (seen,) = server.requests
    assert (seen.method, seen.body, seen.headers["Content-Type"]) == (
        "PATCH",
        b"{}",
        "application/merge-patch+json",
    )


async def test_send_conflict(server: Server, client: Client) -> None:
    server.on(PATH, status(409, "AlreadyExists", "already exists"))
    with pytest.raises(ApiError, match="already exists") as caught:
        await client.send("POST", PATH, b"{}")
    assert caught.value.status == 409


async def test_stream_of_lines(server: Server, client: Client) -> None:
    server.on(PATH, stream(b"one\ntw", b"o\n"))
    async with client.stream(PATH, read_timeout=5) as lines:
        assert [line async for line in lines] == [b"one\n", b"two\n"]
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


async def test_error_of_the_reader_is_its_own(server: Server, client: Client) -> None:
    async def read() -> None:
        async with client.stream(PATH, read_timeout=5) as lines:
            async for _ in lines:
                raise OSError("disk full")

    server.on(PATH, stream(b"one\n", then="hang"))
    with pytest.raises(OSError, match="disk full"):
        await read()
    await server.until_hanging(0)


async def test_server_with_a_private_authority(
    authority: Authority, secure: Server, clock: FakeClock
) -> None:
    secure.on(PATH, body({}))
    async with client_of(clock, api_url=secure.url, ca_file=str(authority.ca)) as client:
        assert await client.get(PATH) == b"{}"
    async with client_of(clock, api_url=secure.url, ca_data=authority.ca.read_text()) as client:
        assert await client.get(PATH) == b"{}"
    async with client_of(clock, api_url=secure.url, insecure=True) as client:
        assert await client.get(PATH) == b"{}"
    async with client_of(clock, api_url=secure.url) as client:
        error = await failure(client)
    assert error.reason is OutageReason.TLS
    assert "unable to get local issuer certificate" in str(error)


async def test_wrong_name_in_the_certificate(authority: Authority, secure: Server, clock: FakeClock) -> None:
    url = secure.url.replace("127.0.0.1", "localhost")
    async with client_of(clock, api_url=url, ca_file=str(authority.ca)) as client:
        error = await failure(client)
    assert error.reason is OutageReason.TLS
    assert "localhost" in str(error)


async def test_client_certificate(authority: Authority, mutual: Server, clock: FakeClock) -> None:
    mutual.on(PATH, body({}))
    shown = {
        "client_certificate": str(authority.folder / "client.pem"),
        "client_key": str(authority.folder / "client.key"),
    }
    async with client_of(clock, api_url=mutual.url, ca_file=str(authority.ca), **shown) as client:
        assert await client.get(PATH) == b"{}"
        mutual.on(PATH, status(401, "Unauthorized"))
        assert "client certificate of cluster prod is invalid or expired" in str(await failure(client))


async def test_client_certificate_that_is_missing(authority: Authority, clock: FakeClock) -> None:
    # A plain socket: the servers of asyncio close without the alert that others send.
    def refuse() -> None:
        connection, _ = listener.accept()
        with suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    context = authority.server_context(wants_client=True)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refusal = asyncio.create_task(asyncio.to_thread(refuse))
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        async with client_of(clock, api_url=url, ca_file=str(authority.ca)) as client:
            error = await failure(client)
        await refusal
    assert error.reason is OutageReason.TLS
    assert "handshake failure" in str(error).lower()


async def test_key_under_a_password_is_refused_without_asking(authority: Authority, clock: FakeClock) -> None:
    shown = {
        "client_certificate": str(authority.folder / "client.pem"),
        "client_key": str(encrypt(authority.folder / "client.key")),
    }
    async with client_of(clock, api_url="https://127.0.0.1:1", **shown) as client:
        error = await failure(client)
    assert error.reason is OutageReason.CREDENTIALS


async def test_server_that_wants_credentials(server: Server, clock: FakeClock) -> None:
    server.on(PATH, status(401, "Unauthorized"))
    async with client_of(clock, api_url=server.url) as client:
        assert "wants credentials, and none are configured" in str(await failure(client))


async def test_proxy_that_refuses(server: Server, clock: FakeClock) -> None:
    server.on("/", text("", 407))
    proxy = server.url.replace("://", "://user:hunter2@")
    async with client_of(clock, api_url="https://api.example", proxy_url=proxy) as client:
        error = await failure(client)
    assert error.reason is OutageReason.UNREACHABLE
    assert "hunter2" not in repr(error) + str(error)


async def test_proxy_for_plain_http(server: Server, clock: FakeClock) -> None:
    server.on(PATH, body({}))
    async with client_of(clock, api_url="http://api.example", proxy_url=server.url) as client:
        assert await client.get(PATH) == b"{}"
    assert server.requests[0].headers["Host"] == "api.example"


async def test_proxy_that_is_away(clock: FakeClock) -> None:
    async with client_of(
        clock, api_url="https://api.example", proxy_url="http://u:hunter2@127.0.0.1:1"
    ) as client:
        error = await failure(client)
    assert error.reason is OutageReason.UNREACHABLE
    assert "hunter2" not in str(error)
