"""Time zones by name: those of the system, else those of the tzdata package."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from .base import ScheduleError, nearest, shown

DEFAULT = "UTC"


def find(name: str) -> ZoneInfo:
    """Return the zone called `name`, such as "Europe/Berlin"; ZoneInfo keeps those it has opened.

    Raises ScheduleError, with the name that was probably meant.
    """
    if not name:
        raise ScheduleError(f"the time zone is empty: leave it out for {DEFAULT}")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # Unknown, not a zone file or a path that leaves the database, a folder of it.
        pass
    meant = nearest(name, _names())
    hint = f"did you mean {meant!r}?" if meant else "use a name such as 'Europe/Berlin'"
    raise ScheduleError(f"unknown time zone {shown(name)}: {hint}")


@cache
def _names() -> list[str]:
    """Return all names, sorted; reads the database, hence only for a message and only once."""
    return sorted(available_timezones())
