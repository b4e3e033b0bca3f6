"""What enrichers find out about a message, once, before its first delivery. They may add, never stop it.

A message that an enricher is asked about is held on disk: the deliveries that wait for it are due when the enrichers have
answered, or when the longest wait is over, so that nothing else is held up and a restart loses neither. What was found is
kept with the message and is the same for all channels and attempts. What failed is asked again while a failed delivery
waits for its next attempt.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from backup_sentinel.clock import Clock
from backup_sentinel.relay.enrichers import Enricher
from backup_sentinel.relay.finding import Findings
from backup_sentinel.relay.outbox import Claim, Held, Outbox, StorageError
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.relay.telemetry import RelayTelemetry

from .panel import Panel

_log = logging.getLogger("backup_sentinel.relay")
MOST = 1000
"""Messages under way; those beyond wait on disk, and go out as they came once their wait is over."""
_AGAIN = 20
"""Messages about which failed enrichers are asked again at the same time."""
_STORAGE = 1.0
"""Seconds until a change that did not come to last is tried again."""
DEFECT = "Nothing could be added, because of a defect."


class Enriching:
    """Asks the enrichers about messages that are held, and lets these go."""

    def __init__(
        self,
        settings: RelaySettings,
        enrichers: Mapping[str, Enricher],
        outbox: Outbox,
        telemetry: RelayTelemetry,
        clock: Clock,
    ) -> None:
        self.panel = Panel(settings, enrichers, telemetry, clock)
        self._longest = settings.enrichment.longest_seconds
        self._outbox = outbox
        self._clock = clock
        self._woken = asyncio.Event()
        self._held: dict[int, asyncio.Task[None]] = {}
        self._again: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until cancelled. What is under way then is held on disk, and asked about after the next start."""
        self._outbox.holding = self._woken.set
        try:
            while True:
                self._woken.clear()
                try:
                    waiting = await self._outbox.held(MOST)
                except StorageError:
                    await self._clock.sleep(_STORAGE)
                    continue
                for one in waiting:
                    if len(self._held) < MOST:
                        self._begin(self._held, one.seq, self._enrich(one))
                await self._woken.wait()
        finally:
            tasks = [*self._held.values(), *self._again.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.panel.close()

    def again(self, claim: Claim) -> None:
        """Hear that a delivery is tried again later: what failed is asked about meanwhile."""
        if claim.findings is not None and claim.findings.failed and len(self._again) < _AGAIN:
            self._begin(self._again, claim.seq, self._amend(claim, claim.findings))

    async def _enrich(self, held: Held) -> None:
        try:
            findings = await self.panel.find(held.message, held.until)
        except Exception:  # noqa: BLE001 - a message goes out whatever breaks here
            _log.exception("a message could not be enriched")
            findings = Findings(notes={"": (DEFECT,)}, at=self._clock.now())
        await self._insist(lambda: self._outbox.enrich(held.seq, findings))

    async def _amend(self, claim: Claim, known: Findings) -> None:
        findings = await self.panel.find(claim.message, self._clock.now() + self._longest, known)
        await self._insist(lambda: self._outbox.amend(claim.seq, findings))

    def _begin(self, tasks: dict[int, asyncio.Task[None]], seq: int, work: Coroutine[Any, Any, None]) -> None:
        if seq in tasks:
            work.close()
            return
        task = asyncio.create_task(work, name=f"enrichment {seq}")
        tasks[seq] = task
        task.add_done_callback(lambda done: self._done(tasks, seq, done))

    def _done(self, tasks: dict[int, asyncio.Task[None]], seq: int, task: asyncio.Task[None]) -> None:
        tasks.pop(seq, None)
        self._woken.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("a message could not be enriched", exc_info=task.exception())

    async def _insist(self, change: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await change()
            except StorageError:
                await self._clock.sleep(_STORAGE)
            else:
                return
