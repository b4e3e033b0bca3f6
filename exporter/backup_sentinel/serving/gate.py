"""Accepts clients: each gets a place or is sent away, and then shakes hands by the rules of the moment.

`loop.create_server`, which uvicorn uses, takes one TLS context for good, tells nobody of a handshake that fails, and
cannot refuse anybody. `loop.connect_accepted_socket`, of asyncio and uvloop alike, does all of that for one client.
(`loop.start_tls` does not: with uvloop it loses a ClientHello that comes early.)
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from .clock import GOODBYE
from .connection import Connection
from .house import House

_BATCH = 64
"""Clients accepted in one go; then those inside have a turn."""
_PATIENCE = 1.0
"""Seconds to wait where the system has no room (open files, memory) for another client, as asyncio does."""


class Gate:
    """The way from listening sockets into the house."""

    def __init__(self, house: House, make: Callable[[Connection], asyncio.Protocol]) -> None:
        """Take a function that returns uvicorn's protocol for a connection."""
        self._house = house
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._open: set[socket.socket] = set()
        self._arriving: set[asyncio.Task[None]] = set()

    def open(self, bound: socket.socket) -> None:
        """Accept the clients of a listening socket from now on."""
        bound.setblocking(False)
        self._open.add(bound)
        self._listen(bound)

    async def close(self) -> None:
        """Accept nobody any more, and end those who have not come as far as uvicorn."""
        for bound in self._open:
            self._loop.remove_reader(bound)
        self._open.clear()
        await asyncio.sleep(0)  # one that has just come takes its first step, so that it can clean up
        for task in self._arriving:
            task.cancel()
        await asyncio.gather(*self._arriving, return_exceptions=True)
        self._house.close()

    def _listen(self, bound: socket.socket) -> None:
        if bound in self._open:
            self._loop.add_reader(bound, self._accept, bound)

    def _accept(self, bound: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                client, peer = bound.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # gone already
            except OSError as error:
                self._house.seldom.tell("no client can be accepted", reason=error.strerror)
                self._loop.remove_reader(bound)
                self._loop.call_later(_PATIENCE, self._listen, bound)
                return
            client.setblocking(False)
            connection = Connection(self._house, self._make)
            if self._house.admit(connection):
                task = self._loop.create_task(self._receive(client, str(peer[0]), connection))
                self._arriving.add(task)
                task.add_done_callback(self._arriving.discard)
            else:
                client.close()

    async def _receive(self, client: socket.socket, host: str, connection: Connection) -> None:
        options: dict[str, Any] = {}
        if connection.rules.context is not None:
            options = {
                "ssl": connection.rules.context,
                "ssl_handshake_timeout": self._house.limits.head_seconds,
                "ssl_shutdown_timeout": GOODBYE,
            }
        arrived = False
        try:
            await self._loop.connect_accepted_socket(lambda: connection, client, **options)
            arrived = True
        except (
            OSError,
            RuntimeError,
        ) as error:  # TLS, network, timeout; uvloop's word for a client that has gone
            reason = getattr(error, "reason", None) or type(error).__name__
            self._house.seldom.tell("TLS handshake failed", reason=reason, client=host)
        finally:
            if not arrived:
                self._house.leave(connection)
