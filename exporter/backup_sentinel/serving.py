"""Answers HTTP: one place that knows uvicorn, for every command that listens."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import SentinelError

Observe = Callable[[str, str, int, float], None]
"""Told of each request: method, path, status, seconds."""


class ListenError(SentinelError):
    """The address cannot be listened on."""


class _Server(uvicorn.Server):
    """Leaves the signals to the process, which has more to end than this server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(listen: str) -> socket.socket:
    """Return a socket that listens on HOST:PORT; without a host on all addresses, with port 0 on any free port.

    Raises ListenError.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        number = int(port)
    except ValueError:
        raise ListenError(
            f"`{listen}` is no address to listen on; write HOST:PORT, for example :9950"
        ) from None
    family = socket.AF_INET6 if ":" in host or (not host and socket.has_dualstack_ipv6()) else socket.AF_INET
    try:
        return socket.create_server(
            (host, number), family=family, dualstack_ipv6=family is socket.AF_INET6 and not host, backlog=1024
        )
    except (OSError, OverflowError) as error:
        hint = (
            "; is another process listening there? Choose one with --listen" if "in use" in str(error) else ""
        )
        raise ListenError(f"cannot listen on {listen}: {error}{hint}") from error


def address(bound: socket.socket) -> str:
    """Return the URL at which people reach a socket from the same machine."""
    host, port = bound.getsockname()[:2]
    if host in {"::", "0.0.0.0"}:  # noqa: S104 - compared, not bound
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    app: ASGIApp,
    bound: socket.socket,
    observe: Observe,
    *,
    ready: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Answer requests until cancelled; then finish those under way, for at most five seconds."""
    config = uvicorn.Config(
        _Observed(app, observe),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        server_header=False,
        date_header=True,
        h11_max_incomplete_event_size=32 << 10,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[bound]), name="serving")
    try:
        if ready is not None:
            await ready()
        await asyncio.shield(running)
    finally:
        server.should_exit = True
        await running


class _Observed:
    """Tells of each request after its answer has gone out."""

    def __init__(self, app: ASGIApp, observe: Observe) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            details: dict[str, Any] = dict(scope)
            self._observe(details["method"], details["path"], status, time.perf_counter() - began)
