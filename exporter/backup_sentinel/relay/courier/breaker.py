"""Whether a channel is worth an attempt: after failures in a row, one attempt at a time finds out."""


class Breaker:
    """Closed while things go well; open after `failures` in a row; then one probe per `seconds`."""

    def __init__(self, failures: int, seconds: float) -> None:
        self._failures = failures
        self._seconds = seconds
        self._count = 0
        self._probe_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the channel is only probed."""
        return self._count >= self._failures

    def wait(self, now: float) -> float:
        """Return the seconds until an attempt may be made; 0 for now."""
        return max(0.0, self._probe_at - now) if self.is_open else 0.0

    def probe(self, now: float) -> None:
        """Hear that an attempt is made: while open, the next one waits."""
        self._probe_at = now + self._seconds

    def succeed(self) -> None:
        """Hear that the receiver answered as it should, be it that it does not want a message."""
        self._count = 0

    def fail(self, now: float, after: float | None) -> None:
        """Hear that it did not; `after` is how many seconds it asked to be left alone."""
        self._count += 1
        if self.is_open:
            self._probe_at = now + max(self._seconds, min(after or 0.0, 3600.0))
