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


def _mark(run: Run) -> int:
    """Return a hash that tells two attempts of the same name apart by their creation."""
    return crc32(f"{run.namespace}/{run.name}/{run.created}".encode(errors="surrogatepass"))


class Ledger(msgspec.Struct):
    """The books of one stream."""

    floor: float = float("-inf")
    open: set[int] = msgspec.field(default_factory=set)
    counted: dict[int, float] = msgspec.field(default_factory=dict)
    totals: dict[Outcome, int] = msgspec.field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    shown: dict[Outcome, int] | None = None
    """What may be shown, where counters are saved: the totals that are. None where nothing is saved."""

    def see(self, run: Run, *, history: bool) -> bool:
        """Enter what is known of an own run; return whether a counter moved.

        `history` says that the run was there before anything was watched: finished ones are never counted.
        """
        if run.clock is None:
            return False
        mark = _mark(run)
        if run.outcome in OPEN:
            if mark not in self.counted and (history or run.clock > self.floor):
                self.open.add(mark)
            return False
        if run.outcome not in FINISHED:
            return False
        fresh = mark in self.open or (run.clock > self.floor and mark not in self.counted and not history)
        self.open.discard(mark)
        if run.clock > self.floor:
            self.counted[mark] = run.clock
        if history and len(self.counted) > CROWD:
            self.close()
        if fresh:
            self.totals[run.outcome] += 1
        return fresh

    def lose(self, run: Run) -> bool:
        """Enter that a run disappeared; one that was open ends as unknown. Return whether a counter moved."""
        mark = _mark(run)
        if mark not in self.open:
            return False
        self.open.discard(mark)
        self.totals[Outcome.UNKNOWN] += 1
        if run.clock is not None and run.clock > self.floor:
            self.counted[mark] = run.clock
        return True

    @property
    def counters(self) -> dict[Outcome, int]:
        """Totals as they may be shown: one that was not saved could step back when the process restarts."""
        return self.totals if self.shown is None else self.shown

    def reconcile(self, runs: Iterable[Run]) -> bool:
        """After a complete listing, end as unknown what was open and is not among the open runs that exist."""
        gone = self.open - {_mark(run) for run in runs}
        self.open -= gone
        self.totals[Outcome.UNKNOWN] += len(gone)
        return bool(gone)

    def close(self) -> None:
        """Raise the watermark; to be called when everything that may come out of order has come."""
        if not self.counted:
            return
        floor = max(self.counted.values()) - MARGIN
        if floor > self.floor:
            self.floor = floor
            self.counted = {mark: clock for mark, clock in self.counted.items() if clock > floor}
