"""What holds for each schedule, found by random ones and checked by walking each minute."""

from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from backup_sentinel.export.cron import DIALECTS, ScheduleError, Slots, parse

# Whole hours, and not at midnight: there the libraries agree with a walk over all minutes.
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Asia/Tokyo"]
BOUNDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]
FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2012, 2045))
WINDOW = 2 * 86400


class Crontab(NamedTuple):
    """Five fields and what they mean: per field the numbers and whether it counts as a star."""

    text: str
    numbers: list[set[int]]
    stars: list[bool]

    def fits(self, at: datetime) -> bool:
        minutes, hours, days, months, weekdays = self.numbers
        day, weekday = at.day in days, at.isoweekday() % 7 in weekdays
        dated = day and weekday if self.stars[2] or self.stars[4] else day or weekday
        return dated and at.minute in minutes and at.hour in hours and at.month in months


@st.composite
def fields(draw: st.DrawFn, low: int, high: int, *, wide: bool) -> tuple[str, set[int], bool]:
    kind = draw(
        st.sampled_from(["star", "steps", "list", "range", "from"] if not wide else ["star", "star", "list"])
    )
    if kind == "star":
        return draw(st.sampled_from("*?")), set(range(low, high + 1)), True
    first, last = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    step = draw(st.integers(1, 12))
    if kind == "steps":
        return f"*/{step}", set(range(low, high + 1, step)), step == 1
    if kind == "range":
        return f"{first}-{last}/{step}", set(range(first, last + 1, step)), False
    if kind == "from":
        return f"{first}/{step}", set(range(first, high + 1, step)), False
    return f"{last},{first}", {first, last}, False


@st.composite
def crontabs(draw: st.DrawFn) -> Crontab:
    parts = [draw(fields(*bounds, wide=place > 1)) for place, bounds in enumerate(BOUNDS)]
    texts, numbers, stars = zip(*parts, strict=True)
    return Crontab(" ".join(texts), list(numbers), list(stars))


@cache
def changes(name: str) -> list[int]:
    """Return when the clocks of a zone change, to the hour."""
    zone = ZoneInfo(name)
    hours = range(int(FIRST), int(LAST), 3600 * 24)
    offsets = [datetime.fromtimestamp(hour, zone).utcoffset() for hour in hours]
    return [hour for hour, early, late in zip(hours, offsets, offsets[1:], strict=False) if early != late]


@st.composite
def places(draw: st.DrawFn) -> tuple[str, float]:
    zone = draw(st.sampled_from(ZONES))
    anywhere = st.floats(FIRST, LAST)
    if changes(zone):
        change = st.sampled_from(changes(zone))
        anywhere |= st.builds(lambda at, by: at + by, change, st.floats(-WINDOW, WINDOW))
    return zone, draw(anywhere)


def walked(crontab: Crontab, zone: str, instant: float) -> float | None:
    """Return the first minute after `instant` that fits, within the window."""
    begin = int(instant // 60) * 60 + 60
    clock = ZoneInfo(zone)
    minutes = range(begin, begin + WINDOW, 60)
    return next((float(at) for at in minutes if crontab.fits(datetime.fromtimestamp(at, clock))), None)


@settings(max_examples=250, deadline=None)
@given(crontabs(), places())
def test_first_minute_that_fits(crontab: Crontab, place: tuple[str, float]) -> None:
    zone, instant = place
    slot = parse(crontab.text, "robfig", zone).after(instant)
    first = walked(crontab, zone, instant)
    if first is not None:
        assert slot == first
    elif slot is not None:
        assert slot > instant + WINDOW - 120
        assert crontab.fits(datetime.fromtimestamp(slot, ZoneInfo(zone)))


@settings(max_examples=300, deadline=None)
@given(crontabs(), places(), st.floats(0, 400 * 86400), st.sampled_from(["robfig", "go-cron", "kubernetes"]))
def test_later_and_in_order(crontab: Crontab, place: tuple[str, float], later: float, dialect: str) -> None:
    try:
        schedule = parse(crontab.text, dialect, place[0])
    except ScheduleError:
        assert dialect == "go-cron"  # a step that is as long as its range
        return
    early, late = schedule.after(place[1]), schedule.after(place[1] + later)
    assert early is None or early > place[1]
    if early is not None and late is not None:
        assert early <= late
        assert early == late or early <= place[1] + later


WORDS = st.sampled_from(
    [
        *"*?,-/0123456789 LWH#@",
        "TZ=",
        "CRON_TZ=",
        "UTC",
        "Asia/Tokyo",
        "@every ",
        "@daily",
        "1h",
        "MON",
        "jan",
        "\t",
    ]
)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(WORDS).map("".join) | st.text(),
    st.sampled_from(sorted(DIALECTS)),
    st.none() | st.text(max_size=9),
)
def test_any_text_is_read_or_refused(text: str, dialect: str, zone: str | None) -> None:
    try:
        schedule: Slots = parse(text, dialect, zone)
    except ScheduleError:
        return
    slot = schedule.after(FIRST)
    assert slot is None or slot > FIRST
    assert schedule.text == text
    assert schedule.describe()
