"""The union of what two writers have saved of one cluster."""

import msgspec

from backup_sentinel.model import Outcome

from .ledger import COUNTED, mark_of
from .memory import BASELINE_RUNS, FAILURES_KEPT, Success
from .promise import latest
from .saved import VERSION, SavedCluster, SavedStream, rank


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
    counted = _later(one.counted, other.counted)
    late = {
        mark: until for mark, until in _later(one.late, other.late).items() if floor is None or until > floor
    }
    successes = _successes(one, other)
    opened = {
        mark: clock
        for mark, clock in _later(one.open, other.open).items()
        if not (_over(mark, clock, one) or _over(mark, clock, other))
    }
    running = {mark_of(run): run for run in sorted((*one.running, *other.running), key=rank)}
    unpaused = latest([one.unpaused, other.unpaused])
    pauses = [at for at in (one.paused_since, other.paused_since) if at is not None]
    good = max((rank for rank in (one.good, other.good) if rank is not None), default=None)
    failures = sorted(failed for failed in {*one.failures, *other.failures} if good is None or failed > good)
    return SavedStream(
        key=one.key,
        rhythm=max(one, other, key=_beat).rhythm,
        created=_earliest(one.created, other.created),
        deleted=_earliest(one.deleted, other.deleted),
        paused_since=min((at for at in pauses if unpaused is None or at > unpaused), default=None),
        unpaused=unpaused,
        cron_changed=latest([one.cron_changed, other.cron_changed]),
        last_restore_success=latest([one.last_restore_success, other.last_restore_success]),
        tallied=one.tallied or other.tallied,
        default_location=min(filter(None, (one.default_location, other.default_location)), default=None),
        last_attempt=latest([one.last_attempt, other.last_attempt]),
        last_success=latest([one.last_success, other.last_success]),
        last_partial=latest([one.last_partial, other.last_partial]),
        last_failure=latest([one.last_failure, other.last_failure]),
        recovery=latest([one.recovery, other.recovery]),
        longest=latest([one.longest, other.longest]),
        newest=max((run for run in (one.newest, other.newest) if run is not None), key=rank, default=None),
        good=good,
        failures=failures[-FAILURES_KEPT:],
        successes=successes[-BASELINE_RUNS - 1 :],
        floor=floor,
        open=opened,
        running=sorted((run for mark, run in running.items() if mark in opened), key=rank),
        counted={mark: at for mark, at in counted.items() if floor is None or at > floor or mark in late},
        late=late,
        outcomes={
            mark: max(known[mark] for known in (one.outcomes, other.outcomes) if mark in known)
            for mark in sorted(one.outcomes | other.outcomes)
            if floor is None or counted[mark] > floor or mark in late
        },
        totals=_totals(one, other),
    )


def _over(mark: int, clock: float, known: SavedStream) -> bool:
    """Tell whether a writer has dealt with a run: with all up to its watermark but those that are open."""
    if mark in known.open:
        return False
    return mark in known.counted or (known.floor is not None and clock <= known.floor)


def _totals(one: SavedStream, other: SavedStream) -> dict[Outcome, int]:
    """Add up what both have counted, each run once.

    Of what both have dealt with and do not agree on, or have forgotten by which runs, the one that counted more is right.
    """
    recent = {
        (mark, outcome)
        for mine, theirs in ((one, other), (other, one))
        for mark, outcome in mine.outcomes.items()
        if theirs.outcomes.get(mark) == outcome or not _over(mark, mine.counted[mark], theirs)
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


def _later(one: dict[int, float], other: dict[int, float]) -> dict[int, float]:
    """Return the later instant of each mark."""
    never = float("-inf")
    return {mark: max(one.get(mark, never), other.get(mark, never)) for mark in sorted(one | other)}


def _earliest(one: float | None, other: float | None) -> float | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _beat(known: SavedStream) -> tuple[bool, float, str]:
    return known.rhythm is not None, known.cron_changed or 0.0, _text(known.rhythm)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
