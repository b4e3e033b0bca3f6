"""What a store writes down of a cluster and takes over from what an earlier process wrote, a few streams at a time.

Between two steps others may look at the store and tell it news: each stream is as it was before or as it is after.
"""

from collections.abc import Iterable, Iterator, Sequence

from backup_sentinel.model import ScheduleKey

from .feed import Feed
from .installation import Installation
from .saved import (
    SavedCluster,
    SavedFeed,
    SavedObject,
    SavedStream,
    ledger_of,
    restore,
    save_feed,
    save_stream,
)
from .stream import Stream
from .streams import base_of
from .union import merge_streams

SLICE = 32
"""Streams written down between two chances for other tasks to run; about half a millisecond."""

FEW = 8
"""Streams taken over between two such chances; about a millisecond."""


def write_down(owners: Sequence[Installation], document: SavedCluster) -> Iterator[list[SavedStream]]:
    """Fill an empty document of a cluster; yields the streams that were added.

    What happens between two steps may be in it or not. Feeds come first: a resource that is said to have been
    listed is one whose runs are in the streams, or the next process would count those that are not as news.
    """
    document.feeds = [save_feed(feed) for known in owners for feed in known.feeds if feed.known]
    document.feeds.sort(key=lambda feed: (feed.operator, feed.resource, feed.scope))
    keys = sorted((key, known) for known in owners for key in known.streams)
    document.streams = []
    for first in range(0, len(keys), SLICE):
        added = [
            save_stream(known.refresh(known.streams[key]))
            for key, known in keys[first : first + SLICE]
            if key in known.streams
        ]
        document.streams += added
        yield added


def take_over(owners: Iterable[Installation], document: SavedCluster, now: float) -> Iterator[None]:
    """Take over what an earlier process saved: its schedules count as known until a list does not show them.

    That may come late, and again from another process that saves the same. What has been seen stays seen. Yields
    between steps; nothing is counted in public, and no promise judged by what is remembered, before the last one.
    """
    for known in owners:
        saved = {stream.key: stream for stream in document.streams if stream.key.operator == known.operator}
        feeds = [feed for feed in document.feeds if feed.operator == known.operator]
        if known.streams.recalled:
            yield from _meet(known, saved, now)
        else:
            known.streams.recalling = True
            try:
                yield from _recall(known, saved, feeds, now)
            finally:
                known.streams.recalling = False
        known.marks.lasting(known.cluster)


def _meet(known: Installation, saved: dict[ScheduleKey, SavedStream], now: float) -> Iterator[None]:
    """Take over what another process has saved meanwhile."""
    for number, (key, told) in enumerate(saved.items(), 1):
        stream = known.streams.make(key)
        merged, shown = merge_streams(save_stream(known.refresh(stream)), told), stream.ledger.shown
        restore(stream, merged)
        stream.ledger = ledger_of(merged)
        stream.ledger.shown = shown if known.streams.durable else None
        _speak(known, stream, now)
        if not number % FEW:
            yield


def _recall(
    known: Installation, saved: dict[ScheduleKey, SavedStream], feeds: list[SavedFeed], now: float
) -> Iterator[None]:
    """Take over what an earlier process saved, the first time."""
    begun = not feeds and not saved
    listed = {(feed.resource, feed.scope): feed for feed in feeds}
    met = [(feed, listed.get((feed.key.resource, feed.key.scope))) for feed in known.feeds]
    for feed, told in met:
        feed.remembered |= told is not None
    done = set[ScheduleKey]()
    for key in dict.fromkeys([*saved, *known.streams]):
        _put_under(known, key, saved.get(key), begun=begun, now=now)
        done.add(key)
        if not len(done) % FEW:
            yield
    for feed, told in met:
        for number, held in enumerate(told.objects if told is not None else (), 1):
            _expect(known, feed, held, now)
            if not number % FEW:
                yield
    for key in [key for key in known.streams if key not in done]:  # which came meanwhile
        _put_under(known, key, None, begun=begun, now=now)
    known.streams.recalled = True
    if all(feed.synced for feed in known.feeds if "run" in feed.records):
        known.settle(list(known.streams))
    known.reconcile()
    for key in known.streams:
        known.marks.stream(key)


def _put_under(
    known: Installation, key: ScheduleKey, told: SavedStream | None, *, begun: bool, now: float
) -> None:
    """Put what was saved of a stream under what has been seen of it, and count what was seen before it was known.

    With `begun` nobody has counted before: then the books are right as they are.
    """
    fresh = key not in known.streams
    stream = known.streams.make(key)
    books = stream.ledger
    if told is None or fresh:
        merged = told or save_stream(known.refresh(stream))
    else:
        merged = merge_streams(save_stream(known.refresh(stream)), told)
    restore(stream, merged)
    if begun:
        books.shown = ledger_of(SavedStream(key=key)).shown
    else:
        stream.ledger = ledger_of(told or SavedStream(key=key))
        stream.ledger.take_over(books)
        stream.open = {(run.namespace, run.name): run for run in merged.running} | stream.open
    if not known.streams.durable:
        stream.ledger.shown = None
    for run in stream.runs.values():
        if not (run.synced or run.sampled or run.restore_point):
            stream.ledger.see(run, history=not known.coverage.remembers(run))
    _speak(known, stream, now)


def _expect(known: Installation, feed: Feed, held: SavedObject, now: float) -> None:
    """Hold the schedules that an object promised until it is listed; those that were not shown any more are gone."""
    stays = feed.recall(held.namespace, held.name, tuple(held.schedules))
    for schedule in held.schedules:
        stream = known.streams.make(schedule.key)
        if stays or (feed.synced and stream.schedule is None and stream.deleted is None):
            known.promise(schedule, now)
            if not stays:
                known.withdraw(schedule, now=now)


def _speak(known: Installation, stream: Stream, now: float) -> None:
    """Let a promise hold that was made before it was known what is remembered of the stream."""
    base = known.streams.get(base_of(stream.key)) if stream.key.target else None
    if base is not None and base.schedule is not None:
        stream.follow(base)
    elif stream.schedule is not None and not stream.key.target:
        known.promise(stream.schedule, now)
    known.marks.stream(stream.key)
