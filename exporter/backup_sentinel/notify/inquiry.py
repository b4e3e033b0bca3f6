"""What the relay's enrichers find out about what one look tells, within one time for all of it."""

import logging
from collections.abc import Mapping

from backup_sentinel.clock import Clock
from backup_sentinel.relay.courier import DEFECT, LATE, Panel
from backup_sentinel.relay.enrichers import Enricher
from backup_sentinel.relay.finding import Findings
from backup_sentinel.relay.message import Message
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.relay.telemetry import RelayTelemetry
from backup_sentinel.telemetry import Telemetry

_log = logging.getLogger("backup_sentinel.notify")


class Inquiry:
    """Asks once about each message, whoever gets it. The first question starts the time: `enrichment.longest_seconds`."""

    def __init__(self, settings: RelaySettings, enrichers: Mapping[str, Enricher], clock: Clock) -> None:
        counts = RelayTelemetry(Telemetry(export=False), (), list(enrichers))  # nobody reads them
        self._panel = Panel(settings, enrichers, counts, clock)
        self._filters = [one.filter for one in settings.enrichers]
        self._seconds = settings.enrichment.longest_seconds
        self._until: float | None = None
        self._found: dict[str, Findings] = {}
        self._clock = clock

    async def find(self, name: str, message: Message) -> Findings | None:
        """Return what is known about a message, which messages with the same alerts share by `name`.

        None where no enricher is asked about it.
        """
        if all(one.apply(message) is None for one in self._filters):
            return None
        if name not in self._found:
            self._found[name] = await self._ask(message)
        return self._found[name]

    async def close(self) -> None:
        """Close the enrichers."""
        await self._panel.close()

    async def _ask(self, message: Message) -> Findings:
        now = self._clock.now()
        if self._until is None:
            self._until = now + self._seconds
        if now >= self._until:
            return Findings(notes={"": (LATE,)}, at=now)
        try:
            return await self._panel.find(message, self._until)
        except Exception:  # noqa: BLE001 - a message goes out whatever breaks here
            _log.exception("a message could not be enriched")
            return Findings(notes={"": (DEFECT,)}, at=now)
