"""The dialects of robfig/cron and its offspring, which most operators written in Go speak.

Source of each rule: robfig/cron v3.0.1 (parser.go: Parse, parseDescriptor; constantdelay.go), robfig/cron
v1.2.0 for CloudNativePG, netresearch/go-cron v0.15.0 (parser.go: parse, parseTimezone), Kubernetes
(pkg/apis/batch/validation: validateScheduleFormat). The daylight saving of all of them is in `walk`.
"""

import re
from zoneinfo import ZoneInfo

import msgspec

from backup_sentinel.duration import SECOND, DurationError, nanoseconds

from . import zones
from .base import ScheduleError, Slots, shown
from .calendar import Calendar
from .delay import Every, Never
from .fields import MONTHS, WEEKDAYS, Field, Ways, read
from .walk import Rules

# What Go takes for white space (unicode.IsSpace); Python's own list is longer.
_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
_FIELD = re.compile(f"[^{_SPACE}]+")
_PREFIX = re.compile(r"(?:CRON_)?TZ=([^ ]*)( .*)?", re.DOTALL)
_MACROS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_EVERY = "@every "
_BY_HAND = frozenset({"@triggered", "@manual", "@none"})

_TIME = (Field("second", 0, 59), Field("minute", 0, 59), Field("hour", 0, 23))
_DAY, _MONTH = Field("day of month", 1, 31), Field("month", 1, 12, MONTHS)
_SIX = (*_TIME, _DAY, _MONTH, Field("day of week", 0, 6, WEEKDAYS, hint="Sunday is 0"))
SIX_TO_7 = (
    *_TIME,
    msgspec.structs.replace(_DAY, refused="LW"),
    _MONTH,
    Field("day of week", 0, 7, WEEKDAYS, refused="#", hint="Sunday is 0 or 7"),
)


class Family(msgspec.Struct, frozen=True):
    """What the members of the family differ in.

    `seconds`: six fields, seconds first. `zone_prefix`: the text may begin with `CRON_TZ=` or `TZ=`.
    `both_days`: day and weekday must both match even if both are restricted. `newer`: go-cron's own ways
    with quoted zones, short delays and schedules by hand. For the rest see `Ways` and `Rules`.
    """

    six: tuple[Field, ...] = _SIX
    ways: Ways = Ways()
    seconds: bool = False
    zone_prefix: bool = True
    both_days: bool = False
    newer: bool = False
    mends_midnight: bool = True
    runs_gap: bool = False


def read_text(family: Family, text: str, zone: ZoneInfo) -> Slots:
    """Return the slots of `text`, by default in `zone`. Raises ScheduleError."""
    spec = text
    prefixed = _PREFIX.fullmatch(text)
    if prefixed:
        if not family.zone_prefix:
            raise ScheduleError(f"{shown(text)}: this dialect reads no time zone, leave out 'TZ='")
        zone = _zone(family, prefixed[1], zone)
        spec = (prefixed[2] or "").strip(_SPACE)
        if not spec:
            raise ScheduleError(f"{shown(text)}: a schedule is missing, after a space, behind the time zone")
    if spec.startswith("@"):
        if spec in _MACROS:
            return _calendar(family, text, _MACROS[spec].split(), zone)
        return _descriptor(family, text, spec, zone)
    fields = _FIELD.findall(spec)
    count = 6 if family.seconds else 5
    if len(fields) != count:
        raise ScheduleError(_wrong_count(family, fields))
    return _calendar(family, text, fields if family.seconds else ["0", *fields], zone)


def _zone(family: Family, name: str, default: ZoneInfo) -> ZoneInfo:
    """Return the zone of a prefix; "Local" is the operator's own, and nothing is UTC (Go, LoadLocation)."""
    if family.newer and len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1]
    if name == "Local":
        return default
    return zones.find(name or ("" if family.newer else zones.DEFAULT))


def _descriptor(family: Family, text: str, spec: str, zone: ZoneInfo) -> Slots:
    """Return the slots of what begins with "@" and is no macro."""
    if spec.startswith(_EVERY):
        try:
            delay = nanoseconds(spec.removeprefix(_EVERY)) // SECOND
        except DurationError as error:
            raise ScheduleError(str(error)) from None
        if family.newer and delay < 1:
            raise ScheduleError(f"{shown(spec)}: this dialect wants at least 1s")
        return Every(text, str(zone), max(delay, 1))
    if family.newer and spec in _BY_HAND:
        return Never(text, str(zone))
    known = ", ".join(_MACROS)
    raise ScheduleError(f"unknown schedule {shown(spec)}: write {known} or '@every 1h30m', nothing behind")


def _calendar(family: Family, text: str, six: list[str], zone: ZoneInfo) -> Slots:
    """Return the slots of six fields, seconds first."""
    units, stars = zip(*(read(*pair, family.ways) for pair in zip(six, family.six, strict=True)), strict=True)
    seconds, minutes, hours, days, months, weekdays = units
    weekdays = frozenset(number % 7 for number in weekdays)
    either = not (family.both_days or stars[3] or stars[5])
    if either and bool(days) != bool(weekdays):
        # A field without a number never matches, so that the other one alone decides.
        either, days, weekdays = False, days or frozenset(range(1, 32)), weekdays or frozenset(range(7))
    rules = Rules(
        seconds=seconds,
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        either_day=either,
        mends_midnight=family.mends_midnight,
        runs_gap=family.runs_gap,
    )
    return Calendar(text, rules, zone, tuple(six))


def _wrong_count(family: Family, fields: list[str]) -> str:
    """Return the message for a wrong number of fields."""
    wanted = [field.name for field in (_SIX if family.seconds else _SIX[1:])]
    hint = ""
    if len(fields) == 5 and family.seconds:
        hint = f"; put the seconds first, {shown(' '.join(['0', *fields]))}"
    elif len(fields) == 6 and not family.seconds:
        hint = f"; leave out the seconds, {shown(' '.join(fields[1:]))}"
    return f"{len(fields)} fields: this dialect has {len(wanted)} ({', '.join(wanted)}){hint}"
