"""A server in a thread of its own, and clients that speak to it over real sockets."""

import asyncio
import base64
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from backup_sentinel.serving import FrontDoor, Limits, address, bind, serve

ROUTES = ("/", "/metrics", "/-/healthy", "/-/ready")
EVERYTHING = 64 << 20


class Server:
    """Serves until the end of the `with`; `seen` lists method, path and status of each request."""

    def __init__(
        self,
        front_door: FrontDoor | None = None,
        *,
        limits: Limits | None = None,
        app: ASGIApp | None = None,
        loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        self.seen: list[tuple[str, str, int]] = []
        self.bodies: list[bytes] = []
        self.socket = bind("127.0.0.1:0")
        self.port: int = self.socket.getsockname()[1]
        self.url = address(self.socket, front_door)
        self._door = front_door
        self._limits = limits or Limits()
        self._app = app or _application(self.bodies)
        self._factory = loop
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="server")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End, if it has not ended yet."""
        assert self._loop is not None
        assert self._task is not None
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(20)
        assert not self._thread.is_alive()

    def connect(self, context: ssl.SSLContext | None = None, timeout: float = 10) -> socket.socket:
        """Return a connection, encrypted with a context."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        if context is None:
            return plain
        try:
            return context.wrap_socket(plain, server_hostname="localhost")
        except OSError:
            plain.close()
            raise

    def ask(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        user: str | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        context: ssl.SSLContext | None = None,
    ) -> "Answer":
        """Send one request over a connection of its own; `user` is NAME:PASSWORD."""
        headers = dict(headers or {})
        if user is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        client.sock = self.connect(context)
        try:
            client.request(method, path, body, headers)
            return answer(client.getresponse())
        finally:
            client.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._factory) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async def ready() -> None:
            self._ready.set()

        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(
            serve(
                self._app,
                self.socket,
                lambda method, path, status, _: self.seen.append((method, path, status)),
                front_door=self._door,
                limits=self._limits,
                ready=ready,
            )
        )
        await asyncio.gather(self._task, return_exceptions=True)


class Answer(NamedTuple):
    """What came back; names of headers in lower case, values in order."""

    status: int
    headers: dict[str, list[str]]
    body: bytes


def answer(response: http.client.HTTPResponse) -> Answer:
    headers: dict[str, list[str]] = {}
    for name, value in response.getheaders():
        headers.setdefault(name.lower(), []).append(value)
    return Answer(response.status, headers, response.read())


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes; an abrupt end is an end."""
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except (ConnectionError, ssl.SSLError):
        pass
    return b"".join(parts)


def write(path: Path, settings: dict[str, Any] | str) -> Path:
    """Write a web-config file."""
    path.write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings), encoding="utf-8")
    return path


def _application(bodies: list[bytes]) -> ASGIApp:
    async def hello(_: Request) -> Response:
        return PlainTextResponse("hello")

    async def echo(request: Request) -> Response:
        bodies.append(await request.body())
        return Response(bodies[-1])

    async def own(_: Request) -> Response:
        return PlainTextResponse("own", headers={"X-Frame-Options": "sameorigin", "X-Other": "kept"})

    async def fail(_: Request) -> Response:
        raise ValueError("on purpose")

    async def flood(_: Request) -> Response:
        async def parts() -> Any:
            for _ in range(EVERYTHING >> 16):
                yield bytes(1 << 16)

        return StreamingResponse(parts())

    return Starlette(
        routes=[
            *(Route(path, hello) for path in ROUTES),
            Route("/echo", echo, methods=["POST"]),
            *(Route(f"/{handler.__name__}", handler) for handler in (own, fail, flood)),
        ]
    )
