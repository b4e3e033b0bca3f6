"""What could be restored today: runs that are restorable and have not expired, counted without looking at all of them."""

from collections.abc import Iterable

import msgspec

from backup_sentinel.model import RESTORABLE, Run


class Stock(msgspec.Struct):
    """Counts of one stream. A run counts as expired when its expiry is not after `settled` (Unix seconds)."""

    restorable: int = 0
    expired: int = 0
    newest_expiry: float | None = None
    next_expiry: float | None = None
    settled: float = float("-inf")
    lost: float | None = None
    """Expiry of the run that had the newest and is gone; until `recover` finds the next, the newest is not known."""

    def add(self, run: Run) -> None:
        """Take a run into account."""
        if self._expired(run):
            self.expired += 1
            return
        if run.outcome in RESTORABLE:
            self.restorable += 1
        if run.expires is None:
            return
        self.next_expiry = run.expires if self.next_expiry is None else min(self.next_expiry, run.expires)
        if run.outcome in RESTORABLE:
            self.newest_expiry = (
                run.expires if self.newest_expiry is None else max(self.newest_expiry, run.expires)
            )
            if self.lost is not None and run.expires >= self.lost:
                self.lost = None

    def remove(self, run: Run) -> None:
        """Take back what `add` did."""
        if self._expired(run):
            self.expired -= 1
        elif run.outcome in RESTORABLE:
            self.restorable -= 1
        if run.expires is not None and run.expires == self.newest_expiry and run.outcome in RESTORABLE:
            self.newest_expiry, self.lost = None, run.expires

    def recover(self, runs: Iterable[Run]) -> None:
        """Find the newest expiry if its run is gone; looks at all runs then, and only then."""
        if self.lost is None:
            return
        self.lost = None
        self.newest_expiry = max(
            (
                run.expires
                for run in runs
                if run.expires is not None and run.outcome in RESTORABLE and not self._expired(run)
            ),
            default=None,
        )

    def settle(self, runs: Iterable[Run], now: float) -> bool:
        """Let time pass; return whether a count changed. Looks at all runs only when one of them expired."""
        if self.next_expiry is None or self.next_expiry > now:
            return False
        before = (self.restorable, self.expired, self.newest_expiry)
        self.restorable = self.expired = 0
        self.newest_expiry = self.next_expiry = self.lost = None
        self.settled = now
        for run in runs:
            self.add(run)
        return before != (self.restorable, self.expired, self.newest_expiry)

    def _expired(self, run: Run) -> bool:
        return run.expires is not None and run.expires <= self.settled
