"""The next slot near a change of the clocks, found step by step as the operators' own library finds it.

Source of each rule: robfig/cron v3, spec.go: Next, and time.Date of Go; where `runs_gap` is set also
netresearch/go-cron v0.15, spec.go: Next and checkHourDSTSkip. Their walk mixes wall clock (months, days)
and real time (hours, minutes, seconds), from which follows what they do at a change, oddities included:

- A slot in the hour that is left out in spring is skipped; `runs_gap` moves it to the next hour.
- A slot in the hour that comes twice in autumn comes twice.
- Where clocks change by half an hour (Lord Howe) steps of an hour stay beside the full hour for the rest
  of the day, so that a slot may be missed, and a minute may be found in the wrong hour.
- Where midnight is left out the day, or what was asked of it, may be passed over.

Away from such a change all this is a plain search in wall-clock time; see `calendar`.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

YEARS = 5
"""The search ends with the fifth year after that in which it begins."""

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_SECOND = timedelta(seconds=1)


class Rules(msgspec.Struct, frozen=True):
    """Which wall-clock times are slots, Sunday being 0, and how the walk treats changes of the clocks.

    `either_day`: one of day and weekday has to match, not both. `mends_midnight`: the walk looks for the
    start of a day that has no midnight. `runs_gap`: slots that are left out move to the next hour.
    """

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool = False
    mends_midnight: bool = True
    runs_gap: bool = False

    def day(self, at: datetime) -> bool:
        """Return whether the date of `at` has slots, its month aside."""
        day, weekday = at.day in self.days, at.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either_day else day and weekday


def seconds_of(wall: datetime) -> int:
    """Return a naive wall-clock time as if its zone were UTC, in Unix seconds."""
    return (wall - _EPOCH) // _SECOND


def next_slot(rules: Rules, zone: ZoneInfo, second: int) -> int | None:
    """Return the first slot after `second`, both in whole Unix seconds; None: none within `YEARS`."""
    walk = _Walk(rules, zone, second + 1)
    last = walk.at.year + YEARS
    while walk.at.year <= last:
        # A step that ran over the end of its unit begins again with the month.
        if not (walk.month() or walk.day() or walk.hour() or walk.minute() or walk.second()):
            return walk.now
    return None


class _Walk:
    """A place in time, `now` in Unix seconds and `at` on the wall clock, and the steps that move it on.

    Each step goes forward to the first value that fits and returns True if it ran over the end. `moved`
    says that the smaller units are at their start already.
    """

    def __init__(self, rules: Rules, zone: ZoneInfo, now: int) -> None:
        self.rules = rules
        self.zone = zone
        self.moved = False
        self._go(now)

    def _go(self, now: int) -> None:
        self.now = now
        self.at = datetime.fromtimestamp(now, self.zone)

    def _place(self, wall: datetime) -> None:
        """Go to a wall-clock time; where there are none or two of it, to the one that Go's time.Date takes."""
        as_utc = seconds_of(wall)
        guess = as_utc - self._offset(as_utc)
        self._go(as_utc - self._offset(guess))

    def _offset(self, now: int) -> int:
        offset = datetime.fromtimestamp(now, self.zone).utcoffset()
        assert offset is not None, "the zone is known"
        return offset // _SECOND

    def _start(self, **smaller: int) -> None:
        """Set the smaller units back, at the first move only."""
        if not self.moved:
            self.moved = True
            self._place(self.at.replace(tzinfo=None, second=0, **smaller))

    def month(self) -> bool:
        while self.at.month not in self.rules.months:
            self._start(day=1, hour=0, minute=0)
            # A day that the next month lacks runs over into the one after it.
            years, month = divmod(self.at.month, 12)
            first = self.at.replace(tzinfo=None, year=self.at.year + years, month=month + 1, day=1)
            self._place(first + _DAY * (self.at.day - 1))
            if self.at.month == 1:
                return True
        return False

    def day(self) -> bool:
        while not self.rules.day(self.at):
            self._start(hour=0, minute=0)
            before = self.now
            self._place(self.at.replace(tzinfo=None) + _DAY)
            if self.now <= before:
                # A whole day is left out (Samoa, 30 December 2011): the library never comes past it.
                self._go(before + 86400)
            hour = self.at.hour
            if hour and self.rules.mends_midnight:
                self._go(self.now + 3600 * (24 - hour if hour > 12 else -hour))
            if self.at.day == 1:
                return True
        return False

    def hour(self) -> bool:
        while self.at.hour not in self.rules.hours:
            self._start(minute=0)
            before = self.at.hour
            self._go(self.now + 3600)
            left_out = self.at.hour - 1
            if self.rules.runs_gap and left_out - before == 1 and left_out in self.rules.hours:
                return False
            if self.at.hour == 0:
                return True
        return False

    def minute(self) -> bool:
        while self.at.minute not in self.rules.minutes:
            if not self.moved:
                self.moved = True
                self._go(self.now - self.now % 60)
            self._go(self.now + 60)
            if self.at.minute == 0:
                return True
        return False

    def second(self) -> bool:
        while self.at.second not in self.rules.seconds:
            self.moved = True
            self._go(self.now + 1)
            if self.at.second == 0:
                return True
        return False
