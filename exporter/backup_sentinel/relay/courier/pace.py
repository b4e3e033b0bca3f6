"""How fast, and how long until the next attempt."""

import random

LONGEST_WISH = 3600.0
"""Seconds up to which a receiver's `Retry-After` is honoured."""


def backoff(attempt: int, first: float, longest: float, after: float | None, chance: random.Random) -> float:
    """Return the seconds until the next attempt after that many failed.

    Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"): anything up to a limit that doubles. What the
    receiver asked for is the least, with jitter on top, so that those who wait do not come back all at once.
    """
    limit = min(longest, first * 2.0 ** min(attempt - 1, 60))
    wait = chance.uniform(0, limit)
    return wait if after is None else min(max(after, 0.0), LONGEST_WISH) + min(wait, first)


class Bucket:
    """A token bucket: `rate` a second in the long run, `burst` at once. Without a rate there is no limit."""

    def __init__(self, rate: float | None, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def available(self, now: float) -> int | None:
        """Return how many may go now; None for any number."""
        if self._rate is None:
            return None
        self._tokens = min(float(self._burst), self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        return int(self._tokens + 1e-9)

    def take(self, count: int) -> None:
        """Take tokens that were available."""
        self._tokens -= count

    def wait(self) -> float:
        """Return the seconds until the next token."""
        return 0.0 if self._rate is None else max(0.0, 1 - self._tokens) / self._rate
