"""Runs that ended badly; a run with the steps it consists of is one incident."""

from collections.abc import Iterator

from backup_sentinel.cause.message import tell
from backup_sentinel.cause.root import generic
from backup_sentinel.export.store import Stream
from backup_sentinel.export.store.installation import Installation
from backup_sentinel.export.store.recent import instant
from backup_sentinel.export.store.stream import DEFAULT_TIMEOUT
from backup_sentinel.model import DECISIVE, OPEN, Outcome, Run

from .family import Families, Family, has_steps
from .incident import Incident
from .settings import Change

BAD = frozenset({Outcome.FAILED, Outcome.PARTIAL})
CLOCK_SKEW = 600.0
"""Seconds by which the clock of a cluster may be ahead: what was told so long before a run had begun was another one."""


def runs(known: Installation, now: float, since: float) -> Iterator[Incident]:
    """Yield the runs of an operator that ended badly after an instant; also those whose schedule is gone meanwhile.

    A run is told when all of it has ended, unless it takes longer than it may.
    """
    bad = [run for stream in known.streams.values() for run in _bad(stream)]
    if not has_steps(known):
        bad = [run for run in bad if _end(known, run) >= since]
    if not bad:
        return
    families = Families(known)
    told: set[tuple[str, ...]] = set()
    for run in bad:
        family = families.of(run)
        name = run.part_of or run.name
        identity: tuple[str, ...] = (run.key.namespace, name)
        if run.part_of is None and not family.steps:
            identity += (run.key.action, run.namespace, run.key.target)
        if identity in told:
            continue
        told.add(identity)
        if any(_under_way(known, member, now) for member in family.members):
            continue
        if not any(_end(known, member) >= since for member in family.members):
            continue
        incident = _incident(known, name, run, family)
        if incident is not None:
            yield incident


def over(stream: Stream, change: Change, clock: float = 0.0) -> float | None:
    """Return since when a failed or partial run is made up for; None while it is not.

    `clock` is that of the run; without one it is the newest of its kind.
    """
    if not stream.key.schedule:
        return None
    memory = stream.memory
    success, partial = stream.last_success or 0.0, memory.last_partial or 0.0
    if change is Change.FAILED:
        bad, good = clock or memory.last_failure or 0.0, max(success, partial)
        if bad and good == bad and all(at != bad for at, _ in memory.failures):
            return good  # of runs of one second, the last by name decides
    else:
        bad, good = clock or partial, success
    return good if good > bad else None


def _in_a_row(stream: Stream, clock: float) -> int:
    """Return how many runs failed in a row, one of them at an instant, as far as their objects are there."""
    own = [
        (at, run.outcome)
        for run in stream.runs.values()
        if not run.synced and run.outcome in DECISIVE and (at := instant(run)) is not None
    ]
    good = [at for at, outcome in own if outcome is not Outcome.FAILED]
    after = max((at for at in good if at < clock), default=float("-inf"))
    before = min((at for at in good if at > clock), default=float("inf"))
    return sum(outcome is Outcome.FAILED and after < at < before for at, outcome in own)


def _bad(stream: Stream) -> list[Run]:
    """Return the own runs of a stream that ended badly, newest first."""
    memory = stream.memory
    if memory.last_failure is None and memory.last_partial is None:
        return []
    bad = [run for run in stream.runs.values() if _is_bad(run)]
    newest = memory.newest
    if newest is not None and (newest.namespace, newest.name) not in stream.runs:  # its object is gone
        bad += [newest] if _is_bad(newest) else []
    return sorted(bad, key=lambda run: (-(instant(run) or 0.0), run.namespace, run.name))


def _is_bad(run: Run) -> bool:
    return run.outcome in BAD and not run.synced and not run.restore_point


def _under_way(known: Installation, run: Run, now: float) -> bool:
    """Tell whether a run has not ended, and need not have."""
    if run.outcome not in OPEN:
        return False
    until = known.streams[run.key].deadline_of(run)
    return until is None or until > now


def _end(known: Installation, run: Run) -> float:
    """Return when a run ended or had to; where that is not known, when it had at the latest; 0 where nobody can say."""
    if run.outcome in OPEN:
        return known.streams[run.key].deadline_of(run) or 0.0
    if run.ended is not None:
        return run.ended
    began = instant(run)
    return 0.0 if began is None else began + DEFAULT_TIMEOUT


def _incident(known: Installation, name: str, run: Run, family: Family) -> Incident | None:
    """Return what is told of a run; None where so many failures are tolerated."""
    bad = [one for one in family.members if one.outcome in BAD]
    head = family.lead or run
    worst = next((one for one in bad if one.outcome is Outcome.FAILED), bad[0])
    stream, failed = known.streams[worst.key], worst.outcome is Outcome.FAILED
    change = Change.FAILED if failed else Change.PARTIAL
    clock = max((at for one in bad if (at := instant(one)) is not None), default=0.0)
    since = over(stream, change, clock)
    tolerated = stream.expectation.failures_tolerated
    if failed and stream.key.schedule and tolerated > 1:
        count = stream.memory.consecutive_failures() if since is None else _in_a_row(stream, clock)
        if count < tolerated:
            return None
    return Incident(
        name=_name(head, name, whole=bool(family.steps)),
        change=change,
        key=stream.key,
        run=name,
        at=max((at for one in bad if (at := one.ended or instant(one)) is not None), default=clock),
        over=since,
        begun=(instant(head) or 0.0) - CLOCK_SKEW,
        namespaces=tuple(sorted({name for one in family.members for name in one.target_namespaces})),
        error=_error(family.lead, [one for one in bad if one is not family.lead]),
        reason=next((one.reason.value for one in bad if one.reason is not None), None),
        location=next((one.location for one in bad if one.location), None) or stream.location,
        last_recovery_point=stream.recovery,
        next_due=stream.next_due,
    )


def _name(run: Run, name: str, *, whole: bool) -> str:
    """Return what tells a run apart; the run of a Kasten policy is named as Kasten alerters name it."""
    key = run.key
    if whole or key.action == "run":
        return f"{key.cluster}:{name}"
    parts = [key.operator, run.namespace, *([key.action] if key.action != "backup" else []), name]
    return f"{key.cluster}:{'/'.join(parts)}"


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
