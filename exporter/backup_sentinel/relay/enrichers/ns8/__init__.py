"""What became of each module of a NethServer 8 backup, as the cluster's Redis has it.

Alerts are `BackupFailed` of ns8-metrics (labels `id`, `name`, `node`), and `NsBackupFailed` and `NsBackupMissing` (label
`backup_id`). An alert without an id is about every backup that ended within the recent window.
"""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from backup_sentinel.errors import EnrichmentError
from backup_sentinel.relay.enrichers.enricher import Enricher, EnricherSettings
from backup_sentinel.relay.filters import Filter
from backup_sentinel.relay.finding import (
    FAILED,
    PARTIAL,
    SUCCEEDED,
    UNKNOWN,
    AlertFinding,
    Finding,
    PartFinding,
)
from backup_sentinel.relay.message import Alert, Message
from backup_sentinel.relay.message import Status as AlertStatus
from backup_sentinel.secret import SecretText, reveal

from .cluster import Cluster, connect, require
from .status import Status, newest

MISSING = "NsBackupMissing"
ALERTS = 'alertname=~"BackupFailed|NsBackupFailed|NsBackupMissing"'
"""Matcher of the alerts that are about backups of NethServer 8."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_ALERTS, _MOST_PARTS, _MOST_TEXT, _TEXT = 20, 100, 8000, 200
"""Alerts that are looked up, modules and characters of errors that are told of all of them, characters of one error."""

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
    longest_run_seconds: Positive = 86400.0
    """A status that is older than the newest one of the same plan by more than this is from another run: the module has
    none of this one."""

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
                    parts=_few(about.parts, most),
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
        backup = _backup(alert)
        recent = received - self._settings.recent_window_seconds
        statuses = newest(await cluster.statuses(backup))
        if backup is None:
            statuses = [status for status in statuses if status.at is not None and status.at >= recent]
        if not statuses:
            _log.warning("No recent backup status keys found in Redis", extra={"backup_id": backup or ""})
        plan = {} if backup is None else await cluster.plan(backup)
        homes = await cluster.homes()
        run = (
            "recent backups"
            if backup is None
            else _name(backup, plan.get("name") or alert.labels.get("name"))
        )
        parts = self._modules([status for status in statuses if status.module], plan, homes, alert)
        plans = [status for status in statuses if not status.module]
        failed = any(part.outcome != SUCCEEDED for part in parts)
        for whole in plans:  # the plan may know of an error that no module has
            if not parts or (whole.outcome == FAILED and not failed):
                parts.append(_part(whole, run if backup is not None else _name(whole.backup, "")))
        if alert.name == MISSING and alert.status is AlertStatus.FIRING:
            parts = [_came(part, recent) for part in parts]
        if not parts:
            parts = [PartFinding(name=run, outcome=UNKNOWN, error="no status in Redis")]
        errors = [whole.error for whole in plans if whole.error]
        errors += [f"{part.name}: {part.error}" for part in parts if part.error and part.error not in errors]
        counted = [whole.errors for whole in plans if whole.errors is not None]
        return AlertFinding(
            run=run,
            outcome=_together(parts),
            error="; ".join(errors) or None,
            ended=max((part.at for part in parts if part.at is not None), default=None),
            errors=float(sum(counted)) if counted else None,
            parts=tuple(parts),
        )

    def _modules(
        self, found: list[Status], plan: Mapping[str, str], homes: Mapping[str, str], alert: Alert
    ) -> list[PartFinding]:
        """Return the modules that belong to an alert: those of its plan and its node, those without any status included."""
        node = alert.labels.get("node", "")
        if node not in {status.node for status in found} | set(homes.values()):
            node = ""  # a name that somebody else gave it

        def here(module: str, at: str = "") -> bool:
            return not node or (at or homes.get(module, node)) == node

        instances = plan.get("instances", "").split()
        if instances:  # what has left the plan leaves its status behind
            found = [status for status in found if status.module in instances]
        lacking = set(instances) - {status.module for status in found}
        found = [status for status in found if here(status.module, status.node)]
        last = max((status.at for status in found if status.at is not None), default=0.0)
        parts = []
        for status in found:
            part = _part(status, status.module)
            if status.at is not None and status.at < last - self._settings.longest_run_seconds:
                part = _unknown(part, "no status of this run")
            parts.append(part)
        return parts + [
            PartFinding(name=module, outcome=UNKNOWN, error="no status in Redis")
            for module in instances
            if module in lacking and here(module)
        ]


def _backup(alert: Alert) -> str | None:
    """Return the id that an alert names. Raises EnrichmentError for one that cannot be an id."""
    found = alert.labels.get("backup_id") or alert.labels.get("id")
    if found is not None and not _ID.fullmatch(found):
        raise EnrichmentError("the label with the id of the backup is no id")
    return found


def _name(backup: str, name: str | None) -> str:
    return f"backup {backup} ({name[:100]})" if name else f"backup {backup}"


def _part(status: Status, name: str) -> PartFinding:
    return PartFinding(name=name, outcome=status.outcome, error=status.error[:_TEXT], at=status.at)


def _came(part: PartFinding, since: float) -> PartFinding:
    """Return a part whose end is too long ago as one without a status."""
    return part if part.at is None or part.at >= since else _unknown(part, "no backup since then")


def _unknown(part: PartFinding, why: str) -> PartFinding:
    assert part.at is not None
    last = datetime.fromtimestamp(part.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return msgspec.structs.replace(
        part, outcome=UNKNOWN, error=f"{why}; the last ended {last} ({part.outcome})"
    )


def _together(parts: list[PartFinding]) -> str:
    outcomes = {part.outcome for part in parts}
    if outcomes == {SUCCEEDED}:
        return SUCCEEDED
    return PARTIAL if outcomes & {SUCCEEDED, PARTIAL} else FAILED


def _few(parts: tuple[PartFinding, ...], most: int) -> tuple[PartFinding, ...]:
    """Return at most so many parts: one of each outcome, so that the judgement stays the same, then what failed."""
    if len(parts) <= most:
        return parts
    first = {part.outcome: part for part in reversed(parts)}
    rest = [part for part in parts if part is not first[part.outcome]]
    rest.sort(key=lambda part: part.outcome == SUCCEEDED)
    return tuple([*first.values(), *rest][:most])
