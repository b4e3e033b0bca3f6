"""What keeps the record, and what becomes of one that cannot be read."""

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from backup_sentinel.errors import SentinelError

from .record import Record

_log = logging.getLogger("backup_sentinel.notify")


class RecordError(SentinelError):
    """The record cannot be read or written."""


class Shelf(Protocol):
    """Keeps the record."""

    async def load(self) -> Record:
        """Return the record; an empty one where there is none. Raises ApiError, RecordError."""

    async def save(self, record: Record) -> None:
        """Write the record; what another process has noted meanwhile is merged into it. Raises ApiError, RecordError."""

    async def edit(self, change: Callable[[Record], object]) -> None:
        """Read the record, change it and write it, as one; `change` may be called again. Raises ApiError, RecordError."""

    async def close(self) -> None:
        """Let go of connections."""


def recover(texts: Mapping[str, str], where: str) -> Record:
    """Return the record of some texts; a key that cannot be read begins anew, which the log tells."""
    record, broken = Record.salvage(texts)
    for key, why in broken.items():
        lost(where, why, key)
    return record


def lost(where: str, why: str, key: str = "") -> Record:
    """Begin anew where the record cannot be read: something told twice is better than something not told."""
    _log.error(
        "the record of what was sent cannot be read; it begins anew",
        extra={"record": where, **({"key": key} if key else {}), "error": why},
    )
    return Record()
