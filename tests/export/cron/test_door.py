"""The door itself: what it remembers, what it costs, how a new dialect comes in."""

import subprocess
import sys
from datetime import UTC, datetime
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest

from backup_sentinel.export.cron import DIALECTS, Dialect, ScheduleError, Slots, parse
from backup_sentinel.export.cron.walk import Rules, next_slot

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()


def test_names_of_the_dialects() -> None:
    assert list(DIALECTS) == ["robfig", "go-cron", "robfig-seconds", "kubernetes", "frequency"]
    assert all(dialect.name == name and dialect.summary for name, dialect in DIALECTS.items())


def test_same_question_has_the_same_answer() -> None:
    asked = ("0 3 * * *", "robfig", "Europe/Berlin")
    assert parse(*asked) is parse(*asked)
    assert parse("0 3 * * *", DIALECTS["robfig"], "Europe/Berlin") is parse(*asked)


def test_refusal_is_remembered_but_raised_anew() -> None:
    caught = []
    for _ in range(2):
        with pytest.raises(ScheduleError) as raised:
            parse("0 3 * * 7", "robfig")
        caught.append(raised.value)
    assert caught[0] is not caught[1]
    assert str(caught[0]) == str(caught[1])


@pytest.mark.parametrize(
    ("text", "dialect", "zone", "resolved", "words"),
    [
        ("0 3 * * *", "robfig", None, "UTC", "At 03:00 every day, UTC"),
        (
            "0 3 * * 1-5",
            "kubernetes",
            "Europe/Berlin",
            "Europe/Berlin",
            "At 03:00 on Monday through Friday, Europe/",
        ),
        (
            "CRON_TZ=Asia/Tokyo @daily",
            "robfig",
            "Europe/Berlin",
            "Asia/Tokyo",
            "At 00:00 every day, Asia/Tokyo",
        ),
        (
            "TZ=Local 0 3 * * ?",
            "robfig",
            "Europe/Berlin",
            "Europe/Berlin",
            "At 03:00 every day, Europe/Berlin",
        ),
        ("0 0 3 * * *", "robfig-seconds", None, "UTC", "At 03:00 every day, UTC"),
        ("@every 1h30m", "robfig", None, "UTC", "Every 5400 s, counted from the run before"),
        ("@manual", "go-cron", None, "UTC", "Never by itself"),
        ("*-5 3 * * *", "robfig", None, "UTC", "*-5 3 * * *, UTC"),
    ],
)
def test_text_zone_and_words(text: str, dialect: str, zone: str | None, resolved: str, words: str) -> None:
    schedule = parse(text, dialect, zone)
    assert schedule.text == text
    assert schedule.timezone == resolved
    assert schedule.describe().startswith(words)


def test_dialect_of_ones_own() -> None:
    def read(text: str, zone: ZoneInfo) -> Slots:
        if text != "nightly":
            raise ScheduleError(f"{text}: write 'nightly'")
        return parse("0 0 * * *", "robfig", str(zone))

    dialect = Dialect("own", "one word", read)
    assert parse("nightly", dialect).after(NOON) == NOON + 12 * 3600
    with pytest.raises(ScheduleError, match="write 'nightly'"):
        parse("daily", dialect)


@pytest.mark.parametrize(("text", "zone"), [("30 2 * * *", "UTC"), ("*/15 * * * *", "Europe/Berlin")])
def test_a_thousand_answers_in_little_time(text: str, zone: str) -> None:
    schedule = parse(text, "robfig", zone)
    begin = perf_counter()
    for _ in range(1000):
        schedule.after(NOON - 60 * 86400)
    assert perf_counter() - begin < 0.5  # 20 microseconds each where this was written


@pytest.mark.parametrize(
    ("text", "dialect"),
    [("0 0 30 2 *", "robfig"), ("0 0 31 2,4,6,9,11 *", "robfig"), ("0 0 30 2 1", "go-cron")],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_date_that_never_comes_costs_nothing(text: str, dialect: str, zone: str) -> None:
    schedule = parse(text, dialect, zone)
    begin = perf_counter()
    assert not any(schedule.after(NOON) for _ in range(1000))
    assert perf_counter() - begin < 0.2


def test_walk_gives_up_after_five_years() -> None:
    every, none = frozenset(range(60)), frozenset[int]()
    rules = Rules(every, every, every, frozenset({30}), frozenset({2}), frozenset(range(7)))
    assert next_slot(rules, ZoneInfo("Europe/Berlin"), int(NOON)) is None
    rules = Rules(every, every, none, every, every, every)
    assert next_slot(rules, ZoneInfo("UTC"), int(NOON)) is None


def test_import_brings_no_more_than_its_libraries() -> None:
    code = (
        "import sys, cronsim, zoneinfo, msgspec, backup_sentinel.errors as before; known = set(sys.modules)\n"
        "import backup_sentinel.export.cron\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - known}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"backup_sentinel", "difflib", "heapq", "_heapq", "copy", "org"}
