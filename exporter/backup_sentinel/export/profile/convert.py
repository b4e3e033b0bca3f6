"""Raw values of an object become instants, durations and sizes, by a format that is declared and never guessed.

"10m" is 0.01 as a quantity and 600 as a duration, so each format is its own function. All raise ValueError for what
they do not understand and give None for what the operators mean as absent: null, "", and Go's zero time.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from backup_sentinel import duration

Raw = str | int | float


class Kind(StrEnum):
    """What the field of a record holds; it decides which formats may be declared."""

    TEXT = "text"
    TEXTS = "texts"
    FLAG = "flag"
    COUNT = "count"
    TIME = "time"
    DURATION = "duration"
    SIZE = "size"


_ZERO = datetime(1, 1, 2, tzinfo=UTC).timestamp()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(\.\d{1,12})?\s?([Zz]|UTC|[+-]\d\d:?\d\d)?", re.ASCII
)
_GO_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d{4})(?: [A-Za-z0-9+-]+)?(?: m=[+-]\d+\.\d+)?",
    re.ASCII,
)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d\d(?:\.\d+)?)", re.ASCII)
_QUANTITY = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d{1,3})?", re.ASCII
)
_HUMAN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([kKMGTPE])?(i)?(?:[bB]|[bB]ytes?)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_POWERS = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_MAX_SECONDS = 1e12
"""Beyond the year 33000: a number that large is milliseconds or garbage."""


def rfc3339(value: Raw) -> float | None:
    """Read RFC 3339; also with a space, lower case, nanoseconds, `+0100`, or without a zone, which means UTC."""
    text = _text(value)
    found = _RFC3339.fullmatch(text)
    if found is None:
        if not text:
            return None
        raise ValueError("no RFC 3339 time")
    day, minute, second, fraction, zone = found.groups()
    leap = second == "60"
    zone = "+00:00" if zone is None or zone in {"Z", "z", "UTC"} else zone
    moment = datetime.fromisoformat(f"{day}T{minute}:{'59' if leap else second}{zone}").timestamp()
    return None if moment < _ZERO else moment + leap + float(fraction or 0)


def instant(value: str, limit: float) -> float | None:
    """Read the plain form `2026-01-02T03:04:05Z` quickly, the others by `rfc3339`; raise ValueError beyond the limit."""
    if len(value) == 20 and value[19] == "Z" and value[10] == "T" and value[7] == "-":
        moment = datetime.fromisoformat(value).timestamp()
        if _ZERO < moment <= limit:
            return moment
    slow = rfc3339(value)
    if slow is not None and slow > limit:
        raise ValueError("beyond now")
    return slow


def ctime(value: Raw) -> float | None:
    """Read C's asctime, `Thu Jan  2 03:04:05 2026`, as UTC."""
    text = " ".join(_text(value).split())
    return datetime.strptime(text, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC).timestamp() if text else None


def go_time(value: Raw) -> float | None:
    """Read Go's Time.String(), `2026-01-02 03:04:05.123456789 +0000 UTC m=+1.5`."""
    text = _text(value)
    found = _GO_TIME.fullmatch(text)
    if found is None:
        if not text:
            return None
        raise ValueError("no Go time")
    return rfc3339(found[1] + found[2])


def go_duration(value: Raw) -> float | None:
    """Read a Go duration, `1m2.417s`, `720h0m0s`, `-1.5h`, `0`."""
    text = _text(value)
    return duration.go_duration(text) if text else None


def long_duration(value: Raw) -> float | None:
    """Read a Go duration that may also have days and weeks, `2w`, `1d12h`."""
    text = _text(value)
    return duration.long_duration(text) if text else None


def clock(value: Raw) -> float | None:
    """Read `m:ss` or `h:mm:ss`."""
    text = _text(value)
    found = _CLOCK.fullmatch(text)
    if found is None:
        if not text:
            return None
        raise ValueError("not m:ss or h:mm:ss")
    return int(found[1] or 0) * 3600.0 + int(found[2]) * 60.0 + float(found[3])


def number(value: Raw) -> float | None:
    """Read a number, or text that is one."""
    if not isinstance(value, str):
        return _finite(value)
    if not value:
        return None
    if _NUMBER.fullmatch(value) is None:
        raise ValueError("no number")
    return _finite(float(value) if not value.lstrip("+-").isdigit() else int(value))


def count(value: Raw) -> float | None:
    """Read a number that is not negative."""
    found = number(value)
    if found is not None and found < 0:
        raise ValueError("negative")
    return found


def quantity(value: Raw) -> float | None:
    """Read a Kubernetes quantity, `5Gi`, `1500M`, `1048576`, `1e6`."""
    text = str(value) if isinstance(value, (int, float)) else value
    found = _QUANTITY.fullmatch(text)
    if found is None:
        if not text:
            return None
        raise ValueError("no quantity")
    unit = found[2] or ""
    try:
        if unit[:1] in {"e", "E"} and len(unit) > 1 and unit != "Ei":
            return count(float(Decimal(found[1] + unit)))
        scale = (
            Decimal(1024 if unit.endswith("i") else 1000) ** _POWERS[unit.removesuffix("i").replace("K", "k")]
        )
        return count(float(Decimal(found[1]) * scale))
    except (InvalidOperation, OverflowError) as error:
        raise ValueError("no quantity") from error


def human_1000(value: Raw) -> float | None:
    """Read a size for people, `1.23GB` or `1.2 MB`, where a unit without `i` is a power of 1000."""
    return _human(value, 1000)


def human_1024(value: Raw) -> float | None:
    """Read a size for people, `1.23GB` or `1.234 GiB`, where every unit is a power of 1024."""
    return _human(value, 1024)


class Format(NamedTuple):
    """One way to write a value: what it gives, how it is read, and what JSON types it comes as."""

    kind: Kind
    read: Callable[[Raw], float | None]
    types: tuple[type, ...]


def _scaled(scale: float) -> Callable[[Raw], float | None]:
    def read(value: Raw) -> float | None:
        found = number(value)
        return None if found is None else found * scale

    return read


def _unix(scale: float) -> Callable[[Raw], float | None]:
    def read(value: Raw) -> float | None:
        found = number(value)
        if found is None or found <= 0:
            return None
        if found * scale > _MAX_SECONDS:
            raise ValueError("no Unix time of this unit")
        return found * scale

    return read


_ANY = (str, int, float)
FORMATS: dict[str, Format] = {
    "rfc3339": Format(Kind.TIME, rfc3339, (str,)),
    "ctime": Format(Kind.TIME, ctime, (str,)),
    "go-time": Format(Kind.TIME, go_time, (str,)),
    "unix": Format(Kind.TIME, _unix(1), _ANY),
    "unix-ms": Format(Kind.TIME, _unix(1e-3), _ANY),
    "unix-ns": Format(Kind.TIME, _unix(1e-9), _ANY),
    "go": Format(Kind.DURATION, lru_cache(4096)(go_duration), (str,)),
    "clock": Format(Kind.DURATION, clock, (str,)),
    "seconds": Format(Kind.DURATION, number, _ANY),
    "milliseconds": Format(Kind.DURATION, _scaled(1e-3), _ANY),
    "nanoseconds": Format(Kind.DURATION, _scaled(1e-9), _ANY),
    "bytes": Format(Kind.SIZE, count, _ANY),
    "quantity": Format(Kind.SIZE, quantity, _ANY),
    "human-1000": Format(Kind.SIZE, human_1000, _ANY),
    "human-1024": Format(Kind.SIZE, human_1024, _ANY),
    "number": Format(Kind.COUNT, count, _ANY),
}
"""The words that `as:` takes."""

DEFAULTS = {Kind.TIME: "rfc3339", Kind.DURATION: "go", Kind.SIZE: "bytes", Kind.COUNT: "number"}
"""The format of a kind where none is declared."""


def show_time(moment: float) -> str:
    """Write Unix seconds as RFC 3339 in UTC; as a number where no calendar reaches."""
    try:
        return (_EPOCH + timedelta(seconds=moment)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return str(moment)


def _text(value: Raw) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text, got a number")  # noqa: TRY004 - one kind of error for a bad value
    return value


def _finite(value: float) -> float:
    if isinstance(value, bool) or value != value or abs(value) > 1e300:  # noqa: PLR0124 - the test for NaN
        raise ValueError("no finite number")
    return value


def _human(value: Raw, base: int) -> float | None:
    if not isinstance(value, str):
        return count(value)
    text = value.strip()
    found = _HUMAN.fullmatch(text)
    if found is None:
        if not text:
            return None
        raise ValueError("no size")
    return _finite(float(found[1]) * (1024 if found[3] else base) ** _POWERS[found[2] or ""])
