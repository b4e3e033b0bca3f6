"""Locations, repositories, and what lies in a namespace."""

from backup_sentinel.export.exposition.family import Kind, Many, Number, Registry, Stability
from backup_sentinel.export.exposition.subjects import LOCATION, NAMESPACE, REPOSITORY
from backup_sentinel.export.store import NamespaceFacts, Place
from backup_sentinel.model import Repository

_registry = Registry()
_gauge = _registry.add
_gauges = _registry.add_many


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


FAMILIES = tuple(_registry.families)
