"""Frequencies with their slots and windows: when a run is owed, and how late it may begin."""

from datetime import UTC, datetime

import pytest

from backup_sentinel.export.cron import ScheduleError, parse

NOON = datetime(2026, 8, 20, 12, tzinfo=UTC)  # a Thursday


def slots(text: str, count: int = 3, timezone: str | None = None, since: datetime = NOON) -> list[str]:
    schedule, at, found = parse(text, "frequency", timezone), since.timestamp(), []
    for _ in range(count):
        following = schedule.after(at)
        assert following is not None
        at = following
        found.append(datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@hourly", ["2026-08-20 13:00", "2026-08-20 14:00"]),
        ("@daily", ["2026-08-21 00:00", "2026-08-22 00:00"]),
        ("@weekly", ["2026-08-23 00:00", "2026-08-30 00:00"]),
        ("@monthly", ["2026-09-01 00:00", "2026-10-01 00:00"]),
        ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("@Daily", ["2026-08-21 00:00", "2026-08-22 00:00"]),
        ("@hourly minutes=0,30", ["2026-08-20 12:30", "2026-08-20 13:00"]),
        ("@daily hours=2,14 minutes=30", ["2026-08-20 14:30", "2026-08-21 02:30"]),
        ("@weekly weekdays=7,3 hours=4", ["2026-08-23 04:00", "2026-08-26 04:00"]),
        ("@weekly weekdays=0", ["2026-08-23 00:00", "2026-08-30 00:00"]),
        ("@monthly days=1,15 hours=22 minutes=5", ["2026-09-01 22:05", "2026-09-15 22:05"]),
        ("@monthly days=31", ["2026-08-31 00:00", "2026-10-31 00:00"]),
        ("@yearly months=3,9 days=2", ["2026-09-02 00:00", "2027-03-02 00:00"]),
        # What stands above the frequency chooses what is kept.
        ("@daily minutes=30 hours=22 weekdays=5 days=15 months=1", ["2026-08-20 22:30", "2026-08-21 22:30"]),
        ("@hourly minutes=15 hours=22,23", ["2026-08-20 12:15", "2026-08-20 13:15"]),
    ],
)
def test_slots(text: str, expected: list[str]) -> None:
    assert slots(text, 2) == expected
    assert parse(text, "frequency").width == 0


@pytest.mark.parametrize(
    ("text", "expected", "hours"),
    [
        ("@daily window=22:30-4:0", ["2026-08-20 22:30", "2026-08-21 22:30"], 5.5),
        ("@daily window=01:00-05:00", ["2026-08-21 01:00", "2026-08-22 01:00"], 4),
        ("@weekly weekdays=6 window=20:00-20:00", ["2026-08-22 20:00", "2026-08-29 20:00"], 24),
        ("@hourly window=22:30-1:00", ["2026-08-20 22:30", "2026-08-20 23:30"], 1),
    ],
)
def test_in_a_window_a_slot_is_an_interval(text: str, expected: list[str], hours: float) -> None:
    assert slots(text, 2) == expected
    assert parse(text, "frequency").width == hours * 3600
    assert "within" in parse(text, "frequency").describe()


def test_on_demand_is_never_owed() -> None:
    assert parse("@onDemand", "frequency").after(NOON.timestamp()) is None


def test_the_clock_is_that_of_utc_when_others_change() -> None:
    """Kasten K10 reckons in UTC; a zone is taken where a profile gives one, and has two 2:30 or none."""
    spring = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert slots("@daily hours=2 minutes=30", 2, since=spring) == ["2026-03-29 02:30", "2026-03-30 02:30"]
    assert slots("@daily hours=4", 2, "Europe/Berlin", since=spring) == [
        "2026-03-29 02:00",
        "2026-03-30 02:00",
    ]
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert slots("@daily hours=4", 2, "Europe/Berlin", since=autumn) == [
        "2026-10-25 03:00",
        "2026-10-26 03:00",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("@dayly", "did you mean @daily?"),
        ("0 3 * * *", "unknown frequency"),
        ("@daily minutes=0,30", "several go with hours only"),
        ("@daily hours=1 window=1:00-2:00", "leave one of them out"),
        ("@daily window=25:00-2:00", "write for example window=22:00-04:30"),
        ("@daily at=3", "write for example minutes=0,30"),
        ("@daily hours=", "numbers with commas"),
        ("@daily hours=1;2", "numbers with commas"),
        ("@daily hours=25", "hour 25"),
        ("@monthly days=0", "day of month 0"),
    ],
)
def test_refusals(text: str, told: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(text, "frequency")
    assert told in str(caught.value)
