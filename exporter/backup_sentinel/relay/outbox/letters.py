"""Dead letters as they are read: what could not be delivered, why, and what it said."""

import sqlite3
from typing import Any, NamedTuple

import msgspec

from backup_sentinel.relay.message import Message

decode = msgspec.msgpack.Decoder(Message).decode

_COLUMNS = """SELECT d.id, d.channel, d.attempts, m.received, d.settled, d.reason, d.error, m.body
FROM delivery d JOIN message m USING (seq) WHERE d.state = 2"""


class Letter(NamedTuple):
    """A dead letter."""

    id: str
    channel: str
    attempts: int
    received: float
    died: float
    reason: str
    error: str
    message: Message


def letters(sql: sqlite3.Connection, channel: str | None, limit: int) -> list[Letter]:
    """Return dead letters of a channel, or of all, the newest first."""
    rows = sql.execute(
        f"{_COLUMNS} AND (?1 IS NULL OR d.channel = ?1) ORDER BY d.settled DESC, d.seq DESC LIMIT ?2",
        (channel, limit),
    )
    return [_letter(row) for row in rows]


def find(sql: sqlite3.Connection, identity: str) -> Letter | None:
    """Return one dead letter by its delivery id."""
    row = sql.execute(f"{_COLUMNS} AND d.id = ?", (identity,)).fetchone()
    return _letter(row) if row else None


def _letter(row: tuple[Any, ...]) -> Letter:
    identity, channel, attempts, received, died, reason, error, body = row
    return Letter(identity, channel, attempts, received, died, reason, error, decode(body))
