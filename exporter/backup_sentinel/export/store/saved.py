"""What outlives the process: one document for each cluster, with what the API server cannot tell again.

Instants, promises and the schedules themselves (so that they are shown before the first list), counters, and what has
been counted. Two documents of one cluster are merged without loss: instants and counters only grow.
"""

import msgspec

from backup_sentinel.model import Outcome, Run, Schedule, ScheduleKey

from .feed import Feed
from .ledger import COUNTED, Ledger
from .memory import Memory, Rank, Success
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
    tallied: bool = False
    """Of a stream of which objects show the newest run alone: what its runs left was seen all the same."""
    last_attempt: float | None = None
    last_success: float | None = None
    last_partial: float | None = None
    last_failure: float | None = None
    recovery: float | None = None
    longest: float | None = None
    newest: Run | None = None
    good: Rank | None = None
    failures: list[Rank] = []
    successes: list[Success] = []
    floor: float | None = None
    open: dict[int, float] = {}
    running: list[Run] = []
    """Of the open runs what tells since when they are open, and until when they may be."""
    counted: dict[int, float] = {}
    late: dict[int, float] = {}
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
        tallied=stream.sampled and stream.tallied,
        last_attempt=memory.last_attempt,
        last_success=memory.last_success,
        last_partial=memory.last_partial,
        last_failure=memory.last_failure,
        recovery=stream.recovery,
        longest=memory.longest,
        newest=memory.newest,
        good=memory.good,
        failures=list(memory.failures),
        successes=list(memory.successes),
        floor=ledger.floor if ledger.floor != float("-inf") else None,
        open=dict(sorted(ledger.open.items())),
        running=sorted(map(_outline, stream.open.values()), key=rank),
        counted=dict(sorted(ledger.counted.items())),
        late=dict(sorted(ledger.late.items())),
        outcomes=dict(sorted(ledger.outcomes.items())),
        totals={outcome: total for outcome, total in ledger.totals.items() if total},
    )


def restore(stream: Stream, saved: SavedStream) -> None:
    """Put into a stream what was saved of it, all but the ledger."""
    stream.rhythm, stream.created, stream.deleted = saved.rhythm, saved.created, saved.deleted
    stream.default_location = saved.default_location
    stream.paused_since, stream.unpaused = saved.paused_since, saved.unpaused
    stream.cron_changed, stream.last_restore_success = saved.cron_changed, saved.last_restore_success
    stream.tallied |= saved.tallied
    stream.memory = Memory(
        last_attempt=saved.last_attempt,
        last_success=saved.last_success,
        last_partial=saved.last_partial,
        last_failure=saved.last_failure,
        recovery=saved.recovery,
        longest=saved.longest,
        newest=saved.newest,
        good=saved.good,
        failures=list(saved.failures),
        successes=list(saved.successes),
        partials=stream.memory.partials,
    )


def ledger_of(saved: SavedStream) -> Ledger:
    """Return the books of a stream as they were saved."""
    return Ledger(
        floor=saved.floor if saved.floor is not None else float("-inf"),
        open=dict(saved.open),
        counted=dict(saved.counted),
        late=dict(saved.late),
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


def rank(run: Run) -> tuple[float, str, str, str]:
    """Return what orders runs, whatever two writers know of them."""
    clock = run.clock if run.clock is not None else float("-inf")
    return clock, run.namespace, run.name, msgspec.json.encode(run).decode()
