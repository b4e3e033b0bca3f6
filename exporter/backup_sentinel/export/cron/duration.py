"""Go durations: `1h30m`, `720h0m0s`, `1.5h`, `300ms`, `-5m`.

Source of each rule: Go, time/format.go, ParseDuration (with leadingInt and leadingFraction). Go counts
nanoseconds in 64 bits; so does this module, and turns them into seconds at the very end.
"""

import re

from .base import ScheduleError, shown

SECOND = 10**9

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
    """Return the duration in seconds; negative if it is written so. Raises ScheduleError."""
    return nanoseconds(text) / SECOND


def nanoseconds(text: str) -> int:
    """Return the duration in nanoseconds, exactly as Go counts it. Raises ScheduleError."""
    negative = text.startswith("-")
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0
    if not rest:
        raise ScheduleError(f"the duration {shown(text)} is empty: write for example '1h30m'")
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
    """Return one term, such as `1.5h`, in nanoseconds; at most 2**63. Raises ScheduleError."""
    if not whole and not fraction:
        found = f"{dot or ''}{unit}"
        raise ScheduleError(f"duration {shown(text)}: {shown(found)} has no number before it, write '1h30m'")
    if not unit:
        raise ScheduleError(f"duration {shown(text)}: a number has no unit, add one of {_KNOWN}")
    size = _UNITS.get(unit)
    if size is None:
        hours = _LONGER.get(unit)
        hint = f"write hours, 1{unit} is {hours}h" if hours else f"Go knows {_KNOWN}"
        raise ScheduleError(f"duration {shown(text)}: unknown unit {shown(unit)}, {hint}")
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


def _too_long(text: str) -> ScheduleError:
    return ScheduleError(f"the duration {shown(text)} is too long: Go counts at most 2562047h, or 292 years")
