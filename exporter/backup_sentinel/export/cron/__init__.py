"""When is the next slot of this schedule? The one door to cron expressions in all their dialects.

    parse("0 3 * * 1-5", "robfig", "Europe/Berlin").after(now)

`dialects` names who speaks what. `family` reads the texts of the Go libraries with `fields` and `zones`; `calendar` and `delay` answer `after`, `walk` near a change of the clocks. The answer is that of
the operator's own library, oddities included, since it says when a run is owed.
"""

from functools import lru_cache

from . import zones
from .base import Dialect, ScheduleError, Slots, nearest, shown
from .dialects import DIALECTS

__all__ = ["DIALECTS", "Dialect", "ScheduleError", "Slots", "parse"]

_LONGEST = 1024
_REMEMBERED = 4096


def parse(text: str, dialect: Dialect | str, timezone: str | None = None) -> Slots:
    """Return the slots of a schedule; the same object for the same question.

    `timezone` is the zone of the operator's process, or of the object where that names one; None means
    UTC. A zone inside the text wins. A text longer than 1024 bytes is refused in every dialect (the limit
    is go-cron's). Raises ScheduleError, also for an unknown dialect or zone.
    """
    if isinstance(dialect, str):
        known = DIALECTS.get(dialect)
        if known is None:
            meant = nearest(dialect, sorted(DIALECTS)) or ", ".join(sorted(DIALECTS))
            raise ScheduleError(f"unknown dialect {shown(dialect)}: did you mean {meant}?")
        dialect = known
    if len(text) > _LONGEST or len(text.encode(errors="surrogatepass")) > _LONGEST:
        raise ScheduleError(f"schedule {shown(text)}: longer than {_LONGEST} bytes, make it shorter")
    answer = _parse(text, dialect, timezone)
    if isinstance(answer, str):
        raise ScheduleError(answer)
    return answer


@lru_cache(maxsize=_REMEMBERED)
def _parse(text: str, dialect: Dialect, timezone: str | None) -> Slots | str:
    """Return the slots, or what is wrong; a refusal is remembered as well, since it comes again too."""
    try:
        if not text.strip():
            return "the schedule is empty: write for example '0 3 * * *'"
        return dialect.read(text, zones.find(zones.DEFAULT if timezone is None else timezone))
    except ScheduleError as error:
        return str(error)
