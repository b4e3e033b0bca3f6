"""The rate limit: one token bucket for all clients, as golang.org/x/time/rate has it."""

import re
import time
from typing import NamedTuple

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "\u00b5s": 1e-6,
    "\u03bcs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_TERM = re.compile(r"(\d+\.?\d*|\.\d+)(" + "|".join(sorted(_UNITS, key=len, reverse=True)) + ")")


class Rate(NamedTuple):
    """One request per `interval` seconds, and `burst` of them at once."""

    interval: float
    burst: int


def seconds(text: str) -> float:
    """Return the seconds of a Go duration such as `1s`, `100ms` or `1m30s`. Raises ValueError; "0" needs no unit."""
    if text == "0":
        return 0.0
    terms = list(_TERM.finditer(text))
    if not terms or "".join(term[0] for term in terms) != text:
        raise ValueError(text)
    return sum(float(term[1]) * _UNITS[term[2]] for term in terms)


class Bucket:
    """Full at first; each request takes a token, and time puts them back."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._tokens = float(rate.burst)
        self._at = time.monotonic()

    def take(self) -> bool:
        """Take a token, if there is one."""
        now = time.monotonic()
        self._tokens = min(float(self.rate.burst), self._tokens + (now - self._at) / self.rate.interval)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
