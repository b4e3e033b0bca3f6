"""Every change of the outbox. All of it runs inside the writer's transaction."""

import hashlib
import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from backup_sentinel.errors import DeliveryReason
from backup_sentinel.relay.finding import Findings
from backup_sentinel.relay.message import Message

from .holding import LONGEST_HOLD, MARGIN, Hold, told
from .identity import delivery_id
from .letters import Letter, decode, find, letters
from .news import compare

DELIVERED, DEAD = 1, 2

Channels = Mapping[str, int]
"""Names of channels that want a message, and how many deliveries may wait for each."""

_encode = msgspec.msgpack.Encoder().encode


class Claim(NamedTuple):
    """A delivery that is somebody's to carry out."""

    seq: int
    channel: str
    id: str
    attempt: int
    """Counted from 1, over restarts."""
    since: float
    """When it began to wait: when it was accepted, or replayed."""
    message: Message
    findings: Findings | None = None
    """What enrichers found out; None where nobody was asked, and where they have not finished in time."""
    late: bool = False
    """Whether they have not finished in time."""


class Putting(NamedTuple):
    """What became of a message."""

    duplicate: bool
    crowded_out: tuple[str, ...]
    """Channels, once for each of their deliveries that had to give way."""


def lane_of(group_key: str) -> bytes:
    """Return the short form of a group key."""
    return hashlib.blake2b(group_key.encode(), digest_size=16).digest()


class Ledger:
    """The tables behind a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.sql = self._sql = connection
        self.claimed: dict[tuple[int, str], str] = {}
        """Deliveries in somebody's hands, which only this process knows: after a crash they wait again."""
        self.waiting: dict[str, int] = {}
        """How many deliveries wait, by channel; counted anew after a transaction that failed."""
        self.recount()

    def recount(self) -> None:
        """Count what waits."""
        self.waiting = dict(
            self._sql.execute("SELECT channel, count(*) FROM delivery WHERE state = 0 GROUP BY channel")
        )

    def put(self, message: Message, channels: Channels, window: float, hold: Hold | None = None) -> Putting:
        """Keep a message and one delivery per channel, unless it was said before within `window` seconds.

        With `hold` some of the channels wait for what enrichers find out.
        """
        if window > 0:
            sender = lane_of(f"{message.receiver}\0{message.group_key}")
            row = self._sql.execute("SELECT body FROM news WHERE lane = ?", (sender,)).fetchone()
            known = compare(row[0] if row else None, message, window)
            if known is None:
                return Putting(duplicate=True, crowded_out=())
            self._sql.execute(
                "INSERT OR REPLACE INTO news (lane, said, body) VALUES (?, ?, ?)",
                (sender, message.received, known),
            )
        crowded_out: list[str] = []
        for channel, most in channels.items():
            crowded_out += [channel] * self._make_room(channel, most, message.received)
        cursor = self._sql.execute(
            "INSERT INTO message (id, received, body, hold) VALUES (?, ?, ?, ?)",
            (message.id, message.received, _encode(message), hold.until if hold else None),
        )
        lane = lane_of(message.group_key)
        self._sql.executemany(
            """INSERT INTO delivery (seq, channel, id, lane, since, due, head)
            SELECT ?1, ?2, ?3, ?4, ?5, ?6, NOT EXISTS (
                SELECT 1 FROM delivery WHERE channel = ?2 AND lane = ?4 AND state = 0)""",
            [
                (
                    cursor.lastrowid,
                    channel,
                    delivery_id(message.id, channel),
                    lane,
                    message.received,
                    hold.until + MARGIN if hold and channel in hold.channels else message.received,
                )
                for channel in channels
            ],
        )
        for channel in channels:
            self._count(channel, 1)
        return Putting(duplicate=False, crowded_out=tuple(crowded_out))

    def claim(self, channel: str, limit: int, now: float) -> tuple[list[Claim], float | None]:
        """Return deliveries that are due, oldest first within their lane, and when the next one is due if none of them is.

        They count as claimed until they are settled, put off or released.
        """
        rows = self._sql.execute(
            """SELECT seq, id, attempts, since, due FROM delivery
            WHERE channel = ? AND state = 0 AND head = 1 ORDER BY due LIMIT ?""",
            (channel, limit + len(self.claimed) + 1),
        ).fetchall()
        claims: list[Claim] = []
        for seq, identity, attempts, since, due in rows:
            if (seq, channel) in self.claimed:
                continue
            if due > now:
                return claims, due
            if len(claims) == limit:
                return claims, now
            body, found, hold = self._sql.execute(
                "SELECT body, findings, hold FROM message WHERE seq = ?", (seq,)
            ).fetchone()
            self.claimed[seq, channel] = identity
            claims.append(
                Claim(
                    seq,
                    channel,
                    identity,
                    attempts + 1,
                    since,
                    decode(body),
                    told(found),
                    hold is not None and hold <= now,
                )
            )
        return claims, None

    def settle(self, claim: Claim, now: float) -> None:
        """Note that a delivery was taken."""
        self._end(claim, DELIVERED, now, None, None)

    def bury(self, claim: Claim, now: float, reason: DeliveryReason, error: str) -> None:
        """Make a dead letter of a delivery."""
        self._end(claim, DEAD, now, reason, error)

    def put_off(self, claim: Claim, due: float, reason: DeliveryReason, error: str) -> None:
        """Note that an attempt failed, and when the next one is due."""
        self._sql.execute(
            "UPDATE delivery SET attempts = ?, due = ?, reason = ?, error = ? WHERE seq = ? AND channel = ?",
            (claim.attempt, due, reason, error, claim.seq, claim.channel),
        )

    def release(self, claim: Claim) -> None:
        """Forget that a delivery is in somebody's hands."""
        self.claimed.pop((claim.seq, claim.channel), None)

    def start(self, channels: Channels, now: float, horizon: float) -> dict[str, int]:
        """Take up what waits after a start; return how many of channels that no longer exist became dead letters.

        No attempt is put off beyond `horizon` seconds, and nothing waits that was not tried, whatever clock wrote it down.
        """
        self._sql.execute(
            """UPDATE delivery SET since = min(since, ?1), due = min(due, CASE
                WHEN attempts > 0 THEN ?2
                WHEN (SELECT hold FROM message WHERE seq = delivery.seq) IS NULL THEN ?1
                ELSE ?3 END)
            WHERE state = 0 AND (due > ?1 OR since > ?1)""",
            (now, now + horizon, now + LONGEST_HOLD + MARGIN),
        )
        self._sql.execute(
            "UPDATE message SET hold = min(hold, ?) WHERE hold IS NOT NULL", (now + LONGEST_HOLD,)
        )
        gone = {channel: count for channel, count in self.waiting.items() if channel not in channels}
        for channel in gone:
            self._sql.execute(
                "UPDATE delivery SET state = 2, head = 0, settled = ?, reason = ?, error = ? WHERE channel = ? AND state = 0",
                (now, DeliveryReason.REMOVED, f"there is no channel {channel} any more", channel),
            )
        self.recount()
        return gone

    def dead(self) -> dict[str, int]:
        """Return how many dead letters there are, by channel."""
        return dict(
            self._sql.execute("SELECT channel, count(*) FROM delivery WHERE state = 2 GROUP BY channel")
        )

    def oldest(self) -> dict[str, float]:
        """Return since when the oldest delivery waits, by channel."""
        found = {}
        for channel in [name for name, count in self.waiting.items() if count > 0]:
            [since] = self._sql.execute(
                "SELECT since FROM delivery WHERE channel = ? AND state = 0 ORDER BY seq LIMIT 1", (channel,)
            ).fetchone()
            found[channel] = since
        return found

    def letters(self, channel: str | None = None, limit: int = 100) -> list[Letter]:
        """Return dead letters, the newest first."""
        return letters(self._sql, channel, limit)

    def letter(self, identity: str) -> Letter | None:
        """Return one dead letter by its delivery id."""
        return find(self._sql, identity)

    def replay(self, identity: str, now: float) -> bool:
        """Let a dead letter wait again, at its old place and under its old id; False where there is none."""
        row = self._sql.execute(
            "SELECT seq, channel, lane FROM delivery WHERE id = ? AND state = 2", (identity,)
        ).fetchone()
        if row is None:
            return False
        seq, channel, lane = row
        self._sql.execute(
            """UPDATE delivery SET state = 0, since = ?1, due = ?1, settled = NULL, attempts = 0
            WHERE seq = ?2 AND channel = ?3""",
            (now, seq, channel),
        )
        self._crown(channel, lane)
        self._count(channel, 1)
        return True

    def expire(self, channel: str, before: float, now: float, limit: int = 1000) -> int:
        """Make dead letters of deliveries that wait since before an instant; return how many."""
        rows = self._sql.execute(
            """SELECT seq, lane FROM delivery WHERE channel = ? AND state = 0 AND since < ? ORDER BY seq LIMIT ?""",
            (channel, before, limit),
        ).fetchall()
        rows = [row for row in rows if (row[0], channel) not in self.claimed]
        for seq, _ in rows:
            self._sql.execute(
                """UPDATE delivery SET state = 2, head = 0, settled = ?, reason = ?,
                error = 'too old' || coalesce(': ' || error, '') WHERE seq = ? AND channel = ?""",
                (now, DeliveryReason.EXPIRED, seq, channel),
            )
        for lane in {lane for _, lane in rows}:
            self._crown(channel, lane)
        self._count(channel, -len(rows))
        return len(rows)

    def _end(
        self, claim: Claim, state: int, now: float, reason: DeliveryReason | None, error: str | None
    ) -> None:
        row = self._sql.execute(
            """UPDATE delivery SET state = ?, head = 0, settled = ?, attempts = ?, reason = ?, error = ?
            WHERE seq = ? AND channel = ? AND state = 0 RETURNING lane""",
            (state, now, claim.attempt, reason, error, claim.seq, claim.channel),
        ).fetchone()
        if row is not None:
            self._crown(claim.channel, row[0])
            self._count(claim.channel, -1)

    def _crown(self, channel: str, lane: bytes) -> None:
        """Let the first of those that wait in a lane be its head, and no other."""
        self._sql.execute(
            """UPDATE delivery SET head = (seq = (
                SELECT min(seq) FROM delivery WHERE channel = ?1 AND lane = ?2 AND state = 0))
            WHERE channel = ?1 AND lane = ?2 AND state = 0 AND (head = 1 OR seq = (
                SELECT min(seq) FROM delivery WHERE channel = ?1 AND lane = ?2 AND state = 0))""",
            (channel, lane),
        )

    def _make_room(self, channel: str, most: int, now: float) -> int:
        """Make dead letters of the oldest deliveries where too many wait; return how many."""
        if self.waiting.get(channel, 0) < most:
            return 0
        rows = self._sql.execute(
            "SELECT seq, lane FROM delivery WHERE channel = ? AND state = 0 ORDER BY seq LIMIT ?",
            (channel, len(self.claimed) + 1),
        ).fetchall()
        for seq, lane in rows:
            if (seq, channel) in self.claimed:
                continue
            self._sql.execute(
                """UPDATE delivery SET state = 2, head = 0, settled = ?, reason = ?, error = ?
                WHERE seq = ? AND channel = ?""",
                (now, DeliveryReason.CROWDED_OUT, f"more than {most} messages waited", seq, channel),
            )
            self._crown(channel, lane)
            self._count(channel, -1)
            return 1
        return 0

    def _count(self, channel: str, change: int) -> None:
        self.waiting[channel] = self.waiting.get(channel, 0) + change
