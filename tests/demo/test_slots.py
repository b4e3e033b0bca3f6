from datetime import UTC, datetime

import pytest

from backup_sentinel.demo.slots import next_slot, settle_cron, slots
from backup_sentinel.demo.times import ManualClock, bytes_of, go_duration, instant, rfc3339, seconds_of

NOW = instant("2026-11-21T03:30:00Z")


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 1 * * *", "2026-11-22T01:00:00Z"),
        ("*/15 * * * *", "2026-11-21T03:45:00Z"),
        ("@hourly", "2026-11-21T04:00:00Z"),
        ("@weekly", "2026-11-22T00:00:00Z"),
        ("0 3 * * 1-5", "2026-11-23T03:00:00Z"),
        ("0 3 * * mon,FRI", "2026-11-23T03:00:00Z"),
        ("0 0 1 * 7", "2026-11-22T00:00:00Z"),
        ("30 4 1 jan *", "2027-01-01T04:30:00Z"),
        ("CRON_TZ=Europe/Berlin 0 4 * * *", "2026-11-22T03:00:00Z"),
        ("TZ=America/New_York 0 3 * * *", "2026-11-21T08:00:00Z"),
        ("@every 6h", "2026-11-21T09:30:00Z"),
        ("5/20 4 * * *", "2026-11-21T04:05:00Z"),
    ],
)
def test_next_slot(cron: str, expected: str) -> None:
    found = next_slot(cron, NOW)
    assert found is not None
    assert rfc3339(found) == expected


def test_the_hour_that_spring_leaves_out() -> None:
    start = instant("2026-03-28T12:00:00Z")
    found = list(slots("CRON_TZ=Europe/Berlin 30 2 * * *", start, start + 3 * 86400))
    assert [rfc3339(slot) for slot in found] == ["2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"]


def test_slots_end() -> None:
    assert list(slots("@hourly", NOW, NOW + 7200)) == [NOW + 1800, NOW + 5400]
    assert next_slot("0 0 31 2 *", NOW) is None


@pytest.mark.parametrize(
    "cron", ["", "* * *", "61 * * * *", "* * * * 8", "x * * * *", "5-1 * * * *", "@every soon"]
)
def test_bad_crons(cron: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        next_slot(cron, NOW)


def test_crons_relative_to_now() -> None:
    assert settle_cron("daily -3h", NOW) == "30 0 * * *"
    assert settle_cron("hourly +2m", NOW) == "32 * * * *"
    assert settle_cron("weekly +1d", NOW) == "30 3 * * 0"
    assert settle_cron("0 1 * * *", NOW) == "0 1 * * *"


def test_times() -> None:
    assert seconds_of("-1h30m") == -5400
    assert seconds_of("30d") == 2592000
    assert go_duration(2592000) == "720h0m0s"
    assert go_duration(90) == "1m30s"
    assert bytes_of("40Gi") == bytes_of("40GiB") == 40 << 30
    assert bytes_of("1.5TB") == 1_500_000_000_000
    assert instant(datetime(2026, 11, 21, 3, 30, tzinfo=UTC)) == NOW
    for bad in ("", "5", "5y", "1h-3m"):
        with pytest.raises(ValueError, match="not a duration"):
            seconds_of(bad)
    with pytest.raises(ValueError, match="not a size"):
        bytes_of("much")


async def test_a_manual_clock_wakes_its_sleepers() -> None:
    import asyncio

    clock = ManualClock(100)
    sleeper = asyncio.ensure_future(clock.sleep(10))
    await asyncio.sleep(0)
    clock.move(9)
    await asyncio.sleep(0)
    assert not sleeper.done()
    clock.move(1)
    await asyncio.wait_for(sleeper, 1)
    assert clock.now() == 110
