"""The dialects by name: the one table to add to.

A dialect of the robfig family is a row of its own differences; any other is a file with a function that
reads it (`Dialect.read`) and a row.
"""

from functools import partial
from zoneinfo import ZoneInfo

from .base import Dialect, ScheduleError, Slots, shown
from .family import SIX_TO_7, Family, read_text
from .fields import Ways
from .frequency import read_frequency

_STANDARD = Family()


def _kubernetes(text: str, zone: ZoneInfo) -> Slots:
    """Return the slots of a CronJob, whose zone is spec.timeZone. Raises ScheduleError.

    Source: Kubernetes, pkg/apis/batch/validation: validateScheduleFormat.
    """
    if "TZ" in text:
        raise ScheduleError(f"{shown(text)}: a CronJob takes no time zone here, use its field timeZone")
    return read_text(_STANDARD, text, zone)


_ALL = (
    Dialect(
        name="robfig",
        summary="robfig/cron v3: Velero up to 1.18, K8up, and most operators written in Go",
        read=partial(read_text, _STANDARD),
    ),
    # Of go-cron only the parser and Next: its scheduler would also drop the second of two equal wall-clock
    # times in autumn, but Velero has its own loop.
    Dialect(
        name="go-cron",
        summary="netresearch/go-cron v0.15: Velero after 1.18",
        read=partial(
            read_text,
            Family(six=SIX_TO_7, ways=Ways(cyclic=True), both_days=True, newer=True, runs_gap=True),
        ),
    ),
    # The library of CloudNativePG, robfig/cron v1.2, would take five fields, as second to month: `0 3 * * *`
    # is each hour at :03 to it. Nobody means that, hence refused here.
    Dialect(
        name="robfig-seconds",
        summary="robfig/cron v1 with six fields, seconds first: CloudNativePG",
        read=partial(
            read_text,
            Family(ways=Ways(sticky_star=True), seconds=True, zone_prefix=False, mends_midnight=False),
        ),
    ),
    Dialect(name="kubernetes", summary="CronJob of batch/v1", read=_kubernetes),
    Dialect(
        name="frequency",
        summary="a frequency with slots or a window, `@daily hours=2 minutes=30`: Kasten K10",
        read=read_frequency,
    ),
)
DIALECTS = {dialect.name: dialect for dialect in _ALL}
