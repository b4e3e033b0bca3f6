"""Changes of the clocks: the slots that the Go libraries give, as numbers.

A row is `schedule | zone | instant | the next three slots`, times on the wall clock of the zone.
"""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from backup_sentinel.export.cron import parse

ALIKE = """
*/30 1-3 * * * | America/New_York | 2025-03-09T01:00-05:00 | 2025-03-09T01:30-05:00 2025-03-09T03:00-04:00 2025-03-09T03:30-04:00
0 3 * * * | Australia/Lord_Howe | 2025-10-04T12:00+10:30 | 2025-10-06T03:00+11:00 2025-10-07T03:00+11:00 2025-10-08T03:00+11:00
15 2 * * * | Australia/Lord_Howe | 2025-10-04T12:00+10:30 | 2025-10-06T02:15+11:00 2025-10-07T02:15+11:00 2025-10-08T02:15+11:00
45 1 * * * | Australia/Lord_Howe | 2025-10-05T01:50+10:30 | 2025-10-05T02:45+11:00 2025-10-06T01:45+11:00 2025-10-07T01:45+11:00
*/10 2 * * * | Australia/Lord_Howe | 2025-10-05T01:50+10:30 | 2025-10-05T02:30+11:00 2025-10-05T02:40+11:00 2025-10-05T02:50+11:00
0 0 * * * | America/Santiago | 2025-09-06T12:00-04:00 | 2025-09-08T00:00-03:00 2025-09-09T00:00-03:00 2025-09-10T00:00-03:00
0 5 * * 6 | America/Santiago | 2025-09-06T06:00-04:00 | 2025-09-07T05:00-03:00 2025-09-13T05:00-03:00 2025-09-20T05:00-03:00
30 0 7 9 * | America/Santiago | 2025-08-01T00:00-04:00 | 2026-09-07T00:30-03:00 2027-09-07T00:30-03:00 2028-09-07T00:30-03:00
0 12 * * 0 | America/Santiago | 2025-09-05T12:00-04:00 | 2025-09-07T12:00-03:00 2025-09-14T12:00-03:00 2025-09-21T12:00-03:00
0 12 * * 0 | Asia/Beirut | 2025-03-24T12:00+02:00 | 2025-04-06T12:00+03:00 2025-04-13T12:00+03:00 2025-04-20T12:00+03:00
0 0 * * * | Asia/Beirut | 2025-03-29T12:00+02:00 | 2025-03-31T00:00+03:00 2025-04-01T00:00+03:00 2025-04-02T00:00+03:00
30 1 * * * | America/New_York | 2025-11-01T12:00-04:00 | 2025-11-02T01:30-04:00 2025-11-02T01:30-05:00 2025-11-03T01:30-05:00
0 1 * * * | America/New_York | 2025-11-02T00:30-04:00 | 2025-11-02T01:00-04:00 2025-11-02T01:00-05:00 2025-11-03T01:00-05:00
*/20 1 * * * | America/New_York | 2025-11-02T01:30-04:00 | 2025-11-02T01:40-04:00 2025-11-02T01:00-05:00 2025-11-02T01:20-05:00
30 2 * * * | Europe/Berlin | 2025-10-25T12:00+02:00 | 2025-10-26T02:30+02:00 2025-10-26T02:30+01:00 2025-10-27T02:30+01:00
45 1 * * * | Australia/Lord_Howe | 2025-04-05T12:00+11:00 | 2025-04-06T01:45+11:00 2025-04-06T01:45+10:30 2025-04-07T01:45+10:30
0 2 * * * | Australia/Lord_Howe | 2025-04-05T12:00+11:00 | 2025-04-07T02:00+10:30 2025-04-08T02:00+10:30 2025-04-09T02:00+10:30
30 23 * * * | America/Santiago | 2025-04-05T12:00-03:00 | 2025-04-05T23:30-03:00 2025-04-05T23:30-04:00 2025-04-06T23:30-04:00
0 0 * * * | America/Santiago | 2025-04-05T12:00-03:00 | 2025-04-06T00:00-04:00 2025-04-07T00:00-04:00 2025-04-08T00:00-04:00
0 3 * * * | America/New_York | 2025-11-01T12:00-04:00 | 2025-11-02T03:00-05:00 2025-11-03T03:00-05:00 2025-11-04T03:00-05:00
30 2 * * * | Asia/Kolkata | 2025-03-08T12:00+05:30 | 2025-03-09T02:30+05:30 2025-03-10T02:30+05:30 2025-03-11T02:30+05:30
45 5 * * * | Asia/Kathmandu | 2025-03-08T12:00+05:45 | 2025-03-09T05:45+05:45 2025-03-10T05:45+05:45 2025-03-11T05:45+05:45
"""

ROBFIG = """
30 2 * * * | America/New_York | 2025-03-08T12:00-05:00 | 2025-03-10T02:30-04:00 2025-03-11T02:30-04:00 2025-03-12T02:30-04:00
0 2 * * * | America/New_York | 2025-03-08T12:00-05:00 | 2025-03-10T02:00-04:00 2025-03-11T02:00-04:00 2025-03-12T02:00-04:00
15 0/2 * * * | America/New_York | 2025-03-09T00:00-05:00 | 2025-03-09T00:15-05:00 2025-03-09T04:15-04:00 2025-03-09T06:15-04:00
0 2 9 3 * | America/New_York | 2025-01-01T00:00-05:00 | 2026-03-09T02:00-04:00 2027-03-09T02:00-05:00 2028-03-09T02:00-05:00
30 2 * * * | Europe/Berlin | 2025-03-29T12:00+01:00 | 2025-03-31T02:30+02:00 2025-04-01T02:30+02:00 2025-04-02T02:30+02:00
"""

GO_CRON = """
30 2 * * * | America/New_York | 2025-03-08T12:00-05:00 | 2025-03-09T03:30-04:00 2025-03-10T02:30-04:00 2025-03-11T02:30-04:00
0 2 * * * | America/New_York | 2025-03-08T12:00-05:00 | 2025-03-09T03:00-04:00 2025-03-10T02:00-04:00 2025-03-11T02:00-04:00
15 0/2 * * * | America/New_York | 2025-03-09T00:00-05:00 | 2025-03-09T00:15-05:00 2025-03-09T03:15-04:00 2025-03-09T04:15-04:00
0 2 9 3 * | America/New_York | 2025-01-01T00:00-05:00 | 2025-03-09T03:00-04:00 2026-03-09T02:00-04:00 2027-03-09T02:00-05:00
30 2 * * * | Europe/Berlin | 2025-03-29T12:00+01:00 | 2025-03-30T03:30+02:00 2025-03-31T02:30+02:00 2025-04-01T02:30+02:00
"""

SECONDS = """
0 0 0 * * * | America/Santiago | 2025-09-06T12:00-04:00 | 2025-09-08T00:00-03:00 2025-09-09T00:00-03:00 2025-09-10T00:00-03:00
0 0 12 * * 0 | Asia/Beirut | 2025-03-24T12:00+02:00 | 2025-03-30T12:00+03:00 2025-04-06T12:00+03:00 2025-04-13T12:00+03:00
30 30 2 * * * | America/New_York | 2025-03-08T12:00-05:00 | 2025-03-10T02:30:30-04:00 2025-03-11T02:30:30-04:00 2025-03-12T02:30:30-04:00
*/20 59 1 * * * | America/New_York | 2025-11-02T01:59:30-04:00 | 2025-11-02T01:59:40-04:00 2025-11-02T01:59-05:00 2025-11-02T01:59:20-05:00
0 0 12 * * 0 | America/Santiago | 2025-09-01T12:00-04:00 | 2025-09-14T12:00-03:00 2025-09-21T12:00-03:00 2025-09-28T12:00-03:00
"""


def table(*blocks: tuple[str, str]) -> list[tuple[str, ...]]:
    rows = ((dialect, row) for dialect, block in blocks for row in block.strip().splitlines())
    return [(dialect, *row.split(" | ")) for dialect, row in rows]


@pytest.mark.parametrize(
    ("dialect", "text", "zone", "begin", "slots"),
    table(
        ("robfig", ALIKE),
        ("kubernetes", ALIKE),
        ("go-cron", ALIKE),
        ("robfig", ROBFIG),
        ("kubernetes", ROBFIG),
        ("go-cron", GO_CRON),
        ("robfig-seconds", SECONDS),
    ),
)
def test_slots_are_those_of_the_go_library(
    dialect: str, text: str, zone: str, begin: str, slots: str
) -> None:
    schedule = parse(text, dialect, zone)
    instants = [datetime.fromisoformat(time).timestamp() for time in [begin, *slots.split()]]
    assert [schedule.after(instant) for instant in instants[:-1]] == instants[1:]


@pytest.mark.parametrize("prefix", ["CRON_TZ=", "TZ="])
def test_zone_of_the_text_changes_its_clocks_too(prefix: str) -> None:
    text = f"{prefix}Europe/Berlin 30 2 * * *"
    instants = [datetime.fromisoformat(f"2025-10-26T0{hour}:30:00+00:00").timestamp() for hour in (0, 1)]
    assert parse(text, "robfig", "Asia/Tokyo").after(instants[0] - 1) == instants[0]
    assert parse(text, "robfig", "Asia/Tokyo").after(instants[0]) == instants[1]


@pytest.mark.parametrize("dialect", ["robfig", "go-cron"])
def test_a_day_that_is_left_out_does_not_hold_up_the_search(dialect: str) -> None:
    # Samoa went from 29 to 31 December 2011. The libraries themselves never return here.
    schedule = parse("0 12 * * 1", dialect, "Pacific/Apia")
    begin = datetime(2011, 12, 28, tzinfo=ZoneInfo("Pacific/Apia")).timestamp()
    assert schedule.after(begin) == datetime(2012, 1, 2, 12, tzinfo=ZoneInfo("Pacific/Apia")).timestamp()


@pytest.mark.parametrize("dialect", ["robfig", "go-cron"])
@pytest.mark.parametrize(
    "zone", ["America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Beirut", "Antarctica/Troll"]
)
def test_each_start_in_a_year_leads_to_a_later_slot(dialect: str, zone: str) -> None:
    schedule = parse("20,50 */3 * * *", dialect, zone)
    begin = datetime(2025, 1, 1, tzinfo=ZoneInfo(zone)).timestamp()
    slots = [begin]
    while slots[-1] < begin + 366 * 86400:
        slot = schedule.after(slots[-1])
        assert slot is not None
        slots.append(slot)
    assert all(0 < late - early <= 5 * 3600 for early, late in pairwise(slots))
