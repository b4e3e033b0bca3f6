"""One field of a cron expression, as the parsers of the robfig family read it.

Source of each rule: robfig/cron v3, parser.go (getField, getRange, parseIntOrName, mustParseInt); where
`cyclic` is set netresearch/go-cron v0.15, parser.go (parseRangeBounds, validateRangeParams, getRange,
getWraparoundBits). Oddities are kept: empty parts of a list do not count, and behind a star a hyphen and
what follows it are not looked at.
"""

import re
from collections.abc import Iterable

import msgspec

from .base import ScheduleError, shown

MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
WEEKDAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}

_NUMBER = re.compile(r"\+?0*([0-9]{1,19})")
_LARGEST = (1 << 63) - 1
_STARS = frozenset({"*", "?"})


class Field(msgspec.Struct, frozen=True):
    """Name and bounds of a field, its names for numbers, letters that it refuses, a hint for messages."""

    name: str
    low: int
    high: int
    names: dict[str, int] = {}
    refused: str = ""
    hint: str = ""

    @property
    def knows(self) -> str:
        """Return the bounds in words."""
        return f"this dialect knows {self.low} to {self.high}" + (f" ({self.hint})" if self.hint else "")


class Ways(msgspec.Struct, frozen=True):
    """How ranges are read.

    `cyclic`: a range may wrap round (22-2), and a step must be smaller than its range. `sticky_star`: a
    star with a step still counts as a star, which decides between the two fields of days.
    """

    cyclic: bool = False
    sticky_star: bool = False


def read(text: str, field: Field, ways: Ways) -> tuple[frozenset[int], bool]:
    """Return the numbers that `text` stands for, perhaps none, and whether it counts as a star.

    Raises ScheduleError.
    """
    if any(letter in text.upper() for letter in field.refused):
        raise ScheduleError(f"{field.name} {shown(text)}: this dialect knows no {' or '.join(field.refused)}")
    numbers: set[int] = set()
    star = False
    for part in text.split(","):
        if part:
            found, starred = _part(part, field, ways)
            numbers.update(found)
            star = star or starred
    return frozenset(numbers), star


def _part(part: str, field: Field, ways: Ways) -> tuple[Iterable[int], bool]:
    """Return what one part of a list stands for; a part is `first[-last][/step]` or `*[/step]`."""
    base, *steps = part.split("/")
    first, *lasts = base.split("-")
    if len(steps) > 1:
        raise ScheduleError(f"{field.name} {shown(part)}: more than one slash, write for example '*/5'")
    star = first in _STARS
    if star:
        low, high = field.low, field.high
    else:
        if len(lasts) > 1:
            raise ScheduleError(f"{field.name} {shown(part)}: more than one hyphen, write for example '1-5'")
        low = _number(first, part, field)
        high = _number(lasts[0], part, field) if lasts else low
    step = _step(steps[0], part, field) if steps else 1
    if steps and not lasts:
        high = field.high
    return _range(low, high, step, part, field, ways), star and (step == 1 or ways.sticky_star)


def _range(low: int, high: int, step: int, part: str, field: Field, ways: Ways) -> Iterable[int]:
    """Return the numbers of a range, both ends included; none for some that only `cyclic` lets pass."""
    wraps = low > high
    if low < field.low or high > field.high or (wraps and low > field.high and not ways.cyclic):
        wrong = low if not field.low <= low <= field.high else high
        raise ScheduleError(f"{field.name} {wrong}: {field.knows}")
    if wraps and not ways.cyclic:
        raise ScheduleError(
            f"{field.name} {shown(part)}: the range ends before it begins, "
            f"write '{low}-{field.high},{field.low}-{high}'"
        )
    size = field.high - field.low + 1
    last = high + size if wraps else high
    length = last - low + 1
    if ways.cyclic and step > 1 and 0 <= length <= step:
        raise ScheduleError(
            f"{field.name} {shown(part)}: this dialect wants a step smaller than its range, which has {length}"
        )
    return ((number - field.low) % size + field.low for number in range(low, last + 1, step))


def _step(text: str, part: str, field: Field) -> int:
    step = _integer(text)
    if not step:
        raise ScheduleError(f"{field.name} {shown(part)}: a step is a number from 1, write for example '*/5'")
    return step


def _number(text: str, part: str, field: Field) -> int:
    named = field.names.get(text.lower())
    if named is not None:
        return named
    number = _integer(text)
    if number is None:
        names = " or names such as " + next(iter(field.names)).upper() if field.names else ""
        raise ScheduleError(f"{field.name} {shown(part)}: {field.knows}{names}")
    return number


def _integer(text: str) -> int | None:
    """Return a number as Go's strconv.Atoi reads it, None where it refuses or the number is negative."""
    match = _NUMBER.fullmatch(text)
    number = int(match[1]) if match else None
    return number if number is not None and number <= _LARGEST else None
