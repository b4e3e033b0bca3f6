"""All channels at work, and the housekeeping of the outbox."""

import asyncio
import logging
import random
from collections.abc import Mapping

from backup_sentinel.clock import Clock
from backup_sentinel.errors import DeliveryReason
from backup_sentinel.relay.channels import Channel
from backup_sentinel.relay.enrichers import Enricher
from backup_sentinel.relay.outbox import Outbox, StorageError
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.relay.telemetry import RelayTelemetry

from .enriching import Enriching
from .lane import Lane

_log = logging.getLogger("backup_sentinel.relay")
_TIDY = 30.0
"""Seconds between two rounds of housekeeping."""
GRACE = 10.0
"""Seconds that attempts under way have at the end."""


class Courier:
    """Carries out the deliveries of all channels."""

    def __init__(
        self,
        settings: RelaySettings,
        channels: Mapping[str, Channel],
        outbox: Outbox,
        telemetry: RelayTelemetry,
        clock: Clock,
        enrichers: Mapping[str, Enricher] | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.enriching = Enriching(settings, enrichers or {}, outbox, telemetry, clock)
        self.lanes = {
            one.name: Lane(one, channels[one.name], outbox, telemetry, clock, self.enriching, chance)
            for one in settings.channels
        }
        self._settings = settings
        self._outbox = outbox
        self._telemetry = telemetry
        self._clock = clock

    async def run(self, grace: float = GRACE) -> None:
        """Work until cancelled; then finish what is under way, for at most `grace` seconds."""
        most = {one.name: one.delivery.max_pending for one in self._settings.channels}
        for channel, count in (await self._outbox.start(most)).items():
            _log.warning(
                "the channel is no longer configured; its deliveries are dead letters",
                extra={"channel": channel, "deliveries": count},
            )
        self._outbox.arrived = self._wake
        async with asyncio.TaskGroup() as group:
            for lane in self.lanes.values():
                group.create_task(lane.run(grace), name=f"lane {lane.name}")
            group.create_task(self.enriching.run(), name="enriching")
            group.create_task(self._keep_house(), name="housekeeping")

    def _wake(self, channel: str) -> None:
        lane = self.lanes.get(channel)
        if lane is not None:
            lane.wake()

    async def _keep_house(self) -> None:
        settings = self._settings
        while True:
            try:
                for one in settings.channels:
                    if self.lanes[one.name].breaker.is_open:  # nothing is tried, so nothing expires by itself
                        count = await self._outbox.expire(one.name, one.delivery.max_age_seconds)
                        self._telemetry.delivery(one.name, "dead", count)
                        if count:
                            fields = {
                                "channel": one.name,
                                "reason": DeliveryReason.EXPIRED,
                                "deliveries": count,
                            }
                            _log.error("deliveries given up", extra=fields)
                await self._outbox.tidy(
                    settings.outbox.retention_seconds,
                    settings.outbox.dead_retention_seconds,
                    settings.intake.duplicate_window_seconds,
                )
            except StorageError:
                pass  # said once by the writer
            await self._clock.sleep(_TIDY)
