"""A line to a server that can go dead without a word, as when a machine is gone or a firewall has forgotten a connection."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self


class Line:
    """Passes bytes on to a port of the loopback interface, from `port`; while `dead` it swallows them."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.dead = False
        self.given_up = asyncio.Event()
        """Set when the client has ended a connection."""
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._target)
        with contextlib.closing(writer), contextlib.closing(ours):
            back = asyncio.create_task(self._pass(theirs, writer))
            try:
                await self._pass(reader, ours)
            finally:
                self.given_up.set()
                back.cancel()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(1 << 16):
                if not self.dead:
                    target.write(data)
                    await target.drain()
