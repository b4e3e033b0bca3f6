"""From what is known of a stream to what is told with an alert about it."""

import msgspec

from backup_sentinel.model import DECISIVE, Outcome
from backup_sentinel.relay.finding import AlertFinding, PartFinding, RepositoryFinding, VolumeFinding

from .rows import Detail, LocationRow, RunRow, VolumeRow

MANY_VOLUMES = 20
_WELL = frozenset({Outcome.SUCCEEDED, Outcome.PENDING, Outcome.RUNNING, Outcome.SKIPPED})
_JUDGED = frozenset(outcome.value for outcome in DECISIVE)


def run_of(detail: Detail, name: str) -> RunRow | None:
    """Return the run with this name; without a name the newest that is over, or else the one under way.

    A run that is named and is not there any more is None: another one would be a wrong answer.
    """
    if name:
        told = (*detail.runs, detail.schedule.newest, detail.schedule.under_way)
        return next((run for run in told if run is not None and run.name == name), None)
    newest = next((run for run in detail.runs if run.outcome in _JUDGED), None)
    return detail.schedule.newest or newest or detail.schedule.under_way


def tell_of(detail: Detail, name: str) -> AlertFinding:
    """Return what is known about the run of an alert, and about the schedule it belongs to."""
    schedule, location = detail.schedule, detail.location
    run = run_of(detail, name)
    found = AlertFinding(
        error=schedule.message,
        last_good=schedule.last_recovery_point or schedule.last_success,
        next_run=schedule.next_due if not schedule.paused else None,
        repository=_repository(location, run),
    )
    if run is None:
        return found
    return msgspec.structs.replace(
        found,
        run=run.name,
        run_namespace=run.namespace,
        phase=run.phase,
        outcome=run.outcome,
        reason=run.reason if run.reason != "unknown" else None,
        error=run.message or schedule.message,
        namespaces=run.target_namespaces,
        started=run.started,
        ended=run.ended,
        items_done=run.items,
        items_total=run.items_expected,
        errors=run.errors,
        warnings=run.warnings,
        failed_volumes=tuple(_volume(one) for one in run.volumes if one.outcome not in _WELL)[:MANY_VOLUMES],
        parts=(
            PartFinding(
                name=run.name,
                outcome=run.outcome if run.outcome in _JUDGED else "unknown",
                error=run.message or "",
                at=run.ended,
            ),
        ),
    )


def _repository(location: LocationRow | None, run: RunRow | None) -> RepositoryFinding | None:
    if location is None:
        return RepositoryFinding(name=run.location) if run is not None and run.location else None
    error = location.message or ""
    if not location.exists:
        return RepositoryFinding(name=location.location, available=False, error=error or "it does not exist")
    return RepositoryFinding(name=location.location, available=location.available, error=error)


def _volume(row: VolumeRow) -> VolumeFinding:
    return VolumeFinding(
        namespace=row.target_namespace or "",
        name=row.volume or row.name,
        outcome=row.outcome,
        error=row.message or "",
    )
