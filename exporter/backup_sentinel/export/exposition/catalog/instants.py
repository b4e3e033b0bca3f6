"""Instants and facts of runs: the newest, the last good one, the oldest that could be restored."""

from backup_sentinel.export.exposition.family import Many, Number, Registry
from backup_sentinel.export.exposition.subjects import STREAM
from backup_sentinel.export.store import Stream
from backup_sentinel.model import Outcome, Run

_registry = Registry()
_gauge = _registry.add
_gauges = _registry.add_many


@_gauge(
    "kube_backup_last_attempt_timestamp_seconds",
    "When the newest run was created, whatever became of it.",
    STREAM,
    source="Run.clock, Schedule.last_attempt",
)
def _last_attempt(stream: Stream) -> Number | None:
    return stream.last_attempt if stream.live else None


@_gauge(
    "kube_backup_last_success_timestamp_seconds",
    "When the newest run that succeeded completely was created. Absent if none is known.",
    STREAM,
    source="Run.clock",
)
def _last_success(stream: Stream) -> Number | None:
    return stream.last_success if stream.live else None


@_gauge(
    "kube_backup_last_partial_timestamp_seconds",
    "When the newest run that failed in part was created.",
    STREAM,
    source="Run.clock",
)
def _last_partial(stream: Stream) -> Number | None:
    return stream.memory.last_partial if stream.live else None


@_gauge(
    "kube_backup_last_failure_timestamp_seconds",
    "When the newest run that failed was created.",
    STREAM,
    source="Run.clock",
)
def _last_failure(stream: Stream) -> Number | None:
    return stream.memory.last_failure if stream.live else None


@_gauge(
    "kube_backup_last_recovery_point_timestamp_seconds",
    "Start of the newest run that could be recovered from: a success, or a partial one without failed volumes.",
    STREAM,
    source="Run.started, Run.failed_volumes, Volume.outcome",
)
def _last_recovery_point(stream: Stream) -> Number | None:
    return stream.recovery if stream.live and stream.key.action != "restore" else None


@_gauges(
    "kube_backup_last_run_info",
    "The newest run that succeeded, failed or failed in part, while it is not a success. Never join an alert with it.",
    STREAM,
    extra=("run", "outcome", "reason"),
    source="Run.name, Run.outcome, Run.reason",
)
def _last_run_info(stream: Stream) -> Many:
    newest = _newest(stream)
    if newest is not None and newest.outcome is not Outcome.SUCCEEDED:
        yield (("run", newest.name), ("outcome", newest.outcome), ("reason", newest.reason or "unknown")), 1


def _newest(stream: Stream) -> Run | None:
    return stream.memory.newest if stream.live else None


def _scheduled(stream: Stream) -> Run | None:
    """Newest decisive run of a live schedule: ad-hoc runs have nothing in common, so they show no details."""
    return stream.memory.newest if stream.live and stream.key.schedule else None


@_gauge(
    "kube_backup_last_duration_seconds",
    "How long the newest decisive run took from start to end.",
    STREAM,
    source="Run.started, Run.ended",
)
def _last_duration(stream: Stream) -> Number | None:
    run = _scheduled(stream)
    if run is None or run.started is None or run.ended is None or run.ended < run.started:
        return None
    return run.ended - run.started


@_gauge(
    "kube_backup_last_errors",
    "Errors in the newest decisive run.",
    STREAM,
    source="Run.errors",
)
def _last_errors(stream: Stream) -> Number | None:
    run = _scheduled(stream)
    return run.errors if run is not None else None


@_gauge(
    "kube_backup_last_warnings",
    "Warnings in the newest decisive run.",
    STREAM,
    source="Run.warnings",
)
def _last_warnings(stream: Stream) -> Number | None:
    run = _scheduled(stream)
    return run.warnings if run is not None else None


@_gauge(
    "kube_backup_last_items",
    "Items the newest decisive run backed up.",
    STREAM,
    source="Run.items",
)
def _last_items(stream: Stream) -> Number | None:
    run = _scheduled(stream)
    return run.items if run is not None else None


@_gauge(
    "kube_backup_last_items_expected",
    "Items the newest decisive run was to back up.",
    STREAM,
    source="Run.items_expected",
)
def _last_items_expected(stream: Stream) -> Number | None:
    run = _scheduled(stream)
    return run.items_expected if run is not None else None


@_gauge(
    "kube_backup_last_transferred_bytes",
    "Bytes the newest decisive run moved to the storage location.",
    STREAM,
    source="Run.transferred",
)
def _last_transferred(stream: Stream) -> Number | None:
    run = _scheduled(stream)
    return run.transferred if run is not None else None


@_gauges(
    "kube_backup_last_files",
    "Files that were new or changed in the newest decisive run.",
    STREAM,
    extra=("change",),
    source="Run.files_new, Run.files_changed",
)
def _last_files(stream: Stream) -> Many:
    run = _scheduled(stream)
    if run is not None:
        yield (("change", "new"),), run.files_new
        yield (("change", "changed"),), run.files_changed


@_gauge(
    "kube_backup_last_success_size_bytes",
    "Size of the newest success.",
    STREAM,
    source="Run.size, else the sum of Volume.size",
)
def _last_success_size(stream: Stream) -> Number | None:
    if not stream.live or not stream.key.schedule or not stream.memory.successes:
        return None
    return stream.memory.successes[-1].size


@_gauge(
    "kube_backup_last_success_items",
    "Items in the newest success.",
    STREAM,
    source="Run.items",
)
def _last_success_items(stream: Stream) -> Number | None:
    if not stream.live or not stream.key.schedule or not stream.memory.successes:
        return None
    return stream.memory.successes[-1].items


@_gauge(
    "kube_backup_size_baseline_bytes",
    "Median size of up to seven successes before the newest.",
    STREAM,
    source="Run.size, else the sum of Volume.size",
)
def _size_baseline(stream: Stream) -> Number | None:
    return stream.memory.baseline() if stream.live and stream.key.schedule else None


@_gauge(
    "kube_backup_consecutive_failures",
    "Failed runs in a row, newest backwards; 0 after a run that did not fail.",
    STREAM,
    source="Run.outcome",
)
def _consecutive_failures(stream: Stream) -> Number | None:
    if not stream.live or not stream.key.schedule or stream.memory.newest is None:
        return None
    return stream.memory.consecutive_failures()


FAMILIES = tuple(_registry.families)
