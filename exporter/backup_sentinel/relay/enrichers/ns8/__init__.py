"""What became of each module of a NethServer 8 backup, as the cluster's Redis has it.

Alerts are `BackupFailed` of ns8-metrics (labels `id`, `name`, `node`), and `NsBackupFailed` and `NsBackupMissing` (label
`backup_id`). An alert without an id is about every backup that ended within the recent window.
"""

import logging
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from backup_sentinel.errors import EnrichmentError
from backup_sentinel.relay.enrichers.enricher import Enricher, EnricherSettings
from backup_sentinel.relay.filters import Filter
from backup_sentinel.relay.finding import AlertFinding, Finding
from backup_sentinel.relay.message import Alert, Message
from backup_sentinel.relay.message import Status as AlertStatus
from backup_sentinel.secret import SecretText, reveal

from .cluster import Cluster, connect, require
from .parts import came, few, modules, outcome, summary, title, whole
from .status import instant, newest

MISSING = "NsBackupMissing"
ALERTS = 'alertname=~"BackupFailed|NsBackupFailed|NsBackupMissing"'
"""Matcher of the alerts that are about backups of NethServer 8."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_ALERTS, _MOST_PARTS, _MOST_TEXT = 20, 100, 8000
"""Alerts that are looked up, modules and characters of errors that are told of all of them."""

_log = logging.getLogger("backup_sentinel.relay")

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Ns8Settings(EnricherSettings, frozen=True, kw_only=True, tag="ns8"):
    """Reads the state of NethServer 8 backups, module by module, from the cluster's Redis."""

    filter: Filter = Filter(matchers=(ALERTS,))
    socket: str | None = None
    """Path of Redis's Unix socket; `host` and `port` unless given."""
    host: str = "127.0.0.1"
    """Name or address of the Redis of the cluster, or of the node's replica."""
    port: Port = 6379
    """Its port."""
    database: NotNegative = 0
    """Number of the database."""
    username: str | None = None
    """User of Redis's access list; the default user unless given."""
    password: SecretText | None = None
    """Password of Redis."""
    recent_window_seconds: Positive = 3600.0
    """For an alert without an id: how long ago a backup may have ended to belong to it. For `NsBackupMissing`: how long ago
    a backup must have ended to count as having come after all."""
    longest_run_seconds: Positive = 72000.0
    """A status that is older by more than this than the newest one of the same plan, or than the alert, is from an earlier
    run: the module has none of this one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.username is not None and self.password is None:
            raise ValueError("`username` needs `password`")

    def open(self) -> Enricher:
        """Return the enricher. Raises SentinelError for a password that cannot be read and a package that is missing."""
        require()
        if self.password is not None:
            reveal(self.password)
        return Ns8(self)


class Ns8:
    """Asks Redis over a connection of its own for each message: alerts are rare."""

    def __init__(self, settings: Ns8Settings) -> None:
        self._settings = settings

    async def find(self, message: Message, facts: Mapping[str, Any]) -> Finding | None:  # noqa: ARG002 - the first to be asked
        """Return the modules of each alert. Raises EnrichmentError."""
        settings = self._settings
        found: dict[str, AlertFinding] = {}
        notes: list[str] = []
        async with connect(
            socket=settings.socket,
            host=settings.host,
            port=settings.port,
            database=settings.database,
            username=settings.username,
            password=None if settings.password is None else reveal(settings.password),
        ) as cluster:
            alerts = message.alerts[:_MOST_ALERTS]
            for alert in alerts:
                about = await self._judge(cluster, alert, message.received)
                most = max(3, _MOST_PARTS // len(alerts))
                if len(about.parts) > most:
                    notes.append(f"only {most} of the {len(about.parts)} modules of {about.run} are listed")
                found[alert.fingerprint] = msgspec.structs.replace(
                    about,
                    parts=few(about.parts, most),
                    error=about.error and about.error[: _MOST_TEXT // len(alerts)],
                )
            if cluster.unreadable:
                notes.append(f"{cluster.unreadable} keys of Redis could not be read")
        if len(message.alerts) > _MOST_ALERTS:
            notes.insert(0, f"only the first {_MOST_ALERTS} of {len(message.alerts)} alerts were looked up")
        return Finding(alerts=found, notes=tuple(dict.fromkeys(notes)))

    async def close(self) -> None:
        """No connection outlives its question."""

    async def _judge(self, cluster: Cluster, alert: Alert, received: float) -> AlertFinding:
        settings = self._settings
        backup = _backup(alert)
        recent = received - settings.recent_window_seconds
        statuses = newest(await cluster.statuses(backup))
        if backup is None:
            statuses = [status for status in statuses if status.at is not None and status.at >= recent]
        if not statuses:
            _log.warning("No recent backup status keys found in Redis", extra={"backup_id": backup or ""})
        plan = {} if backup is None else await cluster.plan(backup)
        run = title(backup, plan.get("name") or alert.labels.get("name"))
        missing = alert.name == MISSING and alert.status is AlertStatus.FIRING
        begin = None if missing else instant(alert.starts_at)
        plans = [status for status in statuses if not status.module]
        parts = modules(
            [status for status in statuses if status.module],
            instances=plan.get("instances", "").split(),
            homes=await cluster.homes(),
            node=alert.labels.get("node", ""),
            since=(begin or 0.0) - settings.longest_run_seconds,
            longest=settings.longest_run_seconds,
        )
        parts = whole(parts, plans, backup, run)
        if missing:
            parts = [came(part, recent) for part in parts]
        errors = [status.error for status in plans if status.error]
        errors += [text for text in summary(parts) if text not in errors]
        counted = [status.errors for status in plans if status.errors is not None]
        node = alert.labels.get("node", "")[:100]
        return AlertFinding(
            run=f"{run} on node {node}" if node else run,
            outcome=outcome(parts),
            error="; ".join(errors) or None,
            ended=max((part.at for part in parts if part.at is not None), default=None),
            errors=float(sum(counted)) if counted else None,
            parts=tuple(parts),
        )


def _backup(alert: Alert) -> str | None:
    """Return the id that an alert names. Raises EnrichmentError for one that cannot be an id."""
    found = alert.labels.get("backup_id") or alert.labels.get("id")
    if found is not None and not _ID.fullmatch(found):
        raise EnrichmentError("the label with the id of the backup is no id")
    return found
