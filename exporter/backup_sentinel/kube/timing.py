"""How long a reflector waits for what, in seconds, and how it spreads its returns over time."""

import random
from collections.abc import Callable

import msgspec

Random = Callable[[], float]

MAX_RETRY_AFTER = 300.0


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Waiting times in seconds.

    `watch` is the range in which the server is asked to end a watch, `margin` how much longer we stay
    silent with it before the connection counts as half-open. `list_read` is the longest silence inside a
    page, `stream_read` inside a streamed list. A stream that lived for `healthy` forgets earlier failures.
    `stream_again` is the time after which a streamed list that stalled is tried once more.
    """

    watch: tuple[int, int] = (240, 300)
    margin: float = 30.0
    list_read: float = 60.0
    stream_read: float = 30.0
    stream_again: float = 3600.0
    healthy: float = 30.0
    discovery: float = 120.0
    poll: float = 60.0
    first_pause: float = 1.0
    longest_pause: float = 30.0


class Backoff:
    """Full jitter, doubling up to a cap; `floor` keeps even the luckiest pause from being none.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    floor = 0.2

    def __init__(self, first: float, longest: float, rand: Random = random.random) -> None:
        self._first = first
        self._longest = longest
        self._random = rand
        self._failures = 0

    def reset(self) -> None:
        """Forget earlier failures."""
        self._failures = 0

    def pause(self, retry_after: float | None = None) -> float:
        """Return the seconds to wait now; at least what the server asked for, and not all clients at once."""
        ceiling = min(self._longest, self._first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        pause = self.floor + self._random() * max(0.0, ceiling - self.floor)
        if retry_after:
            pause += min(retry_after, MAX_RETRY_AFTER)
        return pause


def spread(seconds: float, rand: Random = random.random) -> float:
    """Return `seconds`, ten per cent more or less, so that clusters do not come in step."""
    return seconds * (0.9 + 0.2 * rand())
