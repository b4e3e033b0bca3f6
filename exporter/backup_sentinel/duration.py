"""Durations as people write them in settings and annotations: Go's, and days and weeks before them."""

import re

from .export.cron.duration import go_duration

_LONG = re.compile(r"(?:(?P<weeks>\d+)w)?(?:(?P<days>\d+)d)?(?P<rest>.*)", re.DOTALL)


def long_duration(text: str) -> float:
    """Return seconds of `26h`, `7d`, `1w2d12h`. Raises ValueError; so does anything not above zero."""
    parts = _LONG.fullmatch(text.strip())
    assert parts is not None, "the pattern matches everything"
    days = 7 * int(parts["weeks"] or 0) + int(parts["days"] or 0)
    seconds = days * 86400.0 + (go_duration(parts["rest"]) if parts["rest"] or not days else 0.0)
    if seconds <= 0:
        raise ValueError(f"the duration {text!r} is not above zero")
    return seconds
