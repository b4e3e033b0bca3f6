"""Runs that are under way."""

from backup_sentinel.export.exposition.family import Number, Registry
from backup_sentinel.export.exposition.subjects import STREAM
from backup_sentinel.export.store import Stream
from backup_sentinel.model import Outcome

_registry = Registry()
_gauge = _registry.add


@_gauge(
    "kube_backup_running",
    "Runs that are under way.",
    STREAM,
    source="Run.outcome",
)
def _running(stream: Stream) -> Number | None:
    if not (stream.live and stream.listed):
        return None
    return sum(run.outcome is Outcome.RUNNING for run in stream.open.values())


@_gauge(
    "kube_backup_running_since_timestamp_seconds",
    "Start of the oldest run that is under way.",
    STREAM,
    source="Run.started, else Run.created",
)
def _running_since(stream: Stream) -> Number | None:
    return _since(stream, Outcome.RUNNING)


@_gauge(
    "kube_backup_running_deadline_timestamp_seconds",
    "By when the oldest run that is under way must have ended: its time limit, or three times the longest known run.",
    STREAM,
    source="Run.started, Run.timeout",
)
def _running_deadline(stream: Stream) -> Number | None:
    return stream.running_deadline if stream.live else None


@_gauge(
    "kube_backup_pending_since_timestamp_seconds",
    "Creation of the oldest run that has not started yet.",
    STREAM,
    source="Run.created",
)
def _pending_since(stream: Stream) -> Number | None:
    return _since(stream, Outcome.PENDING)


def _since(stream: Stream, outcome: Outcome) -> Number | None:
    run = stream.oldest(outcome) if stream.live else None
    if run is None:
        return None
    return run.started if run.started is not None else run.created


FAMILIES = tuple(_registry.families)
