"""The outbox as the event loop sees it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from backup_sentinel.clock import Clock
from backup_sentinel.errors import DeliveryReason
from backup_sentinel.relay.finding import Findings
from backup_sentinel.relay.message import Message

from .holding import Held, Hold, amend, held, release
from .ledger import Channels, Claim, Ledger, Putting
from .letters import Letter
from .retention import purge, tidy
from .schema import Lock, connect, inspect
from .writer import StorageError, Writer

T = TypeVar("T")

HORIZON = 3600.0
"""Seconds beyond which no attempt is put off over a restart: the clock may have been another one."""


SOME = 2000
"""Deliveries of each state that one commit deletes, so that no other change waits long."""


class Pending(NamedTuple):
    """What is in the outbox, by channel."""

    waiting: dict[str, int]
    oldest: dict[str, float]
    """Since when the oldest waits, Unix seconds."""
    dead: dict[str, int]


class Outbox:
    """Messages and deliveries on disk. Open it inside a running event loop, once per file."""

    def __init__(self, lock: Lock, writer: Writer, clock: Clock) -> None:
        self._lock = lock
        self._writer = writer
        self._clock = clock
        self.usable = True
        """Whether the last change came to last."""
        self.waiting: dict[str, int] = {}
        """How many deliveries wait, by channel, after the last change."""
        self.arrived: Callable[[str], None] = lambda _: None
        """Told the name of a channel for which something may be due."""
        self.holding: Callable[[], None] = lambda: None
        """Told that a message waits for findings."""

    @classmethod
    def open(cls, path: str, clock: Clock) -> Self:
        """Take the lock, open the file, read all of it once. Raises OutboxError."""
        file = Path(path)
        lock = Lock(file)
        try:
            connection = connect(file)
            try:
                inspect(connection, file)
                writer = Writer(file, connection)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            lock.release()
            raise
        return cls(lock, writer, clock)

    async def start(self, channels: Channels) -> dict[str, int]:
        """Take up what waits; return how many deliveries of removed channels became dead letters."""
        now = self._clock.now()
        return await self._do(lambda ledger: ledger.start(channels, now, HORIZON))

    async def put(
        self, message: Message, channels: Channels, window: float, hold: Hold | None = None
    ) -> Putting:
        """Keep a message for channels; on disk when this returns. Raises StorageError, and then it is not kept.

        With `hold` some of the channels wait until `enrich`, or until the end of the hold.
        """
        putting = await self._do(lambda ledger: ledger.put(message, channels, window, hold))
        if not putting.duplicate:
            if hold is not None:
                self.holding()
            for channel in channels:
                self.arrived(channel)
        return putting

    async def claim(self, channel: str, limit: int) -> tuple[list[Claim], float | None]:
        """Return what is due, and when the next delivery is due if it is not yet."""
        now = self._clock.now()
        return await self._do(lambda ledger: ledger.claim(channel, limit, now))

    async def settle(self, claim: Claim) -> None:
        """Note that a delivery was taken. Raises StorageError; then it is still claimed, and must be settled again."""
        now = self._clock.now()
        await self._finish(claim, lambda ledger: ledger.settle(claim, now))

    async def bury(self, claim: Claim, reason: DeliveryReason, error: str) -> None:
        """Make a dead letter of a delivery. Raises StorageError."""
        now = self._clock.now()
        await self._finish(claim, lambda ledger: ledger.bury(claim, now, reason, error))

    async def put_off(self, claim: Claim, due: float, reason: DeliveryReason, error: str) -> None:
        """Note that an attempt failed, and when the next one is due. Raises StorageError."""
        await self._finish(claim, lambda ledger: ledger.put_off(claim, due, reason, error))

    async def held(self, limit: int) -> list[Held]:
        """Return messages that wait for findings, the oldest first."""
        return await self._do(lambda ledger: held(ledger.sql, limit))

    async def enrich(self, seq: int, findings: Findings) -> None:
        """Keep findings about a message and let the deliveries go that waited for them. Raises StorageError."""
        now = self._clock.now()
        for channel in await self._do(lambda ledger: release(ledger.sql, seq, findings, now)):
            self.arrived(channel)

    async def amend(self, seq: int, findings: Findings) -> None:
        """Replace findings about a message, for attempts to come. Raises StorageError."""
        await self._do(lambda ledger: amend(ledger.sql, seq, findings))

    async def release(self, claim: Claim) -> None:
        """Give a claim back as if it had not been claimed."""
        await self._do(lambda ledger: ledger.release(claim))
        self.arrived(claim.channel)

    async def expire(self, channel: str, age: float) -> int:
        """Make dead letters of what waits for longer than so many seconds, some at a time; return how many."""
        now = self._clock.now()
        return await self._do(lambda ledger: ledger.expire(channel, now - age, now))

    async def pending(self) -> Pending:
        """Count what is there."""
        return await self._do(lambda ledger: Pending(dict(ledger.waiting), ledger.oldest(), ledger.dead()))

    async def letters(self, channel: str | None = None, limit: int = 100) -> list[Letter]:
        """Return dead letters, the newest first."""
        return await self._do(lambda ledger: ledger.letters(channel, limit))

    async def letter(self, identity: str) -> Letter | None:
        """Return one dead letter by its delivery id."""
        return await self._do(lambda ledger: ledger.letter(identity))

    async def replay(self, identity: str) -> bool:
        """Let a dead letter wait again; False where there is none."""
        now = self._clock.now()
        letter = await self.letter(identity)
        found = await self._do(lambda ledger: ledger.replay(identity, now))
        if letter is not None and found:
            self.arrived(letter.channel)
        return found

    async def purge(self, identity: str) -> bool:
        """Throw a dead letter away; False where there is none."""
        return await self._do(lambda ledger: purge(ledger.sql, identity))

    async def tidy(self, delivered_age: float, dead_age: float, window: float) -> int:
        """Delete what is older than so many seconds, some in each commit; return how many deliveries it was."""
        now = self._clock.now()
        gone, count = 0, SOME
        while count >= SOME:
            count = await self._do(
                lambda ledger: tidy(ledger.sql, now - delivered_age, now - dead_age, now - window, SOME)
            )
            gone += count
        return gone

    async def close(self) -> None:
        """Finish what is under way, close the file, and let others have it."""
        await self._writer.close()
        self._lock.release()

    async def _finish(self, claim: Claim, change: Callable[[Ledger], None]) -> None:
        def finish(ledger: Ledger) -> None:
            change(ledger)
            ledger.release(claim)

        await self._do(finish)
        self.arrived(claim.channel)

    async def _do(self, change: Callable[[Ledger], T]) -> T:
        try:
            result = await self._writer.do(lambda ledger: (change(ledger), dict(ledger.waiting)))
        except StorageError:
            self.usable = False
            raise
        self.usable = True
        self.waiting = result[1]
        return result[0]
