"""Numbers of runs."""

from backup_sentinel.export.exposition.family import Kind, Many, Number, Registry
from backup_sentinel.export.exposition.subjects import STREAM
from backup_sentinel.export.store import Stream
from backup_sentinel.model import BARREN, OPEN, Outcome

_registry = Registry()
_gauge = _registry.add
_gauges = _registry.add_many


@_gauges(
    "kube_backup_runs_total",
    "Runs of this cluster that finished while they could be seen, by outcome. A run that was deleted before it "
    "finished counts as unknown, an outcome that is left out until there is one.",
    STREAM,
    extra=("outcome",),
    source="Run.outcome",
    kind=Kind.COUNTER,
)
def _runs(stream: Stream) -> Many:
    if stream.live:
        for outcome, total in stream.ledger.counters.items():
            if total or outcome is not Outcome.UNKNOWN:
                yield (("outcome", outcome),), total


@_gauges(
    "kube_backup_existing_runs",
    "Runs of this cluster whose objects exist, by outcome; outcomes without any are left out.",
    STREAM,
    extra=("outcome",),
    source="Run.outcome",
)
def _existing(stream: Stream) -> Many:
    for outcome in sorted(stream.existing):
        if stream.existing[outcome] and (outcome not in OPEN or stream.live):
            yield (("outcome", outcome),), stream.existing[outcome]


@_gauge(
    "kube_backup_restorable_runs",
    "Runs that could be restored today, those found in a shared location included; absent where objects show nothing "
    "but the newest run.",
    STREAM,
    source="Run.outcome, Run.expires",
)
def _restorable(stream: Stream) -> Number | None:
    return stream.restorable if stream.listed and _keeps_data(stream) else None


@_gauge(
    "kube_backup_newest_expiry_timestamp_seconds",
    "When the last of the restorable runs expires.",
    STREAM,
    source="Run.expires",
)
def _newest_expiry(stream: Stream) -> Number | None:
    return stream.stock.newest_expiry if _keeps_data(stream) else None


def _keeps_data(stream: Stream) -> bool:
    """Tell whether runs of the stream leave something that can be restored."""
    return stream.key.action not in BARREN and not stream.spread


@_gauge(
    "kube_backup_last_restore_success_timestamp_seconds",
    "When the newest successful restore of one of this schedule's backups was created.",
    STREAM,
    source="Run.clock of restores, joined by Run.of_run",
)
def _last_restore_success(stream: Stream) -> Number | None:
    return stream.last_restore_success if stream.live else None


FAMILIES = tuple(_registry.families)
