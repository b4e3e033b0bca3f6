"""Schedules, and what they promise."""

from backup_sentinel.export.exposition.family import Many, Number, Registry
from backup_sentinel.export.exposition.subjects import STREAM
from backup_sentinel.export.store import Stream

_registry = Registry()
_gauge = _registry.add
_gauges = _registry.add_many


@_gauges(
    "kube_backup_schedule_info",
    "The schedule's expression and time zone. Never join an alert with it.",
    STREAM,
    extra=("cron", "timezone"),
    source="Schedule.crons, Schedule.timezone",
)
def _schedule_info(stream: Stream) -> Many:
    if stream.schedule is not None:
        crons = " | ".join(stream.schedule.crons)
        yield (("cron", crons), ("timezone", stream.schedule.timezone or "")), 1


@_gauge(
    "kube_backup_schedule_paused",
    "1 if the schedule is paused.",
    STREAM,
    source="Schedule.paused",
)
def _schedule_paused(stream: Stream) -> Number | None:
    return stream.schedule.paused if stream.schedule is not None else None


@_gauge(
    "kube_backup_schedule_valid",
    "0 if the operator refuses the schedule or its expression cannot be understood.",
    STREAM,
    source="Schedule.valid, Schedule.crons",
)
def _schedule_valid(stream: Stream) -> Number | None:
    if stream.schedule is None:
        return None
    return stream.schedule.valid is not False and stream.flaw is None


@_gauge(
    "kube_backup_schedule_paused_since_timestamp_seconds",
    "When the schedule was first seen paused.",
    STREAM,
    source="first observation of Schedule.paused",
)
def _paused_since(stream: Stream) -> Number | None:
    return stream.paused_since if stream.schedule is not None else None


@_gauge(
    "kube_backup_schedule_created_timestamp_seconds",
    "When a schedule of this name was first created; creating it again does not change it.",
    STREAM,
    source="Schedule.created, remembered by name",
)
def _created(stream: Stream) -> Number | None:
    return stream.created if stream.schedule is not None else None


@_gauge(
    "kube_backup_schedule_deleted_timestamp_seconds",
    "When the schedule was deleted; kept for seven days.",
    STREAM,
    source="deletion of the schedule's object",
)
def _deleted(stream: Stream) -> Number | None:
    return stream.deleted


@_gauge(
    "kube_backup_schedule_next_due_timestamp_seconds",
    "The slot that is owed: the first one after the last attempt. In the past if it was missed.",
    STREAM,
    source="Schedule.crons after the last attempt",
)
def _next_due(stream: Stream) -> Number | None:
    return stream.next_due


@_gauge(
    "kube_backup_schedule_start_grace_seconds",
    "How late a run may start before it counts as missed.",
    STREAM,
    source="settings",
)
def _start_grace(stream: Stream) -> Number | None:
    return stream.expectation.start_grace if stream.schedule is not None else None


@_gauge(
    "kube_backup_schedule_deadline_timestamp_seconds",
    "By when there must be a newer recovery point: the second slot after the last one, plus grace, or the last one "
    "plus the maximum age that was set.",
    STREAM,
    source="Schedule.crons, annotation backup-sentinel.io/max-age, settings",
)
def _deadline(stream: Stream) -> Number | None:
    return stream.deadline


@_gauge(
    "kube_backup_schedule_max_age_seconds",
    "Maximum age of a recovery point, where one was set.",
    STREAM,
    source="annotation backup-sentinel.io/max-age, settings",
)
def _max_age(stream: Stream) -> Number | None:
    return stream.expectation.max_age if stream.schedule is not None else None


@_gauge(
    "kube_backup_schedule_failures_tolerated",
    "The number of failed runs in a row at which the failure is an alert.",
    STREAM,
    source="annotation backup-sentinel.io/failures-tolerated, settings",
)
def _failures_tolerated(stream: Stream) -> Number | None:
    return stream.expectation.failures_tolerated if stream.schedule is not None else None


@_gauge(
    "kube_backup_restore_test_max_age_seconds",
    "How old the newest successful restore of this schedule's backups may be, where that was set.",
    STREAM,
    source="annotation backup-sentinel.io/restore-test-max-age, settings",
)
def _restore_test_max_age(stream: Stream) -> Number | None:
    return stream.expectation.restore_test_max_age if stream.schedule is not None else None


FAMILIES = tuple(_registry.families)
