"""State of the backup that an alert is about: run, phase, progress, counts, volumes, last good backup, next run, location."""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from backup_sentinel.relay.backups import (
    BLIND,
    ClusterSource,
    ExporterSettings,
    ExporterSource,
    Look,
    Source,
    tell_of,
    wish_of,
)
from backup_sentinel.relay.finding import SUCCEEDED, AlertFinding, Finding
from backup_sentinel.relay.message import Alert, Message, Status
from backup_sentinel.relay.reach import ClusterSettings

from .enricher import Enricher, EnricherSettings

MANY = 20
"""Alerts of one message that are looked up; the others are told as they came."""


class BackupStateSettings(EnricherSettings, frozen=True, kw_only=True, tag="backup_state"):
    """Adds the state of the backup, from the exporter's API or straight from the cluster."""

    reads_operators: ClassVar[bool] = True

    exporter: ExporterSettings | None = None
    """The exporter to ask, which costs nothing and needs no rights in clusters. Without it the clusters are read."""
    clusters: tuple[ClusterSettings, ...] = ()
    """Clusters to read where there is no `exporter`; those of the root and of `CLUSTER_<N>_*` unless given."""

    def open(self) -> Enricher:
        """Return the enricher where no cluster can be read."""
        return self.open_with(BLIND)

    def open_with(self, look: Look) -> Enricher:
        """Return the enricher. Raises TLSError."""
        if self.exporter is not None:
            return BackupState(self, ExporterSource(self.exporter))
        return BackupState(self, ClusterSource(self.clusters, look))


class BackupState:
    """Looks up streams by the labels of alerts."""

    def __init__(self, settings: BackupStateSettings, source: Source) -> None:
        self._settings = settings
        self._source = source

    async def find(self, message: Message, facts: Mapping[str, Any]) -> Finding | None:  # noqa: ARG002 - asks for itself
        """Return what is known about each alert."""
        about = [(alert, wish) for alert in message.alerts if (wish := wish_of(alert)) is not None]
        if not about:
            return None
        left = len(about) - MANY
        about = about[:MANY]
        seen = await self._source.see([wish for _, wish in about], self._settings.timeout_seconds)
        found: dict[str, AlertFinding] = {}
        for (alert, wish), detail in zip(about, seen.details, strict=True):
            if detail is not None:
                found[alert.fingerprint] = _tell(alert, tell_of(detail, wish.run))
        notes = list(seen.notes)
        if left > 0:
            notes.append(f"{left} more alerts were not looked up")
        return Finding(alerts=found, notes=tuple(notes), failed=bool(seen.notes)) if found or notes else None

    async def close(self) -> None:
        """Close every connection."""
        await self._source.close()


def _tell(alert: Alert, found: AlertFinding) -> AlertFinding:
    """Return what is known, without a good run as a part of an alert that is about something else, such as a late one."""
    if alert.status is Status.FIRING and found.outcome == SUCCEEDED and not alert.tells_outcome:
        return msgspec.structs.replace(found, parts=())
    return found
