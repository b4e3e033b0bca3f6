"""What outlives the process: one document for each cluster, with what the API server cannot tell again.

Instants, promises and the schedules themselves (so that they are shown before the first list), counters, and what has
been counted. Two documents of one cluster are merged without loss: instants and counters only grow.
"""

import msgspec

from backup_sentinel.model import Run, Schedule, ScheduleKey

from .feed import Feed
from .ledger import COUNTED, Ledger
from .memory import Memory, Success
from .promise import latest
from .stream import Stream

VERSION = 1


class SavedStream(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One stream. Times in Unix seconds; the fields are those of `Stream`, `Memory` and `Ledger`."""

    key: ScheduleKey
    created: float | None = None
    deleted: float | None = None
    paused_since: float | None = None
    unpaused: float | None = None
    cron_changed: float | None = None
    rhythm: tuple[tuple[str, ...], str | None] | None = None
    last_restore_success: float | None = None
    last_attempt: float | None = None
    last_success: float | None = None
    last_partial: float | None = None
    last_failure: float | None = None
    recovery: float | None = None
    longest: float | None = None
    newest: Run | None = None
    failures: list[float] = []
    successes: list[Success] = []
    floor: float | None = None
    open: list[int] = []
    counted: dict[int, float] = {}
    totals: dict[str, int] = {}


class SavedFeed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A resource that has been listed completely, and the schedules that its objects were."""

    operator: str
    resource: str
    scope: str = ""
    schedules: list[Schedule] = []


class SavedCluster(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything of one cluster."""

    version: int
    cluster: str
    feeds: list[SavedFeed] = []
    streams: list[SavedStream] = []


def save_feed(feed: Feed) -> SavedFeed:
    """Return a feed as it is saved."""
    records = (
        (record for _, records in feed.items() for record in records) if feed.record == "schedule" else ()
    )
    schedules = sorted(
        (record for record in records if isinstance(record, Schedule)), key=lambda known: known.key
    )
    key = feed.key
    return SavedFeed(operator=key.operator, resource=key.resource, scope=key.scope, schedules=schedules)


def save_stream(stream: Stream) -> SavedStream:
    """Return a stream, just brought up to date, as it is saved."""
    memory, ledger = stream.memory, stream.ledger
    return SavedStream(
        key=stream.key,
        created=stream.created,
        deleted=stream.deleted,
        paused_since=stream.paused_since,
        unpaused=stream.unpaused,
        cron_changed=stream.cron_changed,
        rhythm=stream.rhythm,
        last_restore_success=stream.last_restore_success,
        last_attempt=memory.last_attempt,
        last_success=memory.last_success,
        last_partial=memory.last_partial,
        last_failure=memory.last_failure,
        recovery=stream.recovery,
        longest=memory.longest,
        newest=memory.newest,
        failures=list(memory.failures),
        successes=list(memory.successes),
        floor=ledger.floor if ledger.floor != float("-inf") else None,
        open=sorted(ledger.open),
        counted=dict(sorted(ledger.counted.items())),
        totals={outcome: total for outcome, total in ledger.totals.items() if total},
    )


def restore(stream: Stream, saved: SavedStream) -> None:
    """Put back into a new stream what was saved of it."""
    stream.created, stream.deleted = saved.created, saved.deleted
    stream.paused_since, stream.unpaused = saved.paused_since, saved.unpaused
    stream.rhythm = saved.rhythm
    stream.cron_changed, stream.last_restore_success = saved.cron_changed, saved.last_restore_success
    stream.memory = Memory(
        last_attempt=saved.last_attempt,
        last_success=saved.last_success,
        last_partial=saved.last_partial,
        last_failure=saved.last_failure,
        recovery=saved.recovery,
        longest=saved.longest,
        newest=saved.newest,
        failures=list(saved.failures),
        successes=list(saved.successes),
    )
    totals = {outcome: saved.totals.get(outcome, 0) for outcome in COUNTED}
    stream.ledger = Ledger(
        floor=saved.floor if saved.floor is not None else float("-inf"),
        open=set(saved.open),
        counted=dict(saved.counted),
        totals=totals,
        shown=dict(totals),
    )


def publish(streams: dict[ScheduleKey, Stream], saved: SavedCluster) -> list[ScheduleKey]:
    """Let counters show what has been saved; return the streams whose counters moved."""
    moved = []
    for known in saved.streams:
        stream = streams.get(known.key)
        if stream is None:
            continue
        shown = {outcome: known.totals.get(outcome, 0) for outcome in COUNTED}
        if stream.ledger.shown != shown:
            stream.ledger.shown = shown
            moved.append(known.key)
    return moved


def merge(one: SavedCluster, other: SavedCluster) -> SavedCluster:
    """Return the union of two documents of one cluster: for each stream the later instants and higher counters.

    Whatever either has counted counts, so that two writers lose nothing and a run is never counted by both later on.
    """
    streams = {stream.key: stream for stream in one.streams}
    for stream in other.streams:
        mine = streams.get(stream.key)
        streams[stream.key] = stream if mine is None else _merge(mine, stream)
    feeds = {(feed.operator, feed.resource, feed.scope): feed for feed in (*other.feeds, *one.feeds)}
    return SavedCluster(
        version=VERSION,
        cluster=one.cluster,
        feeds=[feeds[key] for key in sorted(feeds)],
        streams=[streams[key] for key in sorted(streams)],
    )


def _merge(one: SavedStream, other: SavedStream) -> SavedStream:
    floors = [floor for floor in (one.floor, other.floor) if floor is not None]
    floor = max(floors, default=None)
    counted = {**one.counted, **other.counted}
    success = latest([one.last_success, other.last_success, one.last_partial, other.last_partial])
    newer = one if _clock(one.newest) >= _clock(other.newest) else other
    created = [at for at in (one.created, other.created) if at is not None]
    return msgspec.structs.replace(
        newer,
        created=min(created, default=None),
        last_restore_success=latest([one.last_restore_success, other.last_restore_success]),
        last_attempt=latest([one.last_attempt, other.last_attempt]),
        last_success=latest([one.last_success, other.last_success]),
        last_partial=latest([one.last_partial, other.last_partial]),
        last_failure=latest([one.last_failure, other.last_failure]),
        recovery=latest([one.recovery, other.recovery]),
        longest=latest([one.longest, other.longest]),
        failures=sorted(at for at in {*one.failures, *other.failures} if success is None or at > success),
        floor=floor,
        open=sorted({*one.open, *other.open} - counted.keys()),
        counted={mark: at for mark, at in sorted(counted.items()) if floor is None or at > floor},
        totals={
            outcome: total
            for outcome in (*COUNTED,)
            if (total := max(one.totals.get(outcome, 0), other.totals.get(outcome, 0)))
        },
    )


def _clock(run: Run | None) -> float:
    return run.clock if run is not None and run.clock is not None else float("-inf")
