"""From the store to incidents. What is told of a stream follows the verdicts of the alert rules (`rules/`)."""

from collections.abc import Iterable, Iterator, Mapping

from backup_sentinel.export.store import Store, Stream
from backup_sentinel.export.store.installation import Installation
from backup_sentinel.model import ScheduleKey

from .incident import Incident, Told
from .runs import over, runs
from .schedules import live, overdue, owing, recovered
from .settings import Change

_Schedule = tuple[str, str, str, str]


def gather(store: Store, now: float, since: Mapping[str, float]) -> Iterator[Incident]:
    """Yield what went wrong, in the clusters that `since` names: runs that ended after that instant, and what is overdue."""
    for known in (one for cluster in since for one in store.installations(cluster)):
        yield from runs(known, now, since[known.cluster])
        yield from overdue(known, now)


def ended(store: Store, opened: Mapping[str, Told], now: float) -> Iterator[tuple[str, Incident | None]]:
    """Yield the open incidents that are over with what is to be told; None where nobody is to be told.

    Nobody is, where the schedule or the cluster is no longer watched. What cannot be read stays open.
    """
    watched = {(one.cluster, one.operator): one for one in store.installations()}
    found = _streams(watched.values(), opened)
    for slot, told in opened.items():
        key = told.key
        known = watched.get((key.cluster, key.operator))
        if known is None:
            yield slot, None
            continue
        if any(feed.up is False or not (feed.synced or feed.missing) for feed in known.feeds):
            continue
        streams = [
            stream for stream in found[_schedule(key)] if told.change is Change.OVERDUE or stream.key == key
        ]
        if not streams:
            yield slot, None
        elif told.change is Change.OVERDUE:
            if not any(owing(stream, now) for stream in streams):
                yield slot, recovered(streams[0], told, now)
        elif (since := over(streams[0], told.change)) is not None:
            yield slot, recovered(streams[0], told, since)


def _streams(watched: Iterable[Installation], opened: Mapping[str, Told]) -> dict[_Schedule, list[Stream]]:
    """Return the streams of the schedules that open incidents are about, in one walk: both may be very many."""
    found: dict[_Schedule, list[Stream]] = {_schedule(told.key): [] for told in opened.values()}
    for known in watched if found else ():
        for stream in live(known):
            if (same := found.get(_schedule(stream.key))) is not None:
                same.append(stream)
    return found


def _schedule(key: ScheduleKey) -> _Schedule:
    """Return what the streams of one schedule have in common, whatever they do and for however many targets."""
    return key.cluster, key.operator, key.namespace, key.schedule
