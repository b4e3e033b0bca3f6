"""All enrichers are asked about one message, stage by stage; what one stage found the next one knows."""

import asyncio
from collections.abc import Mapping
from typing import Any

from backup_sentinel.clock import Clock
from backup_sentinel.relay.enrichers import Enricher, Stage
from backup_sentinel.relay.finding import Findings
from backup_sentinel.relay.message import Message
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.relay.telemetry import RelayTelemetry

from .asking import Answer, Desk

_CLOSING = 5.0


class Panel:
    """The enrichers of a configuration, open."""

    def __init__(
        self,
        settings: RelaySettings,
        enrichers: Mapping[str, Enricher],
        telemetry: RelayTelemetry,
        clock: Clock,
    ) -> None:
        self._desks = [Desk(one, enrichers[one.kind]) for one in settings.enrichers]
        self._telemetry = telemetry
        self._clock = clock

    async def find(self, message: Message, until: float, known: Findings | None = None) -> Findings:
        """Ask about a message until an instant at most; with `known` those only that failed before, and at once."""
        desks = {
            desk: asked
            for desk in self._desks
            if (known is None or desk.kind in known.failed)
            and (asked := desk.settings.filter.apply(message)) is not None
        }
        facts = {} if known is None else dict(known.facts)
        notes = (
            {}
            if known is None
            else {kind: known.notes[kind] for kind in known.notes if kind not in known.failed}
        )
        failed: list[str] = []
        for stage in Stage:
            settle = [desk.settings.settle_seconds for desk in desks if desk.settings.stage >= stage]
            if known is None and settle:
                await self._settle(message.received, max(settle), until)
            those = [desk for desk in desks if desk.settings.stage is stage]
            seen = dict(facts)
            answers = await asyncio.gather(*(self._ask(desk, desks[desk], seen, until) for desk in those))
            for desk, answer in zip(those, answers, strict=True):
                if answer.finding is not None:
                    facts[desk.kind] = answer.finding
                if answer.notes:
                    notes[desk.kind] = answer.notes
                if answer.failed:
                    failed.append(desk.kind)
        return Findings(facts=self._sorted(facts), notes=notes, failed=tuple(failed), at=self._clock.now())

    async def close(self) -> None:
        """Close the enrichers."""
        await asyncio.gather(*(desk.close(_CLOSING) for desk in self._desks))

    async def _ask(self, desk: Desk, message: Message, facts: Mapping[str, Any], until: float) -> Answer:
        begin = self._clock.now()
        answer = await desk.ask(message, facts, max(0.0, until - begin))
        result = "failed" if answer.failed else "found" if answer.finding is not None else "nothing"
        self._telemetry.enrichment(desk.kind, result, self._clock.now() - begin)
        return answer

    def _sorted(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Return facts in the order of stages, and of the settings within one: later ones win in templates."""
        order = sorted(self._desks, key=lambda desk: desk.settings.stage)
        return {desk.kind: facts[desk.kind] for desk in order if desk.kind in facts}

    async def _settle(self, since: float, seconds: float, until: float) -> None:
        """Wait until so many seconds have passed; no longer where the clock was set back since."""
        left = min(since + seconds, until) - self._clock.now()
        if left > 0:
            await self._clock.sleep(min(left, seconds))
