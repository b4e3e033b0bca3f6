"""The one thread that writes: what is asked for while a commit is under way goes into the next one, all together.

A commit with full durability costs one or two flushes of the disk, however much is in it. So hundreds of requests a
second share a few dozen commits, and nobody is told of success before the flush that made it true.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from backup_sentinel.errors import SentinelError

from .ledger import Ledger
from .schema import OutboxError, connect

T = TypeVar("T")

MOST = 256
"""Changes in one commit."""

_log = logging.getLogger("backup_sentinel.relay")


class StorageError(SentinelError):
    """A change did not come to last: the disk is full, cannot be written, or has failed. It may work later."""


class _Order(NamedTuple):
    change: Callable[[Ledger], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Writer:
    """Carries out changes, each as part of a transaction."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = connection
        self._ledger = Ledger(connection)
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._failing = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    async def do(self, change: Callable[[Ledger], T]) -> T:
        """Carry out a change and return its result once it lasts. Raises StorageError where it does not.

        Being cancelled while waiting takes nothing back.
        """
        if self._ended:
            raise StorageError("the outbox is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._orders.put(_Order(change, future, loop))
        return await future

    async def close(self) -> None:
        """Finish what was asked for and close the file."""
        if not self._ended:
            self._ended = True
            self._orders.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        going = True
        while going:
            batch: list[_Order] = []
            order = self._orders.get()
            while order is not None:
                batch.append(order)
                if len(batch) == MOST or self._orders.empty():
                    break
                order = self._orders.get()
            going = order is not None
            if batch:
                self._carry_out(batch)
        if self._connection is not None:
            self._connection.close()

    def _carry_out(self, batch: list[_Order]) -> None:
        claimed = dict(self._ledger.claimed)
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            results = [order.change(self._ledger) for order in batch]
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            self._undo(claimed)
            if not isinstance(error, sqlite3.Error | OutboxError):
                if len(batch) > 1:  # one of them is a defect, the others are not
                    for order in batch:
                        self._carry_out([order])
                    return
                _tell(batch, [error])
                return
            if not self._failing:
                _log.error("the outbox cannot be written", extra={"error": str(error)})
            self._failing = True
            why = f"the outbox cannot be written: {error}"
            _tell(batch, [StorageError(why) for _ in batch])
            return
        if self._failing:
            _log.info("the outbox can be written again")
        self._failing = False
        _tell(batch, results)

    def _open(self) -> sqlite3.Connection:
        """Return the connection; after an error a new one, as the old one may be of no use any more."""
        if self._connection is None:
            claimed = self._ledger.claimed
            self._connection = connect(self._path)
            self._ledger = Ledger(self._connection)
            self._ledger.claimed = claimed
        return self._connection

    def _undo(self, claimed: dict[tuple[int, str], str]) -> None:
        """Take back what did not come to last, and drop the connection with it."""
        connection, self._connection = self._connection, None
        self._ledger.claimed = claimed
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def _tell(batch: list[_Order], results: list[Any]) -> None:
    loop = batch[0].loop

    def tell() -> None:
        for order, result in zip(batch, results, strict=True):
            if order.future.done():
                continue
            if isinstance(result, Exception):
                order.future.set_exception(result)
            else:
                order.future.set_result(result)

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:  # the loop is closed; nobody waits
        return
