"""When the schedules of a story are due: the demo's own reading of cron, apart from the one that it puts to the test."""

import itertools
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from .times import rfc3339, seconds_of

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_YEARS = 5


def settle_cron(text: str, now: float) -> str:
    """Return the cron of a story's schedule: `daily -3h` becomes the time of day three hours before `now` (UTC).

    `hourly`, `daily` and `weekly` may be moved so; everything else is returned as it is.
    """
    word, _, offset = text.partition(" ")
    if word not in {"hourly", "daily", "weekly"}:
        return text
    at = datetime.fromisoformat(rfc3339(now + seconds_of(offset)))
    hour = "*" if word == "hourly" else str(at.hour)
    day = str(at.isoweekday() % 7) if word == "weekly" else "*"
    return f"{at.minute} {hour} * * {day}"


def next_slot(cron: str, after: float, until: float = math.inf) -> float | None:
    """Return the first slot after an instant, None where there is none until `until` or within five years."""
    return next(slots(cron, after, until), None)


def slots(cron: str, after: float, until: float) -> Iterator[float]:
    """Yield the slots in (after, until]; ValueError if the cron cannot be read.

    Slots that the local clock leaves out in spring are left out; a day must match either of its two fields, if both
    are restricted. `@every` counts from `after`.
    """
    zone: tzinfo = UTC
    if cron.startswith(("CRON_TZ=", "TZ=")):
        name, _, cron = cron.partition(" ")
        zone = ZoneInfo(name.partition("=")[2])
    if cron.startswith("@every "):
        moments = _every(max(1.0, seconds_of(cron.removeprefix("@every "))), after)
    else:
        moments = _moments(cron, datetime.fromtimestamp(after, zone).date(), zone)
    for moment in moments:
        if moment > until:
            return
        if moment > after:
            yield moment


def _every(step: float, start: float) -> Iterator[float]:
    return (start + count * step for count in itertools.count(1))


def _moments(cron: str, day: date, zone: tzinfo) -> Iterator[float]:
    fields = _MACROS.get(cron, cron).split()
    if len(fields) != 5:
        raise ValueError(f"not a cron expression: {cron!r}")
    minutes, hours, days, months, weekdays = (_field(text, index) for index, text in enumerate(fields))
    either = not fields[2].startswith(("*", "?")) and not fields[4].startswith(("*", "?"))
    for _ in range(366 * _YEARS):
        in_month, in_week = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month in months and ((in_month or in_week) if either else (in_month and in_week)):
            for hour, minute in itertools.product(hours, minutes):
                moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).timestamp()
                if datetime.fromtimestamp(moment, zone).hour == hour:
                    yield moment
        day += timedelta(days=1)


def _field(text: str, index: int) -> list[int]:
    low, high = _RANGES[index]
    chosen: set[int] = set()
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if first in {"*", "?"}:
            begin, end = low, high
        else:
            begin = _number(first, index)
            end = _number(last, index) if last else (high if step else begin)
        if not low <= begin <= end <= high:
            raise ValueError(f"not a field of a cron expression: {text!r}")
        chosen.update(range(begin, end + 1, int(step or 1)))
    if index == 4:
        chosen = {day % 7 for day in chosen}
    return sorted(chosen)


def _number(text: str, index: int) -> int:
    names = {3: dict(zip(_MONTHS, range(1, 13), strict=True)), 4: dict(zip(_DAYS, range(7), strict=True))}
    found = names.get(index, {}).get(text)
    return int(text) if found is None else found
