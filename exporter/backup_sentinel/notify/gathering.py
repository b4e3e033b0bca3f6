"""From the store to incidents. What is told of a stream follows the verdicts of the alert rules (`rules/`)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from backup_sentinel.cause.message import tell
from backup_sentinel.cause.root import generic
from backup_sentinel.export.store import Store, Stream
from backup_sentinel.export.store.installation import Installation
from backup_sentinel.export.store.recent import instant, recent
from backup_sentinel.export.store.stream import DEFAULT_TIMEOUT
from backup_sentinel.model import OPEN, Outcome, Run, ScheduleKey

from .incident import Incident, Told
from .settings import Change

BAD = frozenset({Outcome.FAILED, Outcome.PARTIAL})


class Family(NamedTuple):
    """A run and the runs that are its steps; `lead` is None where its object is gone or was never seen."""

    lead: Run | None
    steps: tuple[Run, ...]


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
            for stream in _live(known)
            if (stream.key.namespace, stream.key.schedule) == (key.namespace, key.schedule)
            and (told.change is Change.OVERDUE or stream.key == key)
        ]
        if not streams:
            yield slot, None
        elif told.change is Change.OVERDUE:
            if not any(_late(stream, now) for stream in streams):
                yield slot, _recovered(known, streams[0], told, now)
        elif (over := _over(streams[0], told.change, 0.0)) is not None:
            yield slot, _recovered(known, streams[0], told, over)


# Runs ------------------------------------------------------------------------------------------------------


def runs(known: Installation, now: float, since: float) -> Iterator[Incident]:
    """Yield the runs of an operator that ended badly after an instant; a run with its steps is one incident.

    A run is told when all of it has ended, unless it takes longer than it may; also if its schedule is gone since.
    """
    told: set[tuple[object, ...]] = set()
    for stream in list(known.streams.values()):
        if stream.memory.last_failure is None and stream.memory.last_partial is None:
            continue
        for run in recent(stream, len(stream.runs) + 1, own=True):
            if run.outcome not in BAD or run.restore_point or not _fresh(run, since):
                continue
            family = _family(known, stream.key, run)
            whole = run.part_of is not None or family.steps
            name = run.part_of or run.name
            key = run.key
            identity = (
                (key.namespace, name)
                if whole
                else (key.namespace, name, key.action, run.namespace, key.target)
            )
            if identity in told or _waits(known, family.lead, now):
                continue
            told.add(identity)
            incident = _incident(known, name, run, family)
            if incident is not None:
                yield incident


def _fresh(run: Run, since: float) -> bool:
    """Tell whether a run ended after an instant; where its end is not known it may have begun some time before."""
    if run.ended is not None:
        return run.ended >= since
    began = instant(run)
    return began is not None and began + DEFAULT_TIMEOUT >= since


def _family(known: Installation, key: ScheduleKey, run: Run) -> Family:
    """Return the run that a run belongs to, and all its steps."""
    name = run.part_of or run.name
    lead: Run | None = None if run.part_of is not None else run
    steps: list[Run] = []
    if key.schedule:
        for stream in known.streams.values():
            if (stream.key.namespace, stream.key.schedule) == (key.namespace, key.schedule):
                for other in stream.runs.values():
                    if other.part_of == name:
                        steps.append(other)
                    elif run.part_of is not None and other.part_of is None and other.name == name:
                        lead = other
    elif run.part_of is not None:
        steps.append(run)
    if run.part_of is not None and run not in steps:  # its object is gone
        steps.append(run)
    return Family(lead, tuple(steps))


def _waits(known: Installation, lead: Run | None, now: float) -> bool:
    """Tell whether a run is under way still, and may be."""
    if lead is None or lead.outcome not in OPEN:
        return False
    until = known.streams[lead.key].running_deadline
    return until is None or until > now


def _incident(known: Installation, name: str, run: Run, family: Family) -> Incident | None:
    """Return what is told of a run; None where so many failures are tolerated."""
    members = [one for one in (family.lead, *family.steps) if one is not None]
    bad = [one for one in members if one.outcome in BAD]
    head = family.lead or run
    stream = known.streams[head.key if head.outcome in BAD else run.key]
    failed = any(one.outcome is Outcome.FAILED for one in bad)
    change = Change.FAILED if failed else Change.PARTIAL
    clock = max((at for one in bad if (at := instant(one)) is not None), default=0.0)
    over = _over(stream, change, clock)
    if failed and over is None and stream.key.schedule:
        count = stream.memory.consecutive_failures()
        if count < stream.expectation.failures_tolerated:
            return None
    return Incident(
        name=_name(head, name, whole=bool(family.steps)),
        change=change,
        key=stream.key,
        run=name,
        at=max((at for one in bad if (at := one.ended or instant(one)) is not None), default=clock),
        over=over,
        namespaces=_namespaces(members),
        error=_error(family.lead, [one for one in bad if one is not family.lead]),
        reason=next((one.reason.value for one in bad if one.reason is not None), None),
        location=next((one.location for one in bad if one.location), None) or stream.location,
        last_recovery_point=stream.recovery,
        next_due=stream.next_due,
    )


def _name(run: Run, name: str, *, whole: bool) -> str:
    """Return what tells a run apart; the run of a K10 policy is named as Kasten alerters name it."""
    key = run.key
    if whole or key.action == "run":
        return f"{key.cluster}:{name}"
    parts = [key.operator, run.namespace, *([key.action] if key.action != "backup" else []), name]
    return f"{key.cluster}:{'/'.join(parts)}"


def _over(stream: Stream, change: Change, clock: float) -> float | None:
    """Return since when a failed or partial run, of which the clock is given, is made up for; None while it is not."""
    if not stream.key.schedule:
        return None
    memory = stream.memory
    success, partial = stream.last_success or 0.0, memory.last_partial or 0.0
    if change is Change.FAILED:
        bad, good = clock or memory.last_failure or 0.0, max(success, partial)
    else:
        bad, good = clock or partial, success
    return good if good > bad else None


def _namespaces(members: Iterable[Run]) -> tuple[str, ...]:
    return tuple(sorted({name for one in members for name in one.target_namespaces}))


def _error(lead: Run | None, steps: list[Run]) -> str | None:
    """Return what the operator wrote: of the run itself, unless that says nothing, else of its steps."""
    own = tell(lead.message) if lead is not None and lead.message else None
    if own is not None and not generic(own):
        return own
    texts: dict[str, list[str]] = {}
    for step in steps:
        said = tell(step.message) if step.message else None
        if said is not None:
            texts.setdefault(said, []).extend(step.target_namespaces)
    if not texts:
        return own
    if len(texts) == 1:
        return next(iter(texts))
    lines = [f"{', '.join(sorted(set(names)))}: {said}" if names else said for said, names in texts.items()]
    return tell("\n".join(lines))


# Schedules -------------------------------------------------------------------------------------------------


def overdue(known: Installation, now: float) -> Iterator[Incident]:
    """Yield the schedules of an operator that owe a recovery point, whatever they do and for however many targets."""
    late: dict[tuple[str, str], list[Stream]] = {}
    for stream in _live(known):
        if _late(stream, now):
            late.setdefault((stream.key.namespace, stream.key.schedule), []).append(stream)
    for (namespace, schedule), streams in late.items():
        streams.sort(key=lambda stream: (stream.deadline or 0.0, stream.key))
        first = streams[0]
        points = [stream.recovery for stream in streams]
        yield Incident(
            name=f"{known.cluster}:overdue/{known.operator}/{namespace}/{schedule}",
            change=Change.OVERDUE,
            key=first.key,
            at=first.deadline or now,
            lasts=True,
            namespaces=_covered(streams),
            location=first.location,
            last_recovery_point=None if None in points else min(at for at in points if at is not None),
            next_due=first.next_due,
        )


def _covered(streams: list[Stream]) -> tuple[str, ...]:
    """Return the namespaces that schedules are about, as far as the schedule or its newest runs say."""
    names: set[str] = set()
    for stream in streams:
        schedule, newest = stream.schedule, stream.memory.newest
        names.update(schedule.target_namespaces if schedule is not None else ())
        names.update(newest.target_namespaces if newest is not None else ())
    return tuple(sorted(names))


def _late(stream: Stream, now: float) -> bool:
    schedule, until = stream.schedule, stream.running_deadline
    if schedule is None or schedule.paused or (until is not None and until > now):
        return False
    return stream.deadline is not None and stream.deadline < now


def _recovered(known: Installation, stream: Stream, told: Told, over: float) -> Incident:
    key = told.key
    what = told.annotations.get("run") or f"overdue/{known.operator}/{key.namespace}/{key.schedule}"
    return Incident(
        name=f"{key.cluster}:{what}/recovered",
        change=told.change,
        key=key,
        run=told.annotations.get("run", ""),
        at=over,
        over=over,
        last_recovery_point=stream.recovery,
        next_due=stream.next_due,
        told=told,
    )


def _live(known: Installation) -> Iterator[Stream]:
    for stream in list(known.streams.values()):
        if stream.live and not stream.spread:
            yield stream
