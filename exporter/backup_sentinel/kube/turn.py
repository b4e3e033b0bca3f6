"""One list's place among those that may run at once, given up while the server does not get on with it."""

import asyncio
from types import TracebackType
from typing import Self

PATIENCE = 1.0
"""Seconds without progress after which a list makes room for others: one that waits costs nobody anything."""


class Turn:
    """A place of `gate`, with `async with`. Tell it of progress; without any it is free for others after a while."""

    def __init__(self, gate: asyncio.Semaphore) -> None:
        self._gate = gate
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await self._gate.acquire()
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._leave)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def progress(self) -> None:
        """Something came; a place that was given up is not taken again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._leave)

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._gate.release()
