"""Messages that wait for what enrichers find out, and what they found, kept with the message."""

import sqlite3
from typing import NamedTuple

import msgspec

from backup_sentinel.relay.finding import Findings
from backup_sentinel.relay.message import Message

from .letters import decode

MARGIN = 2.0
"""Seconds after the end of a hold at which deliveries go out by themselves, whatever became of those who enrich."""

LONGEST_HOLD = 600.0
"""Seconds beyond which no message is held: the end of a hold after a restart may be that of another clock."""

_encode = msgspec.msgpack.Encoder().encode
_findings = msgspec.msgpack.Decoder(Findings).decode


class Hold(NamedTuple):
    """Which channels wait for findings about a message, and until when (Unix seconds) at most."""

    channels: frozenset[str]
    until: float


class Held(NamedTuple):
    """A message that waits."""

    seq: int
    until: float
    message: Message


def held(sql: sqlite3.Connection, limit: int) -> list[Held]:
    """Return messages that wait, the oldest first."""
    rows = sql.execute(
        "SELECT seq, hold, body FROM message WHERE hold IS NOT NULL ORDER BY seq LIMIT ?", (limit,)
    )
    return [Held(seq, until, decode(body)) for seq, until, body in rows]


def release(sql: sqlite3.Connection, seq: int, findings: Findings, now: float) -> list[str]:
    """Keep findings and let deliveries go that waited for them; return their channels."""
    sql.execute("UPDATE message SET findings = ?, hold = NULL WHERE seq = ?", (_encode(findings), seq))
    rows = sql.execute(
        "UPDATE delivery SET due = ?1 WHERE seq = ?2 AND state = 0 AND attempts = 0 AND due > ?1 RETURNING channel",
        (now, seq),
    )
    return [channel for (channel,) in rows.fetchall()]


def amend(sql: sqlite3.Connection, seq: int, findings: Findings) -> None:
    """Replace findings, for attempts to come."""
    sql.execute("UPDATE message SET findings = ? WHERE seq = ?", (_encode(findings), seq))


def told(findings: bytes | None) -> Findings | None:
    """Return kept findings; None where there are none."""
    return None if findings is None else _findings(findings)
