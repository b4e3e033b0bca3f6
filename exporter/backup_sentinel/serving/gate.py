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

_PATIENCE = 1.0
"""Seconds to wait where the system has no room (open files, memory) for another client, as asyncio does."""


class Gate:
    """The way from listening sockets into the house."""

    def __init__(self, house: House, make: Callable[[Connection], asyncio.Protocol]) -> None:
        """Take a function that returns uvicorn's protocol for a connection."""
        self._house = house
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, bound: socket.socket) -> None:
        """Accept the clients of a listening socket from now on."""
        bound.setblocking(False)
        self._start(self._accept(bound))

    async def close(self) -> None:
        """Accept nobody any more, and end those who have not come as far as uvicorn."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._house.close()

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, bound: socket.socket) -> None:
        while True:
            try:
                client, peer = await self._loop.sock_accept(bound)
            except ConnectionError:
                continue  # gone already
            except OSError as error:
                self._house.seldom.tell("no client can be accepted", reason=error.strerror)
                await asyncio.sleep(_PATIENCE)
                continue
            client.setblocking(False)
            connection = Connection(self._house, self._make)
            if self._house.admit(connection):
                self._start(self._receive(client, str(peer[0]), connection))
            else:
                client.close()
            await asyncio.sleep(0)  # a crowd at the gate leaves a turn to those inside

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
        except OSError as error:  # of TLS, of the network, and the timeout
            reason = getattr(error, "reason", None) or type(error).__name__
            self._house.seldom.tell("TLS handshake failed", reason=reason, client=host)
        finally:
            if not arrived:
                self._house.leave(connection)
