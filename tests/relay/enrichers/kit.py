"""Parts for tests of enrichers: messages, and the question as the courier asks it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from backup_sentinel.relay.backups import BLIND, Look
from backup_sentinel.relay.courier.panel import Panel
from backup_sentinel.relay.enrichers import Enricher, EnricherSettings
from backup_sentinel.relay.finding import Finding, Findings, read
from backup_sentinel.relay.message import Alert, Message, Status
from backup_sentinel.relay.settings import EnrichmentSettings, RelaySettings
from backup_sentinel.relay.telemetry import RelayTelemetry
from backup_sentinel.telemetry import Telemetry
from relay.kit import START, HandClock
from relay.kit import message as plain_message

FAILED = {
    "alertname": "KubeBackupFailed",
    "severity": "critical",
    "operator": "velero",
    "resource_namespace": "velero",
    "schedule": "shop",
    "action": "backup",
}


def alert(*, status: str = "firing", annotations: Mapping[str, str] | None = None, **labels: str) -> Alert:
    """Return an alert with labels of its own beside those of a Velero failure; "" leaves one out."""
    merged = {name: value for name, value in {**FAILED, **labels}.items() if value}
    fingerprint = hashlib.sha256(repr(sorted(merged.items())).encode()).hexdigest()[:16]
    return Alert(
        status=Status(status),
        labels=merged,
        annotations=dict(annotations or {}),
        starts_at="2026-01-02T03:04:05Z",
        fingerprint=fingerprint,
    )


def message(*alerts: Alert, **changes: Any) -> Message:
    """Return a message with some alerts, one unless given."""
    return plain_message(alerts=alerts or (alert(),), **changes)


class Asked:
    """Enrichers behind the real limits, without an outbox."""

    def __init__(
        self,
        settings: Sequence[EnricherSettings],
        enrichers: Sequence[Enricher] | None = None,
        longest: float = 90.0,
    ) -> None:
        self.clock = HandClock()
        opened = enrichers or [one.open() for one in settings]
        self.enrichers = {one.kind: enricher for one, enricher in zip(settings, opened, strict=True)}
        relay: RelaySettings = msgspec.structs.replace(
            RelaySettings(),
            enrichers=tuple(settings),
            enrichment=EnrichmentSettings(longest_seconds=longest),
        )
        self.telemetry = Telemetry(export=False)
        counts = RelayTelemetry(self.telemetry, (), list(self.enrichers))
        self.panel = Panel(relay, self.enrichers, counts, self.clock)

    async def find(self, about: Message, known: Findings | None = None) -> Findings:
        """Ask all of them."""
        return await self.panel.find(about, about.received + 90.0, known)


async def asked(
    settings: EnricherSettings, about: Message, facts: Mapping[str, Finding] | None = None, look: Look = BLIND
) -> Findings:
    """Ask one enricher, through the real limits, and close it; `facts` are those of earlier stages.

    Settle times are not waited for; `look` reads clusters.
    """
    it = Asked([settings], [settings.open_with(look)])
    known = Findings(
        facts={kind: msgspec.to_builtins(finding) for kind, finding in (facts or {}).items()},
        failed=(settings.kind,),
        at=START,
    )
    try:
        return await it.find(about, known)
    finally:
        await it.panel.close()


def finding(findings: Findings, kind: str) -> Finding:
    """Return the finding of one kind, typed again."""
    return read(findings.facts)[kind]
