"""From what the exporter says of its schedules to the alerts that Prometheus would raise from its metrics.

The demo has no Prometheus: the conditions are those of the rules `KubeBackupFailed`, `KubeBackupRestoreFailed`,
`KubeBackupPartiallyFailed` and `KubeBackupOverdue`, the words those of the direct mode (`notify`).
"""

from collections.abc import Iterator

from backup_sentinel.export.overview import Overview, ScheduleRow
from backup_sentinel.model import Outcome, ScheduleKey
from backup_sentinel.notify.incident import Incident
from backup_sentinel.notify.settings import Change
from backup_sentinel.notify.wording import alert
from backup_sentinel.relay.message import Alert

_CHANGES = {Outcome.FAILED: Change.FAILED, Outcome.PARTIAL: Change.PARTIAL}
_WORSE = {"warning", "critical"}


def find_alerts(overview: Overview) -> dict[str, Alert]:
    """Return what fires, by fingerprint."""
    found = (
        alert(incident)
        for row in overview.schedules
        if row.state in _WORSE
        for incident in _incidents(row, overview.time)
    )
    return {one.fingerprint: one for one in found}


def _incidents(row: ScheduleRow, now: float) -> Iterator[Incident]:
    run = row.newest
    change = _CHANGES.get(run.outcome) if run is not None else None
    tolerated = change is Change.FAILED and row.consecutive_failures < row.failures_tolerated
    if run is not None and change is not None and not tolerated:
        yield Incident(
            name=f"{row.cluster}:{run.name}",
            change=change,
            key=_key(row),
            run=run.name,
            at=run.ended or run.started or run.created or now,
            namespaces=run.target_namespaces,
            error=run.message,
            reason=run.reason,
            location=run.location,
            last_recovery_point=row.last_recovery_point,
            next_due=row.next_due,
        )
    late = row.deadline is not None and row.deadline < now
    if row.deadline is not None and late and not row.paused and not row.running:
        yield Incident(
            name=f"{row.cluster}:{row.operator}:{row.resource_namespace}/{row.schedule}",
            change=Change.OVERDUE,
            key=_key(row),
            at=row.deadline,
            location=row.location,
            last_recovery_point=row.last_recovery_point,
            next_due=row.next_due,
        )


def _key(row: ScheduleRow) -> ScheduleKey:
    return ScheduleKey(
        row.cluster, row.operator, row.resource_namespace, row.schedule, row.action, row.target
    )
