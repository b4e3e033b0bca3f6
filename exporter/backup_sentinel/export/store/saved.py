"""What outlives the process: one document for each cluster, with what the API server cannot tell again.

Instants, promises and the schedules themselves (so that they are shown before the first list), counters, and what has
been counted. Two documents of one cluster are merged without loss: instants and counters only grow.
"""

import msgspec

from backup_sentinel.model import Outcome, Run, Schedule, ScheduleKey

from .feed import Feed
from .ledger import COUNTED, Ledger, mark_of
from .memory import BASELINE_RUNS, FAILURES_KEPT, Memory, Success
from .promise import latest
from .stream import Rhythm, Stream

VERSION = 1


class SavedStream(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One stream. Times in Unix seconds; the fields are those of `Stream`, `Memory` and `Ledger`."""

    key: ScheduleKey
    rhythm: Rhythm | None = None
    created: float | None = None
    deleted: float | None = None
    paused_since: float | None = None
    unpaused: float | None = None
    cron_changed: float | None = None
    default_location: str | None = None
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
    running: list[Run] = []
    """Of the open runs what tells since when they are open, and until when they may be."""
    counted: dict[int, float] = {}
    outcomes: dict[int, Outcome] = {}
    totals: dict[Outcome, int] = {}


class SavedObject(msgspec.Struct):
    """An object that promises runs."""

    namespace: str
    name: str
    schedules: list[Schedule]


class SavedFeed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A resource that has been listed completely, and those of its objects that promise runs."""

    operator: str
    resource: str
    scope: str = ""
    objects: list[SavedObject] = []


class SavedCluster(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything of one cluster."""

    version: int
    cluster: str
    feeds: list[SavedFeed] = []
    streams: list[SavedStream] = []


def save_feed(feed: Feed) -> SavedFeed:
    """Return a feed as it is saved."""
    objects = [
        SavedObject(*name, schedules)
        for name, records in (feed.items() if feed.promises else ())
        if (schedules := [record for record in records if isinstance(record, Schedule)])
    ]
    objects.sort(key=lambda known: (known.namespace, known.name))
    key = feed.key
    return SavedFeed(operator=key.operator, resource=key.resource, scope=key.scope, objects=objects)


def save_stream(stream: Stream) -> SavedStream:
    """Return a stream, just brought up to date, as it is saved."""
    memory, ledger = stream.memory, stream.ledger
    return SavedStream(
        key=stream.key,
        rhythm=stream.rhythm,
        created=stream.created,
        deleted=stream.deleted,
        paused_since=stream.paused_since,
        unpaused=stream.unpaused,
        cron_changed=stream.cron_changed,
        default_location=stream.default_location,
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
        running=sorted(map(_outline, stream.open.values()), key=_rank),
        counted=dict(sorted(ledger.counted.items())),
        outcomes=dict(sorted(ledger.outcomes.items())),
        totals={outcome: total for outcome, total in ledger.totals.items() if total},
    )


def restore(stream: Stream, saved: SavedStream) -> None:
    """Put into a stream what was saved of it, all but the ledger."""
    stream.rhythm, stream.created, stream.deleted = saved.rhythm, saved.created, saved.deleted
    stream.default_location = saved.default_location
    stream.paused_since, stream.unpaused = saved.paused_since, saved.unpaused
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
        partials=stream.memory.partials,
    )


def ledger_of(saved: SavedStream) -> Ledger:
    """Return the books of a stream as they were saved."""
    return Ledger(
        floor=saved.floor if saved.floor is not None else float("-inf"),
        open=set(saved.open),
        counted=dict(saved.counted),
        outcomes=dict(saved.outcomes),
        totals=_all(saved.totals),
        shown=_all(saved.totals),
    )


def publish(streams: dict[ScheduleKey, Stream], saved: SavedCluster) -> list[ScheduleKey]:
    """Let counters show what has been saved; return the streams whose counters moved."""
    moved = []
    for known in saved.streams:
        stream = streams.get(known.key)
        if stream is None:
            continue
        shown = _all(known.totals)
        if stream.ledger.shown != shown:
            stream.ledger.shown = shown
            moved.append(known.key)
    return moved


def merge(one: SavedCluster, other: SavedCluster) -> SavedCluster:
    """Return the union of two documents of one cluster: for each stream the later instants and higher counters.

    Whatever either has counted counts, so that two writers lose nothing and a run is never counted by both later on.
    Which schedules there are is said by `one` where both know. Of a run that one has counted as something else than
    the other, both counters keep it.
    """
    feeds = {(feed.operator, feed.resource, feed.scope): feed for feed in (*other.feeds, *one.feeds)}
    live = {schedule.key for feed in feeds.values() for known in feed.objects for schedule in known.schedules}
    streams = {stream.key: stream for stream in one.streams}
    for stream in other.streams:
        mine = streams.get(stream.key)
        streams[stream.key] = stream if mine is None else merge_streams(mine, stream)
    return SavedCluster(
        version=VERSION,
        cluster=one.cluster,
        feeds=[feeds[key] for key in sorted(feeds)],
        streams=[
            msgspec.structs.replace(streams[key], deleted=None) if key in live else streams[key]
            for key in sorted(streams)
        ],
    )


def merge_streams(one: SavedStream, other: SavedStream) -> SavedStream:
    """Return the union of what is known of one stream. The order of the two does not matter.

    Neither does the grouping of more, but for runs counted under different outcomes, and for pauses.
    """
    floor = latest([one.floor, other.floor])
    counted = {
        mark: max(known.get(mark, float("-inf")) for known in (one.counted, other.counted))
        for mark in sorted(one.counted | other.counted)
    }
    successes = _successes(one, other)
    opened = sorted({*one.open, *other.open} - counted.keys())
    running = {mark_of(run): run for run in sorted((*one.running, *other.running), key=_rank)}
    unpaused = latest([one.unpaused, other.unpaused])
    pauses = [at for at in (one.paused_since, other.paused_since) if at is not None]
    good = latest([one.last_success, other.last_success, one.last_partial, other.last_partial])
    failures = sorted(at for at in {*one.failures, *other.failures} if good is None or at > good)
    return SavedStream(
        key=one.key,
        rhythm=max(one, other, key=_beat).rhythm,
        created=_earliest(one.created, other.created),
        deleted=_earliest(one.deleted, other.deleted),
        paused_since=min((at for at in pauses if unpaused is None or at > unpaused), default=None),
        unpaused=unpaused,
        cron_changed=latest([one.cron_changed, other.cron_changed]),
        last_restore_success=latest([one.last_restore_success, other.last_restore_success]),
        default_location=min(filter(None, (one.default_location, other.default_location)), default=None),
        last_attempt=latest([one.last_attempt, other.last_attempt]),
        last_success=latest([one.last_success, other.last_success]),
        last_partial=latest([one.last_partial, other.last_partial]),
        last_failure=latest([one.last_failure, other.last_failure]),
        recovery=latest([one.recovery, other.recovery]),
        longest=latest([one.longest, other.longest]),
        newest=max((run for run in (one.newest, other.newest) if run is not None), key=_rank, default=None),
        failures=failures[-FAILURES_KEPT:],
        successes=successes[-BASELINE_RUNS - 1 :],
        floor=floor,
        open=opened,
        running=sorted((run for mark, run in running.items() if mark in opened), key=_rank),
        counted={mark: at for mark, at in counted.items() if floor is None or at > floor},
        outcomes={
            mark: max(known[mark] for known in (one.outcomes, other.outcomes) if mark in known)
            for mark in sorted(one.outcomes | other.outcomes)
            if floor is None or counted[mark] > floor
        },
        totals=_totals(one, other, counted, floor),
    )


def _totals(
    one: SavedStream, other: SavedStream, counted: dict[int, float], floor: float | None
) -> dict[Outcome, int]:
    """Add up what both have counted above the watermark, each run once; below it the one that counted more is right."""
    recent = {
        (mark, outcome)
        for known in (one, other)
        for mark, outcome in known.outcomes.items()
        if floor is None or counted[mark] > floor
    }
    totals = {}
    for outcome in COUNTED:
        mine = {mark for mark, what in recent if what == outcome}
        settled = [
            known.totals.get(outcome, 0) - sum(known.outcomes.get(mark) == outcome for mark in mine)
            for known in (one, other)
        ]
        if total := max(settled) + len(mine):
            totals[outcome] = total
    return totals


def _successes(one: SavedStream, other: SavedStream) -> list[Success]:
    known: dict[tuple[float, str, str], Success] = {}
    for success in (*one.successes, *other.successes):
        key = (success.clock, *success.name)
        before = known.get(key, success)
        known[key] = success._replace(
            size=latest([before.size, success.size]), items=latest([before.items, success.items])
        )
    return [known[key] for key in sorted(known)]


def _all(totals: dict[Outcome, int]) -> dict[Outcome, int]:
    return {outcome: totals.get(outcome, 0) for outcome in COUNTED}


def _outline(run: Run) -> Run:
    """Return what does not change while a run is under way."""
    return Run(
        key=run.key,
        namespace=run.namespace,
        name=run.name,
        outcome=run.outcome,
        created=run.created,
        started=run.started,
        timeout=run.timeout,
        clock=run.clock,
    )


def _earliest(one: float | None, other: float | None) -> float | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _beat(known: SavedStream) -> tuple[bool, float, str]:
    return known.rhythm is not None, known.cron_changed or 0.0, _text(known.rhythm)


def _rank(run: Run) -> tuple[float, str, str, str]:
    clock = run.clock if run.clock is not None else float("-inf")
    return clock, run.namespace, run.name, _text(run)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
