"""One channel: what is due is carried out, so many at once, so fast, as long as the receiver is there."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

import msgspec

from backup_sentinel.clock import Clock
from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.channels import Channel, ChannelSettings
from backup_sentinel.relay.message import Delivery, Message
from backup_sentinel.relay.outbox import Claim, Outbox, StorageError
from backup_sentinel.relay.telemetry import RelayTelemetry
from backup_sentinel.secret import mask

from .attempt import Attempt, attempt
from .breaker import Breaker
from .enriching import Enriching
from .pace import Bucket, backoff

_log = logging.getLogger("backup_sentinel.relay")
LATE = "What enrichers would add was not there in time."
_CLOSING = 5.0
_STORAGE = 1.0
"""Seconds until a change that did not come to last is tried again."""


class Lane:
    """Carries out the deliveries of one channel. It never waits for another one."""

    def __init__(
        self,
        settings: ChannelSettings,
        channel: Channel,
        outbox: Outbox,
        telemetry: RelayTelemetry,
        clock: Clock,
        enriching: Enriching | None = None,
        chance: random.Random | None = None,
    ) -> None:
        how = settings.delivery
        self.name = settings.name
        self.breaker = Breaker(how.breaker_failures, how.breaker_seconds)
        self._settings = settings
        self._how = how
        self._channel = channel
        self._outbox = outbox
        self._telemetry = telemetry
        self._clock = clock
        self._enriching = enriching
        self._chance = chance or random.Random()
        self._bucket = Bucket(how.rate, how.burst, clock.now())
        self._woken = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Hear that something may be due."""
        self._woken.set()

    async def run(self, grace: float) -> None:
        """Work until cancelled; then finish what is under way, for at most `grace` seconds."""
        try:
            while True:
                self._woken.clear()
                await self._pause(await self._step())
        finally:
            if self._attempts:
                _, late = await asyncio.wait(self._attempts, timeout=grace)
                for task in late:
                    task.cancel()
                if late:
                    await asyncio.wait(late)
            try:
                async with asyncio.timeout(_CLOSING):
                    await self._channel.close()
            except Exception as error:  # noqa: BLE001 - the process ends
                _log.warning(
                    "channel not closed", extra={"channel": self.name, "error": type(error).__name__}
                )

    async def _step(self) -> float | None:
        """Begin what may be begun; return the seconds until there may be more, None for until something happens."""
        now = self._clock.now()
        free = self._how.concurrency - len(self._attempts)
        if self.breaker.is_open:
            free = 1 - len(self._attempts)
        if free <= 0:
            return None
        closed_for = self.breaker.wait(now)
        if closed_for:
            return closed_for
        tokens = self._bucket.available(now)
        if tokens == 0:
            return self._bucket.wait()
        try:
            claims, due = await self._outbox.claim(self.name, free if tokens is None else min(free, tokens))
        except StorageError:
            return _STORAGE
        self._bucket.take(len(claims))
        for claim in claims:
            self.breaker.probe(now)
            task = asyncio.create_task(self._carry_out(claim), name=f"delivery {self.name}")
            self._attempts.add(task)
            task.add_done_callback(self._done)
        return None if due is None else max(0.0, due - now)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._attempts.discard(task)
        self._woken.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("a delivery could not be settled", exc_info=task.exception())

    async def _pause(self, seconds: float | None) -> None:
        if seconds is None:
            await self._woken.wait()
            return
        tasks = [
            asyncio.ensure_future(self._woken.wait()),
            asyncio.ensure_future(self._clock.sleep(seconds)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry_out(self, claim: Claim) -> None:
        message = self._settings.filter.apply(claim.message)
        if message is None:
            await self._settle_idle(claim, "the filter has changed since and does not take it")
            return
        error, idle = await self._attempt(claim, message)
        now = self._clock.now()
        if error is not None:
            await self._give_in(claim, error, now)
        else:
            self.breaker.succeed()
            if idle is None:
                await self._insist(lambda: self._outbox.settle(claim))
                self._telemetry.delivered(self.name, claim.since, now)
            else:
                await self._settle_idle(claim, idle)
        self._telemetry.breaker(self.name, is_open=self.breaker.is_open)

    async def _settle_idle(self, claim: Claim, why: str) -> None:
        await self._insist(lambda: self._outbox.settle(claim))
        self._telemetry.delivery(self.name, "filtered")
        _log.info("nothing to send", extra={"channel": self.name, "id": claim.id, "why": why})

    async def _attempt(self, claim: Claim, message: Message) -> Attempt:
        delivery = self._delivery(claim, message)
        _log.info(
            "Sending notification",
            extra={
                "channel": self.name,
                "id": claim.id,
                "attempt": claim.attempt,
                "status": message.status.value,
                "type": message.type.value,
            },
        )
        return await attempt(self._settings, self._channel, delivery)

    def _delivery(self, claim: Claim, message: Message) -> Delivery:
        delivery = Delivery(id=claim.id, message=message, channel=self.name, attempt=claim.attempt)
        if not self._settings.enrich:
            return delivery
        if claim.findings is None:
            return msgspec.structs.replace(delivery, notes=(LATE,) if claim.late else ())
        findings = claim.findings
        return msgspec.structs.replace(delivery, facts=findings.facts, notes=findings.sentences)

    async def _give_in(self, claim: Claim, error: DeliveryError, now: float) -> None:
        """Decide about the next attempt, or that there is none."""
        text = mask(str(error), self._settings.secrets())
        self._telemetry.failure(self.name, error.reason)
        if error.retry:
            self.breaker.fail(now, error.after)
        else:
            self.breaker.succeed()
        fields = {"channel": self.name, "id": claim.id, "reason": error.reason.value, "error": text}
        reason = error.reason
        expired = now - claim.since > self._how.max_age_seconds
        if error.retry and not expired:
            how = self._how
            wait = backoff(
                claim.attempt, how.first_retry_seconds, how.longest_retry_seconds, error.after, self._chance
            )
            await self._insist(lambda: self._outbox.put_off(claim, now + wait, reason, text))
            if self._enriching is not None:
                self._enriching.again(claim)
            self._telemetry.delivery(self.name, "retried")
            _log.warning(
                "delivery failed", extra={**fields, "attempt": claim.attempt, "wait": round(wait, 1)}
            )
            return
        if error.retry:
            reason = DeliveryReason.EXPIRED
            text = f"not taken within {self._how.max_age_seconds:g} s; the last attempt: {text}"
        await self._insist(lambda: self._outbox.bury(claim, reason, text))
        self._telemetry.delivery(self.name, "dead")
        _log.error("delivery given up", extra={**fields, "attempts": claim.attempt})

    async def _insist(self, change: Callable[[], Awaitable[None]]) -> None:
        """Write down what became of an attempt, however long it takes: sending again is worse than waiting."""
        while True:
            try:
                await change()
            except StorageError:
                await self._clock.sleep(_STORAGE)
            else:
                return
