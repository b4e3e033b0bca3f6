"""Counts each finished run of one stream once, whatever relists, restarts of the watch and deletions do.

There is no set of all names: one watermark says up to which order key everything has been dealt with; above it the
few runs that were counted, and at any age those still open, are kept as hashes.
"""

from collections.abc import Iterable
from zlib import crc32

import msgspec

from backup_sentinel.model import FINISHED, OPEN, Outcome, Run

MARGIN = 900.0
"""Seconds below the newest order key within which runs may still turn up out of order (a relist lists by name,
API servers of one cluster differ by some seconds)."""

CROWD = 64
"""How many counted runs are kept while history is read; it is not counted, so the watermark may rise at once."""

COUNTED = (*sorted(FINISHED), Outcome.UNKNOWN)


def mark_of(run: Run) -> int:
    """Return a hash that tells two attempts of the same name apart by their creation."""
    return crc32(f"{run.namespace}/{run.name}/{run.created}".encode(errors="surrogatepass"))


class Ledger(msgspec.Struct):
    """The books of one stream."""

    floor: float = float("-inf")
    open: dict[int, float] = msgspec.field(default_factory=dict)
    """Order keys of runs that have not ended."""
    counted: dict[int, float] = msgspec.field(default_factory=dict)
    """Order keys of runs that were dealt with, those above the watermark and the `late` ones."""
    late: dict[int, float] = msgspec.field(default_factory=dict)
    """Those that were dealt with when the watermark had passed them, and the watermark at which they may be forgotten."""
    outcomes: dict[int, Outcome] = msgspec.field(default_factory=dict)
    """The counter that each of `counted` has moved; history moved none."""
    totals: dict[Outcome, int] = msgspec.field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    shown: dict[Outcome, int] | None = None
    """What may be shown, where counters are saved: the totals that are, and nothing until it is known what was saved
    before. None where nothing is saved."""

    def see(self, run: Run, *, history: bool) -> bool:
        """Enter what is known of an own run; return whether a counter moved.

        `history` says that the run was there before anything was watched: finished ones are never counted.
        """
        if run.clock is None:
            return False
        mark = mark_of(run)
        if run.outcome in OPEN:
            if mark not in self.counted and (history or run.clock > self.floor):
                self.open[mark] = run.clock
            return False
        if run.outcome not in FINISHED:
            return False
        fresh = mark in self.open or (not history and self._wants(mark, run.clock))
        self._settle(mark, run.clock, run.outcome if fresh else None)
        if history and len(self.counted) > CROWD:
            self.close()
        return fresh

    def lose(self, run: Run) -> bool:
        """Enter that a run disappeared; one that was open ends as unknown. Return whether a counter moved."""
        mark = mark_of(run)
        if mark not in self.open:
            return False
        self._settle(mark, self.open[mark], Outcome.UNKNOWN)
        return True

    def awaits(self, run: Run) -> bool:
        """Tell whether a run was seen open and its end was not."""
        return mark_of(run) in self.open

    def take_over(self, other: "Ledger") -> None:
        """Count what another ledger of the stream has counted and this one has not dealt with."""
        for mark, outcome in other.outcomes.items():
            if self._wants(mark, other.counted[mark]):
                self._settle(mark, other.counted[mark], outcome)

    @property
    def counters(self) -> dict[Outcome, int]:
        """Totals as they may be shown: one that was not saved could step back when the process restarts."""
        return self.totals if self.shown is None else self.shown

    def reconcile(self, runs: Iterable[Run]) -> bool:
        """After a complete listing, end as unknown what was open and is not among the runs that exist."""
        gone = self.open.keys() - {mark_of(run) for run in runs}
        for mark in gone:
            self._settle(mark, self.open[mark], Outcome.UNKNOWN)
        return bool(gone)

    def close(self) -> None:
        """Raise the watermark; to be called when everything that may come out of order has come."""
        if not self.counted:
            return
        floor = max(self.counted.values()) - MARGIN
        if floor > self.floor:
            self.floor = floor
            self.late = {mark: until for mark, until in self.late.items() if until > floor}
            self.counted = {
                mark: clock for mark, clock in self.counted.items() if clock > floor or mark in self.late
            }
            self.outcomes = {mark: what for mark, what in self.outcomes.items() if mark in self.counted}

    def _wants(self, mark: int, clock: float) -> bool:
        return mark in self.open or (clock > self.floor and mark not in self.counted)

    def _settle(self, mark: int, clock: float, outcome: Outcome | None) -> None:
        """Enter that a run has been dealt with, and the outcome if it moved a counter.

        One from below the watermark is kept as long as the newest, so that another writer who does not know of its end
        can tell that it has been counted.
        """
        self.open.pop(mark, None)
        if clock <= self.floor:
            if outcome is None:
                return
            self.late[mark] = self.floor + MARGIN
        self.counted[mark] = clock
        if outcome is not None:
            self.outcomes[mark] = outcome
            self.totals[outcome] += 1
