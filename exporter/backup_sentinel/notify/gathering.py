"""From the store to incidents. What is told of a stream follows the verdicts of the alert rules (`rules/`)."""

from collections.abc import Iterator, Mapping

from backup_sentinel.export.store import Store

from .incident import Incident, Told
from .runs import over, runs
from .schedules import live, overdue, owing, recovered
from .settings import Change


def gather(store: Store, now: float, since: Mapping[str, float]) -> Iterator[Incident]:
    """Yield what went wrong, in the clusters that `since` names: runs that ended after that instant, and what is overdue."""
    for known in (one for cluster in since for one in store.installations(cluster)):
        yield from runs(known, now, since[known.cluster])
        yield from overdue(known, now)


def ended(store: Store, opened: Mapping[str, Told], now: float) -> Iterator[tuple[str, Incident | None]]:
    """Yield the open incidents that are over with what is to be told; None where nobody is to be told.

    Nobody is, where the schedule or the cluster is no longer watched. What cannot be read stays open.
    """
    for slot, told in opened.items():
        key = told.key
        known = next((one for one in store.installations(key.cluster) if one.operator == key.operator), None)
        if known is None:
            yield slot, None
            continue
        if any(feed.up is False or not (feed.synced or feed.missing) for feed in known.feeds):
            continue
        streams = [
            stream
            for stream in live(known)
            if (stream.key.namespace, stream.key.schedule) == (key.namespace, key.schedule)
            and (told.change is Change.OVERDUE or stream.key == key)
        ]
        if not streams:
            yield slot, None
        elif told.change is Change.OVERDUE:
            if not any(owing(stream, now) for stream in streams):
                yield slot, recovered(streams[0], told, now)
        elif (since := over(streams[0], told.change)) is not None:
            yield slot, recovered(streams[0], told, since)
