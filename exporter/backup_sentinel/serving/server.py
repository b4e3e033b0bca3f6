"""Answers HTTP: one place that knows uvicorn, for every command that listens.

What uvicorn does by itself, and what is done by `gate`, `connection` and `request` instead:

    head size          h11: bounded; httptools: not at all      bytes are counted before a request is complete
    time for a head    none                                     a clock from the first byte, or the connection
    TLS handshake      60 s, context fixed at start             10 s, the context of the moment
    keep-alive         5 s, less than a scrape interval         75 s
    body               paused at 64 kB, endless if it is read   complete and bounded before the application runs
    refused body       reset while the client sends             thrown away for a while, so that the answer is read
    connections        503 after the request, all accepted      503, and closed at once far beyond
    WebSocket          whichever library is installed           none
"""

import asyncio
import math
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from .connection import Connection, connection_of
from .door import FrontDoor, Guard
from .farewell import Farewell
from .gate import Gate
from .house import House
from .identity import introduce
from .limits import Limits, make_room
from .request import Bounds

Observe = Callable[[str, str, int, float], None]
"""Told of each request: method, path, status, seconds. Method and path are "" where none was read."""

_DEFAULTS = Limits()
_GONE = 499
"""Observed where the client left in the middle of its request, as nginx logs it; nobody is told."""
_PATIENCE = 5.0
"""Seconds that requests under way have at the end."""


async def serve(
    app: ASGIApp,
    bound: socket.socket,
    observe: Observe,
    *,
    front_door: FrontDoor | None = None,
    limits: Limits = _DEFAULTS,
    ready: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Answer requests until cancelled; then finish those under way, for at most five seconds.

    With a front door, TLS, passwords, headers and the rate limit hold for every route.
    """
    make_room(limits)
    house = House(limits, front_door, lambda status: observe("", "", status, 0.0))
    inside: ASGIApp = Bounds(app, limits, house.seldom)
    if front_door is not None:
        inside = Guard(inside, front_door)
    config = uvicorn.Config(
        _Entrance(Farewell(inside, limits), observe),
        ws="none",
        log_config=None,
        log_level="error",  # a warning of uvicorn is one that any client can cause
        access_log=False,
        lifespan="off",
        timeout_keep_alive=math.ceil(limits.idle_seconds),
        server_header=False,
        date_header=True,
        h11_max_incomplete_event_size=limits.head_bytes,
    )
    server = _Server(config, house)
    running = asyncio.create_task(server.serve(sockets=[bound]), name="serving")
    try:
        if ready is not None:
            await ready()
        await asyncio.shield(running)
    finally:
        server.end()
        await running
        if front_door is not None:
            front_door.close()


class _Server(uvicorn.Server):
    """Lets clients in through our gate, and leaves the signals to the process, which has more to end than this."""

    def __init__(self, config: uvicorn.Config, house: House) -> None:
        super().__init__(config)
        self.servers = []
        self._house = house
        self._gate = Gate(house, self._protocol)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Have `serve` finish the requests under way and return."""
        self.should_exit = True
        self._ending.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the gate in place of `loop.create_server`."""
        for bound in sockets or ():
            self._gate.open(bound)
        self.started = True

    async def main_loop(self) -> None:
        """Write the date anew each second until the end; uvicorn wakes up ten times as often."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the gate, and wait for the requests under way as long as is decent."""
        await self._gate.close()
        for bound in sockets or ():
            bound.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()  # at once, or after the answer
        await self._house.emptied(_PATIENCE)
        for task in (tasks := list(self.server_state.tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _protocol(self, connection: Connection) -> asyncio.Protocol:
        make = cast("Callable[..., asyncio.Protocol]", AutoHTTPProtocol)
        state = {"connection": connection}
        return make(config=self.config, server_state=self.server_state, app_state=state)


def _told(receive: Receive, connection: Connection | None) -> Receive:
    """Return a `receive` that tells the connection how much of a body was read."""
    if connection is None:
        return receive

    async def receiving() -> Message:
        message = await receive()
        connection.read_body(len(message.get("body", b"")))
        return message

    return receiving


class _Entrance:
    """Tells the connection when a request begins and ends, and the process how it went."""

    def __init__(self, app: ASGIApp, observe: Observe) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = connection_of(scope)
        began = time.perf_counter()
        status, open_ = _GONE, True
        if connection is not None:
            connection.begin_request()
            if connection.verified:
                introduce(scope)

        def end() -> None:
            nonlocal open_
            if open_ and connection is not None:
                connection.end_request()
            open_ = False

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                end()

        try:
            await self._app(scope, _told(receive, connection), sending)
        except Exception:
            status = 500 if status == _GONE else status  # uvicorn says so
            raise
        finally:
            end()
            details: dict[str, Any] = dict(scope)
            self._observe(details["method"], details["path"], status, time.perf_counter() - began)
