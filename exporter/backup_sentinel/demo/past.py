"""The past of a story: the runs of each schedule before it begins, made at once in their final form."""

from .scene import Run, Schedule, Site
from .slots import slots
from .stage import Stage
from .storyfile import Outcome
from .times import seconds_of


def make_past(stage: Stage, history: float) -> None:
    """Make the runs of the last `history` seconds, those that would be expired by now left out."""
    runs: list[tuple[Run, float]] = []
    for site in stage.sites:
        for schedule in site.schedules.values():
            runs += _runs(stage, site, schedule, stage.start - history)
    for run, at in sorted(runs, key=lambda pair: (pair[1], pair[0].name)):
        stage.show(run, at)


def finish(stage: Stage, run: Run) -> float:
    """Bring a run of the past to the station where it is by now, with its times; return when it was last seen to move."""
    waits = float(run.works_from or 1)
    run.started = None if run.works_from is None else run.created + waits
    work = 2.0 if run.works_from == len(run.stations) - 2 else run.duration
    end = run.created + (1 if run.works_from is None else waits + work)
    if run.hold is None and end <= stage.now:
        run.station, run.ended = len(run.stations) - 1, end
        return end
    if run.works_from is None or stage.now < run.created + waits:
        run.started, run.station, run.due = None, 0, stage.now + 1
        return run.created
    steps = len(run.stations) - 1 - run.works_from
    part = min(1.0, max(0.0, (stage.now - run.created - waits) / work))
    run.station = run.works_from + min(steps - 1, int(part * steps))
    if run.hold is not None:
        run.station = min(run.station, run.hold)
    run.due = stage.now + work / steps
    return max(run.created + waits, run.started or 0.0)


def read_outcome(outcome: Outcome) -> tuple[str, str]:
    """Return the word and the cause of an outcome as a story file gives it."""
    if isinstance(outcome, str):
        return outcome, ""
    return next(iter(outcome.items()))


def _runs(stage: Stage, site: Site, schedule: Schedule, begin: float) -> list[tuple[Run, float]]:
    spec = schedule.spec
    end = stage.start - seconds_of(spec.paused or "0s")
    first = max(begin, schedule.created)
    if not spec.paused:
        first = max(first, stage.start - seconds_of(spec.ttl))
    schedule.handled = first
    anchor = schedule.created if schedule.cron.startswith("@every") else first
    moments = [slot for slot in slots(schedule.cron, anchor, end) if slot > first]
    runs: list[tuple[Run, float]] = []
    for index, slot in enumerate(moments):
        chance = stage.draw(site, spec.name, "slot", int(slot))
        back = len(moments) - 1 - index
        outcome, cause = _outcome(spec.recent, back, spec.odds, chance.random())
        created = min(stage.start, slot + chance.randint(1, 40))
        schedule.handled = created
        if outcome == "missed":
            continue
        run = stage.begin(site, spec, at=created, outcome=outcome, cause=cause, schedule=schedule)
        if run is None:
            continue
        schedule.last_attempt = created
        if outcome == "stalled":
            run.outcome, run.hold = "completed", (run.works_from or 0) + 1
        seen = finish(stage, run)
        if run.expires is None or run.expires > stage.start:
            runs.append((run, seen))
        if run.open and run.hold is not None:
            break
    stage.handle(schedule, schedule.handled)
    return runs


def _outcome(recent: list[Outcome], back: int, odds: dict[str, float], luck: float) -> tuple[str, str]:
    if back < len(recent):
        return read_outcome(recent[len(recent) - 1 - back])
    return lucky(odds, luck)


def lucky(odds: dict[str, float], luck: float) -> tuple[str, str]:
    """Return the outcome that a number between 0 and 1 stands for; keys are `partial` or `failed network`."""
    for words, chance in odds.items():
        if luck < chance:
            outcome, _, cause = words.partition(" ")
            return outcome, cause
        luck -= chance
    return "completed", ""
