"""A frequency with its slots below it, and perhaps a window of the day instead: `@daily hours=2,14 minutes=30`.

Source: docs.kasten.io, api/policies (frequency, subFrequency, backupWindow). What stands above the frequency only chooses
what is kept and exported, and is not looked at. Several values stand only directly below the frequency.
With a window the operator starts the run at any time in it, so that a slot is the begin of an interval.
"""

import re
from zoneinfo import ZoneInfo

import msgspec

from .base import ScheduleError, Slots, nearest, shown
from .delay import Never
from .family import Family, read_text

_FAMILY = Family()
_DAY_MINUTES = 24 * 60
_PARTS = ("minutes", "hours", "days", "months", "weekdays")
"""In the order of the fields of a cron expression."""
_BELOW = {
    "@hourly": ("minutes",),
    "@daily": ("hours", "minutes"),
    "@weekly": ("weekdays", "hours", "minutes"),
    "@monthly": ("days", "hours", "minutes"),
    "@yearly": ("months", "days", "hours", "minutes"),
}
"""What may be said below each frequency; the first may have several values."""
_BY_HAND = "@ondemand"
_FIRST = {"minutes": "0", "hours": "0", "days": "1", "months": "1", "weekdays": "0"}
_CLOCK = r"([01]?\d|2[0-3]):([0-5]?\d)"
_WINDOW = re.compile(rf"{_CLOCK}-{_CLOCK}", re.ASCII)
_NUMBERS = re.compile(r"\d{1,2}(?:,\d{1,2})*", re.ASCII)


class Frequency(msgspec.Struct, frozen=True):
    """Slots of a frequency; a run may begin until `width` seconds after its slot."""

    text: str
    slots: Slots
    width: float = 0.0

    @property
    def timezone(self) -> str:
        """Return the name of the zone whose wall clock counts."""
        return self.slots.timezone

    def after(self, instant: float) -> float | None:
        """Return the first slot strictly after `instant`, both in Unix seconds."""
        return self.slots.after(instant)

    def describe(self) -> str:
        """Return the schedule in words."""
        within = f", within {self.width / 3600:g} h" if self.width else ""
        return self.slots.describe() + within


def read_frequency(text: str, zone: ZoneInfo) -> Slots:
    """Return the slots of a frequency. Raises ScheduleError."""
    word, *rest = text.split()
    frequency = word.lower()
    if frequency == _BY_HAND:
        return Never(text, str(zone))
    if frequency not in _BELOW:
        meant = nearest(frequency, [*_BELOW, _BY_HAND])
        hint = f"did you mean {meant}?" if meant else f"write one of {', '.join(_BELOW)}"
        raise ScheduleError(f"unknown frequency {shown(word)}: {hint}")
    said = _said(rest)
    window = said.pop("window", None)
    below = {name: said[name] for name in _BELOW[frequency] if name in said}
    several = [name for name in below if "," in below[name] and name != _BELOW[frequency][0]]
    if several:
        raise ScheduleError(
            f"{several[0]} {shown(below[several[0]])}: one value, several go with {_BELOW[frequency][0]} only"
        )
    if window is None:
        return Frequency(text, read_text(_FAMILY, _cron(frequency, below), zone))
    clash = [name for name in ("hours", "minutes") if name in below]
    if clash:
        raise ScheduleError(
            f"{clash[0]} {shown(below[clash[0]])}: a window stands instead, leave one of them out"
        )
    return _windowed(text, frequency, below, window, zone)


def _said(parts: list[str]) -> dict[str, str]:
    """Return the values by name."""
    said = {}
    for part in parts:
        name, _, value = part.partition("=")
        if name == "window":
            if not _WINDOW.fullmatch(value):
                raise ScheduleError(f"window {shown(value)}: write for example window=22:00-04:30")
        elif name not in _PARTS:
            raise ScheduleError(f"{shown(part)}: write for example minutes=0,30 or window=22:00-04:30")
        elif not _NUMBERS.fullmatch(value):
            raise ScheduleError(f"{name} {shown(value)}: numbers with commas, for example {name}=1,15")
        said[name] = value
    return said


def _cron(frequency: str, below: dict[str, str]) -> str:
    """Return the five fields of a cron expression; Sunday may be 0 or 7."""
    known = {name: below.get(name, _FIRST[name]) for name in _BELOW[frequency]}
    if "weekdays" in known:
        known["weekdays"] = ",".join("0" if day == "7" else day for day in known["weekdays"].split(","))
    return " ".join(known.get(name, "*") for name in _PARTS)


def _windowed(text: str, frequency: str, below: dict[str, str], window: str, zone: ZoneInfo) -> Slots:
    """Return the slots of a frequency with a window: its begin on each day that counts, and as wide as it is.

    Within a window an hourly frequency has a slot for each hour that begins in it, as wide as an hour.
    """
    found = _WINDOW.fullmatch(window)
    assert found is not None, "looked at before"
    hour, minute, *end = map(int, found.groups())
    minutes = (end[0] * 60 + end[1] - hour * 60 - minute) % _DAY_MINUTES or _DAY_MINUTES
    if frequency == "@hourly":
        hours = sorted({(hour + later) % 24 for later in range((minutes + 59) // 60)})
        fields = f"{minute} {','.join(map(str, hours))} * * *"
        return Frequency(text, read_text(_FAMILY, fields, zone), min(minutes, 60) * 60.0)
    cron = _cron(frequency, {**below, "hours": str(hour), "minutes": str(minute)})
    return Frequency(text, read_text(_FAMILY, cron, zone), minutes * 60.0)
