"""Slots away from any change of the clocks, as numbers of the Go libraries.

A row is `schedule | instant | the next three slots`, all times UTC.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from backup_sentinel.export.cron import parse

ROBFIG = """
0 3 * * * | 2026-01-31T03:00 | 2026-02-01T03:00 2026-02-02T03:00 2026-02-03T03:00
0 3 * * * | 2026-01-31T02:59:59 | 2026-01-31T03:00 2026-02-01T03:00 2026-02-02T03:00
*/15 * * * * | 2026-12-31T23:46 | 2027-01-01T00:00 2027-01-01T00:15 2027-01-01T00:30
5/20 * * * * | 2026-05-01T00:00 | 2026-05-01T00:05 2026-05-01T00:25 2026-05-01T00:45
0 0 29 2 * | 2026-01-01T00:00 | 2028-02-29T00:00 2032-02-29T00:00 2036-02-29T00:00
0 0 29 2 * | 2097-01-01T00:00 | never
0 0 29 2 * | 2095-01-01T00:00 | 2096-02-29T00:00 never
0 0 31 * * | 2026-01-31T00:00 | 2026-03-31T00:00 2026-05-31T00:00 2026-07-31T00:00
0 0 30 2 * | 2026-01-01T00:00 | never
0 0 13 * 5 | 2026-02-01T00:00 | 2026-02-06T00:00 2026-02-13T00:00 2026-02-20T00:00
0 0 */2 * 1 | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-03T00:00 2026-02-05T00:00
0 0 */1 * 1 | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-09T00:00 2026-02-16T00:00
0 0 1-31 * 1 | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-03T00:00 2026-02-04T00:00
0 0 ? * MON | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-09T00:00 2026-02-16T00:00
0 0 1,* * 1 | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-09T00:00 2026-02-16T00:00
0 0 15 * */2 | 2026-02-01T00:00 | 2026-02-03T00:00 2026-02-05T00:00 2026-02-07T00:00
0 0 15 * */1 | 2026-02-01T00:00 | 2026-02-15T00:00 2026-03-15T00:00 2026-04-15T00:00
0 9-17/4 * jan-MAR Mon-fri | 2026-01-01T00:00 | 2026-01-01T09:00 2026-01-01T13:00 2026-01-01T17:00
0 0 1,,15 * * | 2026-02-01T00:00 | 2026-02-15T00:00 2026-03-01T00:00 2026-03-15T00:00
0 0 , * 1 | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-09T00:00 2026-02-16T00:00
0 0 , * , | 2026-02-01T00:00 | never
*-5 0 * * * | 2026-02-01T00:00 | 2026-02-01T00:01 2026-02-01T00:02 2026-02-01T00:03
+5 007 * * * | 2026-02-01T00:00 | 2026-02-01T07:05 2026-02-02T07:05 2026-02-03T07:05
50/100 4 * * * | 2026-02-01T00:00 | 2026-02-01T04:50 2026-02-02T04:50 2026-02-03T04:50
@yearly | 2026-02-01T00:00 | 2027-01-01T00:00 2028-01-01T00:00 2029-01-01T00:00
@annually | 2026-02-01T00:00 | 2027-01-01T00:00 2028-01-01T00:00 2029-01-01T00:00
@monthly | 2026-02-01T00:00 | 2026-03-01T00:00 2026-04-01T00:00 2026-05-01T00:00
@weekly | 2026-02-01T00:00 | 2026-02-08T00:00 2026-02-15T00:00 2026-02-22T00:00
@daily | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-03T00:00 2026-02-04T00:00
@midnight | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-03T00:00 2026-02-04T00:00
@hourly | 2026-02-01T00:00 | 2026-02-01T01:00 2026-02-01T02:00 2026-02-01T03:00
CRON_TZ=Asia/Tokyo 0 3 * * * | 2026-02-01T00:00 | 2026-02-01T18:00 2026-02-02T18:00 2026-02-03T18:00
TZ=Asia/Tokyo   @daily | 2026-02-01T00:00 | 2026-02-01T15:00 2026-02-02T15:00 2026-02-03T15:00
TZ= 0 3 * * * | 2026-02-01T00:00 | 2026-02-01T03:00 2026-02-02T03:00 2026-02-03T03:00
"""

GO_CRON = """
0 0 13 * 5 | 2026-02-01T00:00 | 2026-02-13T00:00 2026-03-13T00:00 2026-11-13T00:00
0 0 */2 * 1 | 2026-02-01T00:00 | 2026-02-09T00:00 2026-02-23T00:00 2026-03-09T00:00
0 0 1-7 * MON | 2026-02-01T00:00 | 2026-02-02T00:00 2026-03-02T00:00 2026-04-06T00:00
0 0 * * 7 | 2026-02-01T00:00 | 2026-02-08T00:00 2026-02-15T00:00 2026-02-22T00:00
0 0 * * 5-7 | 2026-02-01T00:00 | 2026-02-06T00:00 2026-02-07T00:00 2026-02-08T00:00
0 0 * * FRI-MON | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-06T00:00 2026-02-07T00:00
0 0 * * 1/2 | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-04T00:00 2026-02-06T00:00
0 22-2 * * * | 2026-02-01T00:00 | 2026-02-01T01:00 2026-02-01T02:00 2026-02-01T22:00
0 22-2/2 * * * | 2026-02-01T00:00 | 2026-02-01T02:00 2026-02-01T22:00 2026-02-02T00:00
0 0 30-2 * * | 2026-02-01T00:00 | 2026-02-02T00:00 2026-03-01T00:00 2026-03-02T00:00
0 0 1 NOV-FEB * | 2026-02-01T00:00 | 2026-11-01T00:00 2026-12-01T00:00 2027-01-01T00:00
0 0 30 2 1 | 2026-02-01T00:00 | never
0 0 29 2 1 | 2026-02-01T00:00 | never
0 62-5 * * * | 2026-02-01T00:00 | never
0 24-5 * * * | 2026-02-01T00:00 | 2026-02-01T01:00 2026-02-01T02:00 2026-02-01T03:00
@manual | 2026-02-01T00:00 | never
@triggered | 2026-02-01T00:00 | never
@none | 2026-02-01T00:00 | never
@every 1.9s | 2026-02-01T00:00 | 2026-02-01T00:00:01 2026-02-01T00:00:02 2026-02-01T00:00:03
TZ='Asia/Tokyo' 0 3 * * * | 2026-02-01T00:00 | 2026-02-01T18:00 2026-02-02T18:00 2026-02-03T18:00
CRON_TZ="Asia/Tokyo" 0 3 * * * | 2026-02-01T00:00 | 2026-02-01T18:00 2026-02-02T18:00 2026-02-03T18:00
"""

SECONDS = """
0 0 3 * * * | 2026-02-01T00:00 | 2026-02-01T03:00 2026-02-02T03:00 2026-02-03T03:00
*/25 0 3 * * * | 2026-02-01T00:00 | 2026-02-01T03:00 2026-02-01T03:00:25 2026-02-01T03:00:50
0 0 0 */2 * 1 | 2026-02-01T00:00 | 2026-02-09T00:00 2026-02-23T00:00 2026-03-09T00:00
0 0 0 2-30/2 * 1 | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-04T00:00 2026-02-06T00:00
0 0 0 13 * FRI | 2026-02-01T00:00 | 2026-02-06T00:00 2026-02-13T00:00 2026-02-20T00:00
@daily | 2026-02-01T00:00 | 2026-02-02T00:00 2026-02-03T00:00 2026-02-04T00:00
@every 90s | 2026-02-01T00:00 | 2026-02-01T00:01:30 2026-02-01T00:03 2026-02-01T00:04:30
59 59 23 31 12 * | 2026-02-01T00:00 | 2026-12-31T23:59:59 2027-12-31T23:59:59 2028-12-31T23:59:59
"""


def utc(time: str) -> float | None:
    return None if time == "never" else datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp()


def table(*blocks: tuple[str, str]) -> list[tuple[str, ...]]:
    rows = ((dialect, row) for dialect, block in blocks for row in block.strip().splitlines())
    return [(dialect, *row.split(" | ")) for dialect, row in rows]


@pytest.mark.parametrize(
    ("dialect", "text", "begin", "slots"),
    table(("robfig", ROBFIG), ("go-cron", GO_CRON), ("robfig-seconds", SECONDS)),
)
def test_slots_are_those_of_the_go_library(dialect: str, text: str, begin: str, slots: str) -> None:
    schedule = parse(text, dialect)
    instant = utc(begin)
    for slot in slots.split():
        assert instant is not None
        instant = schedule.after(instant)
        assert instant == utc(slot)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.999])
def test_fraction_of_a_second_does_not_move_slots(fraction: float) -> None:
    noon = datetime(2026, 2, 1, 12, tzinfo=UTC).timestamp()
    assert parse("0 12 * * *", "robfig").after(noon - 1 + fraction) == noon
    assert parse("0 12 * * *", "robfig").after(noon + fraction) == noon + 86400


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [("5m", 300), ("1h30m0.7s", 5400), ("1.999s", 1), ("300ms", 1), ("-5m", 1), ("0", 1)],
)
@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.999])
def test_every_counts_whole_seconds_from_the_second_of_the_last_run(
    delay: str, seconds: int, fraction: float
) -> None:
    schedule = parse(f"@every {delay}", "robfig", "Europe/Berlin")
    assert schedule.after(1_770_000_000 + fraction) == 1_770_000_000 + seconds
    assert schedule.after(-10 + fraction) == -10 + seconds


@pytest.mark.parametrize("text", ["0 3 * * *", "@every 1h"])
@pytest.mark.parametrize("instant", [float("nan"), float("inf"), float("-inf"), 1e30, -1e30, 1e11])
def test_no_slot_beyond_the_horizon(text: str, instant: float) -> None:
    assert parse(text, "robfig", "Europe/Berlin").after(instant) is None


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Kiritimati"])
@pytest.mark.parametrize("instant", [-5.99e10, -1e9, -0.5, 0.0, 5.99e10])
def test_slots_up_to_the_horizon(zone: str, instant: float) -> None:
    for text in ("0 3 * * *", "0 0 29 2 *", "@every 1h"):
        slot = parse(text, "robfig", zone).after(instant)
        assert slot is not None
        assert instant < slot < instant + 4.2 * 366 * 86400


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Tokyo"])
def test_five_years_count_from_the_year_of_the_next_second(zone: str) -> None:
    # 2100 is no leap year, so that 2104 has the next 29 February: five years from 2099, six from 2098.
    schedule = parse("0 0 29 2 *", "robfig", zone)
    year_2099 = datetime(2099, 1, 1, tzinfo=ZoneInfo(zone)).timestamp()
    assert schedule.after(year_2099 - 1) == datetime(2104, 2, 29, tzinfo=ZoneInfo(zone)).timestamp()
    assert schedule.after(year_2099 - 2) is None
