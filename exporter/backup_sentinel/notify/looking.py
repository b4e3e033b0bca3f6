"""Which clusters were read completely, and what was in the way of the others."""

from backup_sentinel.cause.message import tell
from backup_sentinel.export.store import Store


def complete(store: Store) -> list[str]:
    """Return the clusters all of whose resources were read, or are not installed."""
    poor = {
        key.cluster
        for key, feed in store.feeds.items()
        if feed.up is False or not (feed.synced or feed.missing)
    }
    return [cluster for cluster in store.clusters if cluster not in poor]


def reading(store: Store) -> set[str]:
    """Return the clusters of which something is still being read for the first time."""
    return {key.cluster for key in store.waiting()}


def troubles(store: Store) -> dict[str, list[str]]:
    """Return what was in the way, by cluster, without secrets."""
    found: dict[str, dict[str, None]] = {}
    for key, feed in store.feeds.items():
        if feed.up is False:
            why = str(feed.error) if feed.error is not None else f"{key.resource} is no longer served"
            found.setdefault(key.cluster, {})[tell(why) or "cannot be read"] = None
    return {cluster: list(texts) for cluster, texts in found.items()}
