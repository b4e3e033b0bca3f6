"""Schedules that owe a recovery point, and what is told when that, or a failure, is over."""

from collections.abc import Collection, Iterator

from backup_sentinel.export.overview.state import owes
from backup_sentinel.export.store import Stream
from backup_sentinel.export.store.installation import Installation

from .incident import Incident, Told
from .settings import Change


def overdue(known: Installation, now: float) -> Iterator[Incident]:
    """Yield the schedules of an operator that owe a recovery point, whatever they do and for however many targets."""
    owing: dict[tuple[str, str], list[Stream]] = {}
    for stream in live(known):
        if late(stream, now):
            owing.setdefault((stream.key.namespace, stream.key.schedule), []).append(stream)
    covered = _covered(known, owing)
    for (namespace, schedule), streams in owing.items():
        streams.sort(key=lambda stream: (stream.deadline or 0.0, stream.key))
        first = streams[0]
        points = [stream.recovery for stream in streams]
        yield Incident(
            name=f"{known.cluster}:overdue/{known.operator}/{namespace}/{schedule}",
            change=Change.OVERDUE,
            key=first.key,
            at=first.deadline or now,
            begun=first.deadline or 0.0,
            lasts=True,
            namespaces=covered[namespace, schedule],
            location=first.location,
            last_recovery_point=None if None in points else min(at for at in points if at is not None),
            next_due=first.next_due,
        )


def recovered(stream: Stream, told: Told, over: float) -> Incident:
    """Return what is told of an incident that is over since then."""
    key = told.key
    run = told.annotations.get("run", "")
    what = run or f"overdue/{key.operator}/{key.namespace}/{key.schedule}"
    return Incident(
        name=f"{told.name or f'{key.cluster}:{what}'}/recovered",
        change=told.change,
        key=key,
        run=run,
        at=over,
        over=over,
        begun=told.at,
        last_recovery_point=stream.recovery,
        next_due=stream.next_due,
        told=told,
    )


def late(stream: Stream, now: float) -> bool:
    """Tell whether a recovery point is owed, and none is being made by a run that began in time."""
    return owing(stream, now) and owes(stream, now)


def owing(stream: Stream, now: float) -> bool:
    """Tell whether a recovery point is owed."""
    if stream.schedule is None or stream.schedule.paused:
        return False
    return stream.deadline is not None and stream.deadline < now


def live(known: Installation) -> Iterator[Stream]:
    """Yield the streams of an operator about which verdicts are due."""
    for stream in list(known.streams.values()):
        if stream.live and not stream.spread:
            yield stream


def _covered(
    known: Installation, wanted: Collection[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the namespaces that schedules are about, as far as they or their newest runs say, steps included."""
    names: dict[tuple[str, str], set[str]] = {schedule: set() for schedule in wanted}
    for stream in known.streams.values() if names else ():
        found = names.get((stream.key.namespace, stream.key.schedule))
        if found is not None:
            promised, newest = stream.schedule, stream.memory.newest
            found.update(promised.target_namespaces if promised is not None else ())
            found.update(newest.target_namespaces if newest is not None else ())
    return {schedule: tuple(sorted(found)) for schedule, found in names.items()}
