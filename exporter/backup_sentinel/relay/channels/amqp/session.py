"""A connection to a broker, with AMQP channels that are used again.

Each attempt has an AMQP channel for itself: the broker closes the channel over which it refuses something, and would
take the messages of others with it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aio_pika.abc import AbstractChannel, AbstractConnection


class Session:
    """A connection and its AMQP channels that are free."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._idle: list[AbstractChannel] = []

    def usable(self) -> bool:
        """Tell whether the connection is open."""
        return self._connection.connected.is_set() and not self._connection.is_closed

    @contextlib.asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """Give an AMQP channel that nobody else uses."""
        channel = None
        while self._idle and (channel is None or channel.is_closed):
            channel = self._idle.pop()
        if channel is None or channel.is_closed:
            channel = self._connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.initialize()
        try:
            yield channel
        finally:
            self._idle.append(channel)

    async def close(self) -> None:
        """Say goodbye, but not for long."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await self._connection.close()


__all__ = ["Session"]
