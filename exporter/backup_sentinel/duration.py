"""Durations as Go writes them: `1h30m`, `720h0m0s`, `1.5h`, `300ms`, `-5m`.

Source of each rule: Go, time/format.go, ParseDuration (with leadingInt and leadingFraction). Go counts
nanoseconds in 64 bits; so does this module, and turns them into seconds at the very end.
"""

import re

from .errors import SentinelError

SECOND = 10**9

_SHOWN = 40
_LONG = re.compile(r"(?P<sign>[+-]?)(?:(?P<weeks>[0-9]+)w)?(?:(?P<days>[0-9]+)d)?(?P<rest>.*)", re.DOTALL)


class DurationError(SentinelError, ValueError):
    """A text is no duration. The message is one sentence: what is wrong, a colon, and what would be right."""


_UNITS = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,  # micro sign
    "\u03bcs": 10**3,  # Greek letter mu
    "ms": 10**6,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_LONGER = {"d": 24, "day": 24, "days": 24, "w": 168, "week": 168, "weeks": 168}
_LIMIT = 1 << 63
_TERM = re.compile(r"([0-9]*)(?:(\.)([0-9]*))?([^0-9.]*)")
_KNOWN = "ns, us, ms, s, m, h"


def go_duration(text: str) -> float:
    """Return the duration in seconds; negative if it is written so. Raises DurationError."""
    return nanoseconds(text) / SECOND


def long_duration(text: str) -> float:
    """Return seconds of a duration as people write it: `26h`, and before that weeks and days, as in `1w2d12h`.

    Raises DurationError.
    """
    parts = _LONG.fullmatch(text)
    assert parts is not None, "the pattern matches everything"
    days = 7 * int((parts["weeks"] or "0")[:9]) + int((parts["days"] or "0")[:9])
    if not days:
        return go_duration(
            text if parts["weeks"] is parts["days"] is None else f"{parts['sign']}{parts['rest'] or '0'}"
        )
    seconds = days * 86400.0 + (go_duration(parts["rest"]) if parts["rest"] else 0.0)
    return -seconds if parts["sign"] == "-" else seconds


def nanoseconds(text: str) -> int:
    """Return the duration in nanoseconds, exactly as Go counts it. Raises DurationError."""
    negative = text.startswith("-")
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0
    if not rest:
        raise DurationError(f"the duration {_shown(text)} is empty: write for example '1h30m'")
    total = 0
    while rest:
        term = _TERM.match(rest)
        assert term is not None, "the pattern matches even nothing"
        total += _term(text, *term.groups())
        if total > _LIMIT:
            raise _too_long(text)
        rest = rest[term.end() :]
    if negative:
        return -total
    if total == _LIMIT:
        raise _too_long(text)
    return total


def _term(text: str, whole: str, dot: str | None, fraction: str | None, unit: str) -> int:
    """Return one term, such as `1.5h`, in nanoseconds; at most 2**63. Raises DurationError."""
    if not whole and not fraction:
        found = f"{dot or ''}{unit}"
        raise DurationError(
            f"duration {_shown(text)}: {_shown(found)} has no number before it, write '1h30m'"
        )
    if not unit:
        raise DurationError(f"duration {_shown(text)}: a number has no unit, add one of {_KNOWN}")
    size = _UNITS.get(unit)
    if size is None:
        hours = _LONGER.get(unit)
        hint = f"write hours, 1{unit} is {hours}h" if hours else f"Go knows {_KNOWN}"
        raise DurationError(f"duration {_shown(text)}: unknown unit {_shown(unit)}, {hint}")
    significant = whole.lstrip("0")
    if len(significant) > len(str(_LIMIT)) or int(significant or "0") > _LIMIT // size:
        raise _too_long(text)
    value = int(significant or "0") * size
    if fraction:
        value += _part(fraction, size)
        if value > _LIMIT:
            raise _too_long(text)
    return value


def _part(fraction: str, size: int) -> int:
    """Return the digits behind the point in nanoseconds, as Go rounds: in floats, digits past 2**63 dropped."""
    count, scale = 0, 1.0
    for digit in fraction:
        following = count * 10 + int(digit)
        if count > (_LIMIT - 1) // 10 or following > _LIMIT:
            break
        count, scale = following, scale * 10
    return int(float(count) * (float(size) / scale))


def _too_long(text: str) -> DurationError:
    return DurationError(f"the duration {_shown(text)} is too long: Go counts at most 2562047h, or 292 years")


def _shown(text: str) -> str:
    """Return the text quoted, printable and not too long, for a message."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
