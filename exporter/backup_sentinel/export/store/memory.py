"""What is remembered of the own runs of one stream after their objects are gone: instants, and the size history."""

from bisect import insort
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import msgspec

from backup_sentinel.export.settings import PartialCounts
from backup_sentinel.model import DECISIVE, Outcome, Run

from .promise import later, latest

BASELINE_RUNS = 7
"""The size of a success is compared with the median of so many successes before it."""

FAILURES_KEPT = 1000

PARTIALS_KEPT = 64
"""Partial runs without a success after them, any of which may be the newest that counts as a recovery point."""

RunName = tuple[str, str]
"""Namespace and name of the object that stands for a run."""

Rank = tuple[float, RunName]
"""What orders runs: their clock, and the name of those of one second, so that it is always the same one that is newest."""


class Success(NamedTuple):
    """One success as the size history keeps it; ordered by its clock."""

    clock: float
    name: RunName
    size: float | None
    items: float | None


class Memory(msgspec.Struct):
    """Instants only grow, so the order in which runs are seen does not matter. Times in Unix seconds."""

    last_attempt: float | None = None
    last_success: float | None = None
    last_partial: float | None = None
    last_failure: float | None = None
    recovery: float | None = None
    longest: float | None = None
    newest: Run | None = None
    good: Rank | None = None
    """The newest run that succeeded, completely or in part."""
    failures: list[Rank] = msgspec.field(default_factory=list)
    """The failed runs after that one, oldest first."""
    successes: list[Success] = msgspec.field(default_factory=list)
    partials: dict[RunName, Run] = msgspec.field(default_factory=dict)

    def learn(self, run: Run) -> None:
        """Take in an own run; the same run may be told any number of times."""
        clock = run.clock
        if clock is None:
            return
        self.last_attempt = later(self.last_attempt, clock)
        if run.outcome not in DECISIVE:
            return
        _, name = rank = rank_of(run)
        if self.newest is None or rank >= rank_of(self.newest):
            self.newest = run
        if run.started is not None and run.ended is not None and run.ended >= run.started:
            self.longest = later(self.longest, run.ended - run.started)
        if run.outcome is Outcome.SUCCEEDED:
            self._prove(run, rank)
            self._weigh(Success(clock, name, run.size, run.items))
        elif run.outcome is Outcome.PARTIAL:
            self.last_partial = later(self.last_partial, clock)
            self.good = rank if self.good is None else max(self.good, rank)
            self.partials[name] = run
            if len(self.partials) > PARTIALS_KEPT:
                del self.partials[min(self.partials, key=lambda known: self.partials[known].clock or 0.0)]
        else:
            self.last_failure = later(self.last_failure, clock)
            if rank not in self.failures:
                insort(self.failures, rank)
                del self.failures[:-FAILURES_KEPT]
        self._forget_settled()

    def witness(self, run: Run) -> None:
        """Take in what a successful run left, which proves that there was one."""
        if run.outcome is Outcome.SUCCEEDED and run.clock is not None:
            self.last_attempt = later(self.last_attempt, run.clock)
            self._prove(run, rank_of(run))
            self._forget_settled()

    def mended(self, success: Run) -> bool:
        """Tell whether this very run was told of as failed, wholly or in part, before; also when it is told again."""
        if self.last_failure is None and self.last_partial is None:
            return False
        clock, name = rank = rank_of(success)
        if rank in self.failures or ((partial := self.partials.get(name)) and partial.clock == clock):
            return True
        if not self.successes or self.successes[-1].clock <= clock:  # as most are told, in order
            return False
        return any(known.name == name and known.clock == clock + 1 for known in self.successes)

    def forget(self, name: RunName, *, counts: bool) -> None:
        """The object of a partial run is gone; `counts` says whether it was a recovery point."""
        run = self.partials.pop(name, None)
        if run is not None and counts:
            self.recovery = later(self.recovery, start(run))

    def recovery_point(self, counts: Callable[[Run], bool]) -> float | None:
        """Return the start of the newest run that could be recovered from."""
        return latest([self.recovery, *(start(run) for run in self.partials.values() if counts(run))])

    def consecutive_failures(self) -> int:
        """Return how many runs in a row failed, newest backwards."""
        return len(self.failures)

    def resize(self, run: Run, size: float) -> None:
        """Set the size of a success that its volumes have told."""
        name = (run.namespace, run.name)
        for index, success in enumerate(self.successes):
            if success.name == name and success.clock == run.clock:
                self.successes[index] = success._replace(size=size)

    def baseline(self) -> float | None:
        """Return the median size in bytes of the successes before the newest; None without any."""
        sizes = [success.size for success in self.successes[:-1] if success.size is not None]
        return median(sizes[-BASELINE_RUNS:]) if sizes else None

    def _prove(self, run: Run, rank: Rank) -> None:
        """Take in that a run succeeded."""
        self.last_success = later(self.last_success, run.clock)
        self.good = rank if self.good is None else max(self.good, rank)
        self.recovery = later(self.recovery, start(run))

    def _weigh(self, success: Success) -> None:
        if len(self.successes) > BASELINE_RUNS and success.clock < self.successes[0].clock:
            return
        if not self.successes or success.clock > self.successes[-1].clock:
            self.successes.append(success)
            del self.successes[: -BASELINE_RUNS - 1]
            return
        for index, known in enumerate(self.successes):
            if known.name == success.name and known.clock == success.clock:
                if success.size is None:
                    success = success._replace(size=known.size)
                self.successes[index] = success
                return
        insort(self.successes, success, key=lambda known: (known.clock, known.name))
        del self.successes[: -BASELINE_RUNS - 1]

    def _forget_settled(self) -> None:
        if self.good is not None and self.failures:
            self.failures = [failure for failure in self.failures if failure > self.good]
        if self.last_success is not None and self.partials:
            for name in [
                n for n, run in self.partials.items() if run.clock is None or run.clock < self.last_success
            ]:
                del self.partials[name]


def rank_of(run: Run) -> Rank:
    """Return what orders a run among those of its stream."""
    assert run.clock is not None, "runs without a clock are not remembered"
    return run.clock, (run.namespace, run.name)


def start(run: Run) -> float | None:
    """Return when the data of a run was taken: its start, else its creation."""
    return run.started if run.started is not None else run.created


def counts_as_recovery(run: Run, mode: PartialCounts, failed_volumes: int) -> bool:
    """Tell whether a partly failed run is a recovery point; `failed_volumes` as told by its volume objects."""
    if mode != "without-failed-volumes":
        return mode == "always"
    return not failed_volumes and not run.failed_volumes
