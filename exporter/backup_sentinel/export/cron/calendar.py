"""Slots at wall-clock times: the meaning of a cron expression once its dialect has read it.

The search itself is cronsim's, in naive wall-clock time. It is exact as long as the clocks of the zone do
not change between the month before the instant and the day after the slot; near such a change `walk` does
what the operator's library does.
"""

from copy import copy
from datetime import UTC, datetime, timedelta
from math import floor
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from .base import HORIZON
from .walk import YEARS, Rules, next_slot, seconds_of

_DAY = 86400
_MONTH = 32 * _DAY
_LOOK = (
    6 * _DAY
)  # since 1970 no two changes of a zone's clocks are closer than this; the nearest are 6.96 days
_SECOND = timedelta(seconds=1)
_ANY = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)


class Calendar:
    """The slots of a cron expression; `fields` are its own six fields, for `describe` only."""

    def __init__(self, text: str, rules: Rules, zone: ZoneInfo, fields: tuple[str, ...]) -> None:
        self.text = text
        self.timezone = str(zone)
        self.width = 0.0
        self._rules = rules
        self._zone = zone
        self._fields = fields
        self._search = _search(rules)

    def after(self, instant: float) -> float | None:
        """Return the first slot strictly after `instant`, both in Unix seconds; None: none in five years."""
        if self._search is None or not abs(instant) < HORIZON:
            return None
        second = floor(instant)
        here = datetime.fromtimestamp(second, self._zone)
        offset = here.utcoffset()
        assert offset is not None, "the zone is known"
        search = copy(self._search)
        search.dt = here.replace(tzinfo=None)
        last = (search.dt + _SECOND).year + YEARS
        slot = next(search, None)
        if slot is None or slot.year > last:
            return None
        found = seconds_of(slot) - offset // _SECOND
        if self._steady(second - _MONTH, found + _DAY, offset):
            return float(found)
        walked = next_slot(self._rules, self._zone, second)
        return None if walked is None else float(walked)

    def _steady(self, begin: int, end: int, offset: timedelta) -> bool:
        """Return whether the clocks of the zone stand at `offset` from UTC all the time."""
        zone, clock = self._zone, datetime.fromtimestamp
        return clock(end, zone).utcoffset() == offset and all(
            clock(mark, zone).utcoffset() == offset for mark in range(begin, end, _LOOK)
        )

    def describe(self) -> str:
        """Return the schedule in words, with its zone; the text itself where cronsim has no words for it."""
        # Here and not above: needed for pages that people read, not for what is computed.
        from cronsim.explain import Expression  # noqa: PLC0415

        try:
            expression = Expression([field.upper().replace("?", "*") for field in self._fields])
            expression.day_and = not self._rules.either_day
            words = expression.explain()
        except (ValueError, LookupError):
            words = self.text
        return f"{words}, {self.timezone}"


def _search(rules: Rules) -> CronSim | None:
    """Return cronsim's search with these rules, to be copied and given a start; None: nothing ever fits."""
    units = (rules.seconds, rules.minutes, rules.hours, rules.days, rules.months, rules.weekdays)
    fields = [",".join(map(str, sorted(unit))) for unit in units]
    if not all(fields):
        return None
    search = CronSim(" ".join(fields), _ANY)
    # cronsim takes AND or OR from the first characters of the two fields; here the dialect has decided.
    search.day_and = not rules.either_day
    if search.day_and:
        try:
            # With a star cronsim says at once that a date, such as 30 February, never comes.
            CronSim(" ".join([*fields[:5], "*"]), _ANY)
        except CronSimError:
            return None
    return search
