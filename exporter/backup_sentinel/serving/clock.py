"""How long one client may take: one clock for what it should send next, and one for what it should read."""

import asyncio
import contextlib
import socket
import struct

LINGER = 5.0
"""Seconds for the last bytes of an answer before the connection is cut."""
GOODBYE = 1.0
"""Seconds for a client to return the goodbye of TLS."""
_AT_ONCE = struct.pack("ii", 1, 0)


class Clock:
    """Closes a transport when a time is over, and cuts it where saying goodbye takes long, too."""

    def __init__(self, transport: asyncio.Transport, stall_seconds: float) -> None:
        self._transport = transport
        self._stall_seconds = stall_seconds
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    def expect(self, seconds: float) -> None:
        """Close in so many seconds, in place of any other time before."""
        self.rest()
        self._next = self._loop.call_later(seconds, self.close)

    def rest(self) -> None:
        """Expect nothing: the client waits for us."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def stall(self) -> None:
        """Cut the connection unless the client reads on in time."""
        self.flow()
        self._stall = self._loop.call_later(self._stall_seconds, self.cut)

    def flow(self) -> None:
        """The client reads."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def close(self) -> None:
        """Say goodbye now."""
        self.rest()
        if self._transport.is_closing():
            self.cut()
        else:
            self._next = self._loop.call_later(LINGER, self.cut)
            self._transport.close()

    def cut(self) -> None:
        """End the connection with a reset, so that the kernel keeps no answer for those who do not read it."""
        with contextlib.suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    def stop(self) -> None:
        """The connection has ended."""
        self.rest()
        self.flow()
