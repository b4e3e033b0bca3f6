"""One client: whether it may come in, how much it may send, and how long it may take for each step.

uvicorn by itself knows one timeout, between requests, and none for a head that comes byte by byte or for an answer
that nobody reads. So each connection passes through here, and uvicorn's own protocol, of httptools or h11, sits
inside. Only what asyncio documents of protocols is used, and of uvicorn that it is one.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from .answer import plain
from .clock import LINGER, Clock
from .door import Rules, permits
from .house import House

_CHUNK = 256 << 10
"""Bytes that asyncio and uvloop may hand over at once."""


class Connection(asyncio.Protocol):
    """Stands between a transport and uvicorn's protocol, and closes what takes too long or sends too much.

    `rules` are those of the moment at which the client came.
    """

    def __init__(self, house: House, make: Callable[["Connection"], asyncio.Protocol]) -> None:
        self.rules = Rules() if house.door is None else house.door.rules()
        self._house = house
        self._limits = limits = house.limits
        self._most = limits.head_bytes + limits.body_bytes + 2 * _CHUNK
        """Bytes that may wait behind a head: a body and some pipelined requests."""
        self._make = make
        self._transport: asyncio.Transport | None = None
        self._clock: Clock | None = None
        self._inner: asyncio.Protocol | None = None
        self._requests = 0
        self._unread = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, after the handshake if there is one."""
        client = self._transport = cast("asyncio.Transport", transport)  # that of uvloop is no subclass
        if not permits(self.rules.names, client.get_extra_info("peercert")):
            host = str((client.get_extra_info("peername") or ("",))[0])
            self._house.seldom.tell("client certificate without an allowed name", client=host)
            client.abort()
            return
        self._clock = Clock(client, self._limits.stall_seconds)
        self._clock.expect(self._limits.head_seconds)
        if self._house.serves(self):
            self._inner = self._make(self)
            self._inner.connection_made(client)

    def data_received(self, data: bytes) -> None:
        """Count what comes before a request is complete, and hand it on."""
        if self._transport is None or self._clock is None:
            return  # turned away
        if self._inner is None:
            self._refuse(503)
            return
        if not self._requests and not self._unread:
            self._clock.expect(self._limits.head_seconds)
        self._unread += len(data)
        self._inner.data_received(data)
        if not self._requests and self._unread > self._limits.head_bytes:
            asyncio.get_running_loop().call_soon(self._check)  # after the request, if this made one complete
        elif self._unread > self._most:
            self._clock.cut()

    def _check(self) -> None:
        if not self._requests and self._unread > self._limits.head_bytes:
            self._refuse(431)

    def _refuse(self, status: int) -> None:
        if self._transport is not None and self._clock is not None and not self._transport.is_closing():
            self._transport.write(plain(status, self.rules.headers))
            self._house.refused(status)
            self._clock.close()

    @property
    def verified(self) -> bool:
        """Whether the client has shown a certificate, which was verified in the handshake."""
        return self._transport is not None and bool(self._transport.get_extra_info("peercert"))

    def begin_request(self) -> None:
        """Hear that a request is complete up to its body: the clock of the head stops."""
        self._requests += 1
        self._unread = 0
        if self._clock is not None:
            self._clock.rest()

    def read_body(self, size: int) -> None:
        """Hear that so many bytes of the body wait no longer."""
        self._unread -= size

    def end_request(self) -> None:
        """Hear that its answer is written: the clock of the next one starts."""
        self._requests -= 1
        if not self._requests and self._transport is not None and self._clock is not None:
            self._unread = 0
            self._clock.expect(LINGER if self._transport.is_closing() else self._limits.idle_seconds)

    def pause_writing(self) -> None:
        """Give a client that reads nothing a while."""
        if self._clock is not None:
            self._clock.stall()
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Go on: the client reads."""
        if self._clock is not None:
            self._clock.flow()
        if self._inner is not None:
            self._inner.resume_writing()

    def end(self) -> None:
        """End a connection that uvicorn does not know of."""
        if self._inner is None and self._transport is not None:
            self._transport.abort()

    def cut(self) -> None:
        """End a connection, whatever is under way."""
        if self._clock is not None:
            self._clock.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back and tell uvicorn."""
        self._house.leave(self)
        if self._clock is not None:
            self._clock.stop()
            self._clock = None
        if self._inner is not None:
            self._inner.connection_lost(exc)


def connection_of(scope: Any) -> Connection | None:
    """Return, once, the connection that a request came by; uvicorn hands it through as state of the scope."""
    found = scope.get("state", {}).pop("connection", None)
    return found if isinstance(found, Connection) else None
