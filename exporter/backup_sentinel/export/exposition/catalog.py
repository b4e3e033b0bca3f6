"""Every family that is exported about backups. A metric is added here, as one function, and nowhere else.

The label set of streams is the same in all of their families, so that rules can match without `on()`.
"""

from collections.abc import Iterable

from backup_sentinel.export.store import (
    ClusterFacts,
    Feed,
    NamespaceFacts,
    Place,
    Scope,
    Stream,
)
from backup_sentinel.model import OPEN, Outcome, Repository, Run

from .family import Family, Kind, Labels, Number, Registry, Stability

_registry = Registry()
_gauge = _registry.add
_gauges = _registry.add_many

STREAM, LOCATION, REPOSITORY = Scope.STREAM, Scope.LOCATION, Scope.REPOSITORY
NAMESPACE, RESOURCE, CLUSTER = Scope.NAMESPACE, Scope.RESOURCE, Scope.CLUSTER

Many = Iterable[tuple[Labels, Number | None]]


# Schedules and their promises ------------------------------------------------------------------------------


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


# Instants of runs ------------------------------------------------------------------------------------------


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


# Runs that are under way -----------------------------------------------------------------------------------


@_gauge(
    "kube_backup_running",
    "Runs that are under way.",
    STREAM,
    source="Run.outcome",
)
def _running(stream: Stream) -> Number | None:
    return stream.existing.get(Outcome.RUNNING, 0) if stream.live and stream.listed else None


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


# Numbers of runs -------------------------------------------------------------------------------------------


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
    return stream.key.action not in {"restore", "check", "prune"} and not stream.spread


@_gauge(
    "kube_backup_last_restore_success_timestamp_seconds",
    "When the newest successful restore of one of this schedule's backups was created.",
    STREAM,
    source="Run.clock of restores, joined by Run.of_run",
)
def _last_restore_success(stream: Stream) -> Number | None:
    return stream.last_restore_success if stream.live else None


# Volumes of the newest run ---------------------------------------------------------------------------------


@_gauges(
    "kube_backup_volume_bytes",
    "Bytes of volume data in the newest decisive run, by the namespace the volumes belong to.",
    STREAM,
    extra=("target_namespace",),
    source="Volume.size",
)
def _volume_bytes(stream: Stream) -> Many:
    if stream.live and stream.key.schedule:
        for volumes in stream.volumes:
            yield (("target_namespace", volumes.target_namespace),), volumes.size


@_gauges(
    "kube_backup_volume_failures",
    "Volumes of the newest decisive run whose data was not saved, because moving it failed or was cancelled.",
    STREAM,
    extra=("target_namespace",),
    source="Volume.outcome",
)
def _volume_failures(stream: Stream) -> Many:
    if stream.live and stream.key.schedule:
        for volumes in stream.volumes:
            yield (("target_namespace", volumes.target_namespace),), volumes.failures


# Storage ---------------------------------------------------------------------------------------------------


@_gauge(
    "kube_backup_location_available",
    "1 if backups can be stored in the location; 0 also if a schedule names it and it does not exist.",
    LOCATION,
    source="Location.available",
)
def _location_available(place: Place) -> Number | None:
    return place.available


@_gauge(
    "kube_backup_location_last_validation_timestamp_seconds",
    "When the operator last tried the location, successfully or not.",
    LOCATION,
    source="Location.last_validation",
)
def _location_validation(place: Place) -> Number | None:
    return place.location.last_validation if place.location is not None else None


@_gauge(
    "kube_backup_location_last_sync_timestamp_seconds",
    "When the operator last compared the location's contents with the cluster.",
    LOCATION,
    source="Location.last_sync",
)
def _location_sync(place: Place) -> Number | None:
    return place.location.last_sync if place.location is not None else None


@_gauges(
    "kube_backup_location_info",
    "What kind of location it is, and the class of the reason for which it is not available.",
    LOCATION,
    extra=("provider", "default", "access", "reason"),
    source="Location.provider, default, read_only, reason",
)
def _location_info(place: Place) -> Many:
    location = place.location
    yield (
        (
            ("provider", (location.provider or "") if location is not None else ""),
            ("default", "true" if location is not None and location.default else "false"),
            ("access", "read-only" if location is not None and location.read_only else "read-write"),
            ("reason", place.reason),
        ),
        1,
    )


@_gauge(
    "kube_backup_repository_ready",
    "1 if the operator says that the repository of volume data can be used.",
    REPOSITORY,
    source="Repository.ready",
)
def _repository_ready(repository: Repository) -> Number | None:
    return repository.ready


@_gauge(
    "kube_backup_repository_last_maintenance_timestamp_seconds",
    "When maintenance of the repository last succeeded.",
    REPOSITORY,
    source="Repository.last_maintenance",
)
def _repository_maintenance(repository: Repository) -> Number | None:
    return repository.last_maintenance


@_gauge(
    "kube_backup_expired_runs",
    "Runs that have expired and still exist.",
    NAMESPACE,
    source="Run.expires",
)
def _expired_runs(facts: NamespaceFacts) -> Number | None:
    return facts.expired


@_gauge(
    "kube_backup_deletion_failures",
    "Requests to delete a run that ended with errors and still exist.",
    NAMESPACE,
    source="Deletion.failed",
)
def _deletion_failures(facts: NamespaceFacts) -> Number | None:
    return facts.failed_deletions


@_gauges(
    "kube_backup_events_total",
    "Kubernetes Events in which the operator told of what happened, by their reason, since this process began.",
    NAMESPACE,
    extra=("reason",),
    source="Event.word, Event.times",
    kind=Kind.COUNTER,
    stability=Stability.ALPHA,
)
def _events(facts: NamespaceFacts) -> Many:
    for word, count in sorted(facts.events.items()):
        yield (("reason", word),), count


# What can be seen ------------------------------------------------------------------------------------------


@_gauge(
    "backup_sentinel_cluster_up",
    "1 if the cluster's API server answers. 0 keeps everything else as it was last known.",
    CLUSTER,
    source="answers of the API server",
)
def _cluster_up(facts: ClusterFacts) -> Number | None:
    return facts.up


@_gauge(
    "backup_sentinel_blind_seconds_total",
    "Seconds in which the cluster's API server did not answer.",
    CLUSTER,
    source="answers of the API server",
    kind=Kind.COUNTER,
)
def _blind(facts: ClusterFacts) -> Number | None:
    return facts.blind


@_gauge(
    "backup_sentinel_cluster_clock_skew_seconds",
    "By how much the API server's clock is ahead of this process's.",
    CLUSTER,
    source="header Date",
)
def _clock_skew(facts: ClusterFacts) -> Number | None:
    return facts.clock_skew


@_gauge(
    "backup_sentinel_resource_up",
    "1 if the resource can be listed and watched. Absent while it is not installed and never was.",
    RESOURCE,
    source="lists and watches",
)
def _resource_up(feed: Feed) -> Number | None:
    return feed.up


@_gauge(
    "backup_sentinel_resource_last_contact_timestamp_seconds",
    "When the API server last gave a sign of life about the resource: a list, an event, a bookmark, a new watch.",
    RESOURCE,
    source="lists and watches",
)
def _last_contact(feed: Feed) -> Number | None:
    return feed.last_contact


@_gauge(
    "backup_sentinel_resource_max_silence_seconds",
    "How long the API server may be silent about the resource before its state counts as old.",
    RESOURCE,
    source="settings",
)
def _max_silence(feed: Feed) -> Number | None:
    return feed.max_silence if feed.last_contact is not None else None


@_gauge(
    "backup_sentinel_objects",
    "Objects of the resource that are known.",
    RESOURCE,
    source="lists and watches",
)
def _objects(feed: Feed) -> Number | None:
    return len(feed) if feed.synced else None


@_gauges(
    "backup_sentinel_lists_total",
    "Lists of the resource, by result. Absent while it is not installed and never was.",
    RESOURCE,
    extra=("result",),
    source="lists",
    kind=Kind.COUNTER,
)
def _lists(feed: Feed) -> Many:
    if feed.up is not None:
        yield (("result", "success"),), feed.lists.success
        yield (("result", "error"),), feed.lists.error


@_gauges(
    "backup_sentinel_watches_total",
    "Watches of the resource, by result. Absent while it is not installed and never was.",
    RESOURCE,
    extra=("result",),
    source="watches",
    kind=Kind.COUNTER,
)
def _watches(feed: Feed) -> Many:
    if feed.up is not None:
        yield (("result", "success"),), feed.watches.success
        yield (("result", "error"),), feed.watches.error


@_gauge(
    "backup_sentinel_watch_events_total",
    "Events of the resource's watches. Absent while it is not installed and never was.",
    RESOURCE,
    source="watches",
    kind=Kind.COUNTER,
)
def _watch_events(feed: Feed) -> Number | None:
    return feed.events if feed.up is not None else None


FAMILIES: tuple[Family, ...] = tuple(_registry.families)

__all__ = ["FAMILIES", "Stability"]
