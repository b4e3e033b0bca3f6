"""All connections of one server: how many there may be, and what becomes of the others."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Protocol

from .door import FrontDoor
from .limits import Limits
from .seldom import Seldom


class Guest(Protocol):
    """Who takes a place: a connection, from before its handshake to its end."""

    def end(self) -> None:
        """End, unless uvicorn knows of it."""

    def cut(self) -> None:
        """End, whatever is under way."""


class House:
    """The places: those who are served, and those who are only told that it is full."""

    def __init__(self, limits: Limits, door: FrontDoor | None, refused: Callable[[int], None]) -> None:
        self.limits = limits
        self.door = door
        self.refused = refused
        """Told the status of each refusal that no request stands behind."""
        self.seldom = Seldom(logging.getLogger("backup_sentinel.serving"))
        self._served: set[Guest] = set()
        self._told: set[Guest] = set()
        self._empty = asyncio.Event()

    def admit(self, guest: Guest) -> bool:
        """Give a place, as one who is served or one who is told 503; False where there is neither."""
        if len(self._served) < self.limits.connections:
            self._served.add(guest)
            return True
        self.seldom.tell("too many connections", limit=self.limits.connections)
        if len(self._told) < self.limits.refusals:
            self._told.add(guest)
            return True
        return False

    def serves(self, guest: Guest) -> bool:
        """Tell whether the place is one of those who are served."""
        return guest in self._served

    def leave(self, guest: Guest) -> None:
        """Take the place back; once is enough."""
        self._served.discard(guest)
        self._told.discard(guest)
        if not self._served and not self._told:
            self._empty.set()

    def close(self) -> None:
        """End those that uvicorn does not know of; it ends the others."""
        for guest in [*self._served, *self._told]:
            guest.end()

    async def emptied(self, patience: float) -> None:
        """Wait until all have left, at most so many seconds; then cut the others off."""
        if self._served or self._told:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._empty.wait()
        for guest in [*self._served, *self._told]:
            guest.cut()
