"""State of one stream of runs: the runs that exist, what outlives them, and the promise of its schedule."""

from collections.abc import Callable

import msgspec

from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.model import OPEN, Outcome, Run, Schedule, ScheduleKey

from .ledger import Ledger
from .memory import Memory, RunName, counts_as_recovery, start
from .promise import Expectation, expect, flaw, latest, slot
from .stock import Stock

SYNC_TOLERANCE = 60.0
"""Seconds by which the operator's clock may lag behind the API server's."""

Rhythm = tuple[tuple[str, ...], str | None]
"""Cron expressions and time zone."""

CLOCK_SKEW = 10.0
"""Seconds by which clocks that are kept may differ; a run shorter than that may seem to have ended before its creation."""

DEFAULT_TIMEOUT = 4 * 3600.0
LONGEST_FACTOR = 3.0


class VolumeSum(msgspec.Struct, frozen=True):
    """Volume data of one run in one target namespace: bytes, and how many volumes failed."""

    target_namespace: str
    size: float | None
    failures: int


def came_from_elsewhere(run: Run) -> bool:
    """Tell whether a finished object seen for the first time is a copy of a run that happened elsewhere.

    Operators that list a shared bucket create objects for what they find (Velero: pkg/controller/
    backup_sync_controller.go). An own object is created before its run starts, a copy after the run ended. What is
    told as the start may be older than an own object, where it is the time of a snapshot that was there already;
    its end never is.
    """
    if not run.synced_copies or run.created is None or run.outcome in OPEN:
        return False
    if run.ended is not None and run.created <= run.ended:
        return False
    if run.started is not None and run.created > run.started + SYNC_TOLERANCE:
        return True
    return run.ended is not None and run.created > run.ended + CLOCK_SKEW


class Stream(msgspec.Struct, kw_only=True):
    """State of one `ScheduleKey`. Times in Unix seconds, durations in seconds."""

    key: ScheduleKey
    runs: dict[RunName, Run] = msgspec.field(default_factory=dict)
    open: dict[RunName, Run] = msgspec.field(default_factory=dict)
    """Own runs that are pending or running; until the first list also those that were when the last process ended."""
    existing: dict[Outcome, int] = msgspec.field(default_factory=dict)
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    memory: Memory = msgspec.field(default_factory=Memory)
    stock: Stock = msgspec.field(default_factory=Stock)

    schedule: Schedule | None = None
    rhythm: Rhythm | None = None
    """What the schedule has, or had before it was deleted."""
    targets: int = 0
    """How many streams have the runs of this schedule, told apart by target."""
    expectation: Expectation = Expectation()
    flaw: str | None = None
    created: float | None = None
    deleted: float | None = None
    paused_since: float | None = None
    unpaused: float | None = None
    cron_changed: float | None = None
    last_restore_success: float | None = None
    volumes: tuple[VolumeSum, ...] = ()
    unweighed: set[RunName] = msgspec.field(default_factory=set)
    """Runs whose volumes have changed since they were added up."""
    deadline: float | None = None
    recovery: float | None = None
    default_location: str | None = None
    """Location of schedules that name none."""
    grounded: bool = False
    """Runs have been listed, now or in an earlier life of the process, so that it is known what is owed."""
    listed: bool = False
    """All runs have been listed, so that a number of runs is one."""
    sampled: bool = False
    """An object was seen that shows the newest run alone, so that runs cannot be counted."""
    tallied: bool = False
    """Objects that stand for runs, or for what these left, were seen, by an earlier process too."""
    unscheduled: bool = False
    """The operator's schedules cannot be read, so that a stream without a schedule must be taken for a live one."""

    def enter(self, run: Run, *, history: bool) -> None:
        """Take in a new or changed run; `history` says that it was there before anything was watched."""
        name = (run.namespace, run.name)
        before = self.runs.get(name)
        run.synced = (
            before.synced if before is not None else came_from_elsewhere(run) and not self.ledger.awaits(run)
        )
        if run.synced:
            run.clock = start(run)
        stands = not (run.sampled and run.created is None)
        if before is not None:
            self._take_out(name, before)
        self.open.pop(name, None)
        self.runs[name] = run
        if stands:
            self.tallied = True
            self.stock.add(run)
        else:
            self.sampled = True
        if run.synced:
            return
        if run.restore_point:
            self.memory.witness(run)
            return
        if self.key.target:
            self.created = min((t for t in (self.created, run.clock) if t is not None), default=None)
        self.existing[run.outcome] = self.existing.get(run.outcome, 0) + stands
        if run.outcome in OPEN:
            self.open[name] = run
        if run.outcome is Outcome.SUCCEEDED:
            run.clock = self._after(run)
        self.memory.learn(run)
        if not run.sampled:
            self.ledger.see(run, history=history)

    def _after(self, success: Run) -> float | None:
        """Return the clock of a success: what an object shows now comes after the failure that it showed before.

        Where the object shows the newest run alone that is so whatever its clock; else the clock is its creation, which
        stays when somebody mends what an operator then tries again.
        """
        clock, failed = success.clock, self.memory.last_failure
        if clock is None:
            return None
        if success.sampled:
            return clock if failed is None else max(clock, failed + 1)
        return clock + 1 if self.memory.mended(success) else clock

    def leave(self, name: RunName, failed_volumes: int) -> None:
        """Take out a run whose object is gone; what was learned from it stays."""
        run = self.runs.get(name)
        if run is None:
            return
        self._take_out(name, run)
        if not run.synced and not run.restore_point:
            self.ledger.lose(run)
            self.memory.forget(name, counts=self._counts(run, failed_volumes))

    def _take_out(self, name: RunName, run: Run) -> None:
        del self.runs[name]
        stands = not (run.sampled and run.created is None)
        if stands:
            self.stock.remove(run)
        if not run.synced and not run.restore_point:
            self.open.pop(name, None)
            self.existing[run.outcome] -= stands

    def promise(self, schedule: Schedule, settings: ExportSettings, now: float) -> None:
        """Take in the schedule: new, changed, or created again under the same name."""
        rhythm: Rhythm | None = (schedule.crons, schedule.timezone)
        if schedule.preset is not None and not schedule.crons:  # not known yet, which is no change
            rhythm = self.rhythm
        self.created = min((t for t in (self.created, schedule.created) if t is not None), default=None)
        self.deleted = None
        if schedule.paused:
            self.paused_since = self.paused_since if self.paused_since is not None else now
        elif self.paused_since is not None:
            self.paused_since, self.unpaused = None, now
        if rhythm != self.rhythm or self.schedule is None:
            self.flaw = flaw(schedule)
        if rhythm != self.rhythm and self.rhythm is not None:
            self.cron_changed = now
        self.rhythm = rhythm
        self.schedule = schedule
        self.expectation = expect(self.key, schedule, settings)

    def withdraw(self, now: float) -> None:
        """The schedule's object is gone."""
        if self.schedule is not None:
            self.schedule, self.deleted = None, now

    def follow(self, base: "Stream") -> None:
        """Take over the promise of the schedule for one of its targets, which is as old as its first run."""
        for field in ("rhythm", "flaw", "expectation", "deleted", "paused_since", "unpaused", "cron_changed"):
            setattr(self, field, getattr(base, field))
        self.schedule = base.schedule
        if base.schedule is not None:  # what it remembers may be the run of another target
            self.schedule = msgspec.structs.replace(base.schedule, last_attempt=None, last_success=None)

    @property
    def spread(self) -> bool:
        """Whether the promises of the schedule are kept by its targets, and not by this stream."""
        return self.targets > 0 and self.memory.last_attempt is None

    @property
    def live(self) -> bool:
        """Whether verdicts about the stream are due: it has a schedule, or needs none, or it cannot be known."""
        return self.schedule is not None or not self.key.schedule or self.unscheduled

    @property
    def location(self) -> str | None:
        """Where the runs go: as the schedule says, else the operator's default.

        Never as some run says: a label that comes with the first run would make new series of all counters.
        """
        named = self.schedule.location if self.schedule is not None else None
        return named if named is not None or not self.key.schedule else self.default_location

    @property
    def last_attempt(self) -> float | None:
        """Clock of the newest own run, or what the operator itself remembers, whichever is later."""
        return latest([self.memory.last_attempt, self.schedule.last_attempt if self.schedule else None])

    @property
    def last_success(self) -> float | None:
        """Clock of the newest success, or what the operator itself remembers, whichever is later."""
        return latest([self.memory.last_success, self.schedule.last_success if self.schedule else None])

    @property
    def next_due(self) -> float | None:
        """The slot that is owed: the first after the last attempt, in the past when it was missed."""
        schedule = self.schedule
        if schedule is None or schedule.on_demand or self.spread or not self.grounded:
            return None
        if schedule.next_due is not None:
            return schedule.next_due
        base = latest(
            [self.last_attempt, schedule.skipped, schedule.created, self.unpaused, self.cron_changed]
        )
        return None if base is None else slot(schedule, base)

    def due_by(self, failed_volumes: Callable[[Run], int]) -> float | None:
        """Until when there must be a newer recovery point."""
        schedule = self.schedule
        if schedule is None or self.spread or not self.grounded:
            return None
        point = self.recovery_point(failed_volumes)
        if self.expectation.max_age is not None:
            base = point if point is not None else self.created
            return None if base is None else base + self.expectation.max_age
        if schedule.on_demand:
            return None
        base = latest([point, self.created, self.unpaused, self.cron_changed])
        second = None if base is None else slot(schedule, base, nth=2)
        return None if second is None else second + self.expectation.start_grace

    def recovery_point(self, failed_volumes: Callable[[Run], int]) -> float | None:
        """Start of the newest run that could be recovered from."""
        known = self.memory.recovery_point(lambda run: self._counts(run, failed_volumes(run)))
        return latest([known, self.schedule.last_success if self.schedule else None])

    def _counts(self, run: Run, failed_volumes: int) -> bool:
        return counts_as_recovery(run, self.expectation.partial_counts, failed_volumes)

    def oldest(self, outcome: Outcome) -> Run | None:
        """Return the oldest own run that is pending or running; None if there is none with a known start."""
        runs = [run for run in self.open.values() if run.outcome is outcome and start(run) is not None]
        return min(runs, key=lambda run: start(run) or 0.0, default=None)

    @property
    def restorable(self) -> int | None:
        """How many runs could be restored today; None where nothing shows more than the newest run."""
        return self.stock.restorable if self.tallied or not self.sampled else None

    @property
    def running_deadline(self) -> float | None:
        """Until when the oldest running run must have ended: its timeout, or thrice the longest known run."""
        run = self.oldest(Outcome.RUNNING)
        return None if run is None else self.deadline_of(run)

    def deadline_of(self, run: Run) -> float | None:
        """Until when a run must have ended; None where its start is not known."""
        begun = start(run)
        if begun is None:
            return None
        timeout = run.timeout if run.timeout is not None else DEFAULT_TIMEOUT
        return begun + max(timeout, LONGEST_FACTOR * (self.memory.longest or 0.0))
