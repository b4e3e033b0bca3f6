"""Parts of the relay for tests: messages, a clock that is moved by hand, a channel that does as it is told."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Any

from backup_sentinel.clock import Clock
from backup_sentinel.relay.channels import ChannelSettings, Content
from backup_sentinel.relay.message import Alert, Delivery, Message, Status
from backup_sentinel.relay.outbox import message_id
from backup_sentinel.relay.rendering import Rendering

START = 1_800_000_000.0
_numbers = itertools.count(1)


class HandClock(Clock):
    """Stands still until it is moved."""

    def __init__(self, now: float = START) -> None:
        self._now = now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def set(self, now: float) -> None:
        """Jump, as a clock that somebody sets."""
        self._now = now

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + max(0.0, seconds), next(_numbers), future))
        await future

    def waiting(self) -> bool:
        """Tell whether anybody sleeps."""
        self._drop()
        return bool(self._sleepers)

    def next(self) -> float:
        """Return when the first sleeper wakes up."""
        self._drop()
        return self._sleepers[0][0]

    def advance(self, seconds: float) -> None:
        """Move on, and wake whoever has slept enough."""
        self._now += seconds
        self._drop()
        while self._sleepers and self._sleepers[0][0] <= self._now:
            heapq.heappop(self._sleepers)[2].set_result(None)
            self._drop()

    def _drop(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)


class ToldSettings(ChannelSettings, frozen=True, tag="told"):
    """A channel that does as the test tells it."""

    def open(self, rendering: Rendering) -> ToldChannel:  # noqa: ARG002 - it has no templates
        return ToldChannel()


class ToldChannel:
    """Takes everything, unless `answers` holds an error for the next attempt."""

    def __init__(self) -> None:
        self.answers: list[Exception | None] = []
        self.down: Exception | None = None
        self.attempts: list[Delivery] = []
        self.taken: list[Delivery] = []
        self.held: asyncio.Event | None = None
        self.busy = 0
        self.busiest = 0
        self.closed = False

    def render(self, delivery: Delivery) -> Content:
        return Content(body=delivery.id)

    async def send(self, delivery: Delivery, content: Content) -> None:
        assert content.body == delivery.id
        self.attempts.append(delivery)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            if self.held is not None:
                await self.held.wait()
            answer = self.answers.pop(0) if self.answers else self.down
            if answer is not None:
                raise answer
            self.taken.append(delivery)
        finally:
            self.busy -= 1

    async def close(self) -> None:
        self.closed = True


def message(group: str = "group", number: int = 0, *, at: float = START, **changes: Any) -> Message:
    """Return a message of a group; each number is news."""
    alert = Alert(
        labels={"alertname": "Test", "group": group, "severity": "warning"},
        annotations={"number": str(number)},
        fingerprint=f"{number:016x}",
        starts_at="2026-01-01T00:00:00Z",
    )
    fields: dict[str, Any] = {"alerts": (alert,), "group_key": group, "id": message_id(at), "received": at}
    return Message(**{**fields, **changes})


def said(*alerts: tuple[str, str, str], at: float = START, **changes: Any) -> Message:
    """Return a message that says (fingerprint, status, start) of some alerts."""
    made = tuple(
        Alert(fingerprint=name, status=Status(status), starts_at=start, labels={"alertname": name})
        for name, status, start in alerts
    )
    return message(at=at, alerts=made, **changes)


def number_of(one: Message | Delivery) -> int:
    """Return the number that a message was made with."""
    found = one.message if isinstance(one, Delivery) else one
    return int(found.alerts[0].annotations["number"])
