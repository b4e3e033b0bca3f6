"""One connection to a broker for all attempts of a channel: made when it is needed, given up when it fails."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from backup_sentinel.errors import DeliveryError

T = TypeVar("T")

_PARTING = 2.0
"""Seconds that a connection has to say goodbye."""


class SharedConnection(Generic[T]):
    """Lends one connection to several attempts at once.

    A connection over which an attempt ran out of time is lent to nobody else, and neither is one that is no longer
    usable. It is closed in the background when the last attempt has returned it, so that no attempt waits for the
    goodbye of a broker that is gone.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[T]],
        usable: Callable[[T], bool],
        close: Callable[[T], Awaitable[None]],
    ) -> None:
        self._connect = connect
        self._usable = usable
        self._close = close
        self._current: T | None = None
        self._users: Counter[int] = Counter()
        self._connecting = asyncio.Lock()
        self._partings: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncIterator[T]:
        """Give the connection, after connecting where there is none. Raises what `connect` raises."""
        async with self._connecting:
            connection = self._current
            if connection is None or not self._usable(connection):
                self.retire(connection)
                connection = self._current = await self._connect()
        self._users[id(connection)] += 1
        try:
            yield connection
        except DeliveryError:
            raise  # the broker has answered, or `usable` knows that it will not
        except BaseException:
            self.forget(connection)
            raise
        finally:
            self._users[id(connection)] -= 1
            if connection is not self._current:
                self.retire(connection)

    def forget(self, connection: T) -> None:
        """Lend this connection to nobody else."""
        if self._current is connection:
            self._current = None

    async def close(self) -> None:
        """Close what is open. Nothing is lent any more."""
        self.retire(self._current)
        while self._partings:
            await asyncio.wait(self._partings)

    def retire(self, connection: T | None) -> None:
        """Close a connection in the background, once nobody uses it; also one that `connect` could not bring about."""
        if connection is None:
            return
        self.forget(connection)
        if self._users[id(connection)] > 0:
            return
        del self._users[id(connection)]
        task = asyncio.create_task(self._part(connection))
        self._partings.add(task)
        task.add_done_callback(self._partings.discard)

    async def _part(self, connection: T) -> None:
        # Whatever goes wrong: it is given up, and those who used it know what they have to know.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_PARTING):
                await self._close(connection)


__all__ = ["SharedConnection"]
