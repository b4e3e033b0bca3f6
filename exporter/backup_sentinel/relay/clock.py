"""A wall clock that does not jump: what is put off for a minute is due in a minute, whatever is done to the system's time."""

import time

from backup_sentinel.clock import Clock


class Steady(Clock):
    """The system's time at the start of the process, and from then on the seconds that have passed."""

    def __init__(self) -> None:
        self._base = time.time() - time.monotonic()

    def now(self) -> float:
        """Return Unix time in seconds; never less than before."""
        return self._base + time.monotonic()

    def wall(self, instant: float) -> float:
        """Return an instant as the system's clock has it now, which may have been set since the start."""
        return instant + time.time() - self.now()
