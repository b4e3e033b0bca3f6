"""What can be seen: clusters, resources, and how they are read."""

from backup_sentinel.export.exposition.family import Kind, Many, Number, Registry
from backup_sentinel.export.exposition.subjects import CLUSTER, RESOURCE
from backup_sentinel.export.store import ClusterFacts, Feed

_registry = Registry()
_gauge = _registry.add
_gauges = _registry.add_many


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


FAMILIES = tuple(_registry.families)
