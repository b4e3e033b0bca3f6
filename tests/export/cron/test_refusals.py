"""What each dialect refuses, and what it says to it."""

import pytest

from backup_sentinel.errors import SentinelError
from backup_sentinel.export.cron import DIALECTS, ScheduleError, parse

FIVE = "this dialect has 5 (minute, hour, day of month, month, day of week)"
SIX = "this dialect has 6 (second, minute, hour, day of month, month, day of week)"

ALL_OF_FIVE = [
    ("* * * *", f"4 fields: {FIVE}"),
    ("0 0 3 * * *", f"6 fields: {FIVE}; leave out the seconds, '0 3 * * *'"),
    ("60 * * * *", "minute 60: this dialect knows 0 to 59"),
    ("5,70 * * * *", "minute 70: this dialect knows 0 to 59"),
    ("0 24 * * *", "hour 24: this dialect knows 0 to 23"),
    ("0 0 0 * *", "day of month 0: this dialect knows 1 to 31"),
    ("0 0 32 * *", "day of month 32: this dialect knows 1 to 31"),
    ("0 0 1 13 *", "month 13: this dialect knows 1 to 12"),
    ("0 0 1 JANUARY *", "month 'JANUARY': this dialect knows 1 to 12 or names such as JAN"),
    ("x * * * *", "minute 'x': this dialect knows 0 to 59"),
    ("H 3 * * *", "minute 'H': this dialect knows 0 to 59"),
    ("-5 * * * *", "minute '-5': this dialect knows 0 to 59"),
    ("5- * * * *", "minute '5-': this dialect knows 0 to 59"),
    ("\u0665 * * * *", "minute '\u0665': this dialect knows 0 to 59"),
    ("1_0 * * * *", "minute '1_0': this dialect knows 0 to 59"),
    ("99999999999999999999 * * * *", "minute '99999999999999999999': this dialect knows 0 to 59"),
    ("9223372036854775807 * * * *", "minute 9223372036854775807: this dialect knows 0 to 59"),
    ("*/0 * * * *", "minute '*/0': a step is a number from 1, write for example '*/5'"),
    ("*/ * * * *", "minute '*/': a step is a number from 1, write for example '*/5'"),
    ("*/9223372036854775808 * * * *", "minute '*/9223372036854775808': a step is a number from 1, write"),
    ("0/5/5 * * * *", "minute '0/5/5': more than one slash, write for example '*/5'"),
    ("1-2-3 * * * *", "minute '1-2-3': more than one hyphen, write for example '1-5'"),
    ("0 0 L * *", "day of month 'L': this dialect knows "),
    ("0 0 15W * *", "day of month '15W': this dialect knows "),
    ("0 0 * * 5#3", "day of week '5#3': this dialect knows "),
    ("@reboot", "unknown schedule '@reboot': write @yearly, @annually, @monthly, @weekly, @daily"),
    ("@Daily", "unknown schedule '@Daily': write @yearly"),
    ("@daily ", "unknown schedule '@daily ': write @yearly"),
    (" @daily", f"1 fields: {FIVE}"),
    ("@every", "unknown schedule '@every': write @yearly"),
    ("@every 1d", "duration '1d': unknown unit 'd', write hours, 1d is 24h"),
    ("@every  5m", "duration ' 5m': ' ' has no number before it, write '1h30m'"),
    ("0\x1f3 * * *", f"4 fields: {FIVE}"),
    ("", "the schedule is empty: write for example '0 3 * * *'"),
    (" \t", "the schedule is empty: write for example '0 3 * * *'"),
]
PREFIXED = [
    (
        "CRON_TZ=Europe/Berlin",
        "'CRON_TZ=Europe/Berlin': a schedule is missing, after a space, behind the time zone",
    ),
    ("TZ=UTC\t0 3 * * *", "unknown time zone 'UTC\\t0': did you mean 'UTC'?"),
    ("TZ=Berlin 0 3 * * *", "unknown time zone 'Berlin': did you mean 'Europe/Berlin'?"),
    ("TZ=europe/berlin 0 3 * * *", "unknown time zone 'europe/berlin': did you mean 'Europe/Berlin'?"),
    ("TZ=../../etc/passwd 0 3 * * *", "unknown time zone '../../etc/passwd': "),
    ("TZ=Europe 0 3 * * *", "unknown time zone 'Europe': "),
]
ROBFIG = [
    ("0 3 * * 7", "day of week 7: this dialect knows 0 to 6 (Sunday is 0)"),
    ("0 3 * * 5-7", "day of week 7: this dialect knows 0 to 6 (Sunday is 0)"),
    ("0 22-2 * * *", "hour '22-2': the range ends before it begins, write '22-23,0-2'"),
    ("0 3 * * FRI-MON", "day of week 'FRI-MON': the range ends before it begins, write '5-6,0-1'"),
    ("@manual", "unknown schedule '@manual': "),
]
GO_CRON = [
    ("0 3 * * 8", "day of week 8: this dialect knows 0 to 7 (Sunday is 0 or 7)"),
    ("*/60 * * * *", "minute '*/60': this dialect wants a step smaller than its range, which has 60"),
    ("0 22-2/5 * * *", "hour '22-2/5': this dialect wants a step smaller than its range, which has 5"),
    ("0 3 *-L * *", "day of month '*-L': this dialect knows no L or W"),
    ("0 3 * * *-#", "day of week '*-#': this dialect knows no #"),
    ("@every 999ms", "'@every 999ms': this dialect wants at least 1s"),
    ("TZ= 0 3 * * *", "the time zone is empty: leave it out for UTC"),
    ("TZ='UTC 0 3 * * *", "unknown time zone \"'UTC\": did you mean 'UTC'?"),
]
KUBERNETES = [
    (
        "CRON_TZ=UTC 0 3 * * *",
        "'CRON_TZ=UTC 0 3 * * *': a CronJob takes no time zone here, use its field timeZone",
    ),
    ("TZ=UTC @daily", "'TZ=UTC @daily': a CronJob takes no time zone here, use its field timeZone"),
]
SECONDS = [
    ("0 3 * * *", f"5 fields: {SIX}; put the seconds first, '0 0 3 * * *'"),
    ("60 0 3 * * *", "second 60: this dialect knows 0 to 59"),
    ("TZ=UTC 0 0 3 * * *", "'TZ=UTC 0 0 3 * * *': this dialect reads no time zone, leave out 'TZ='"),
    ("0 0 3 * * 7", "day of week 7: this dialect knows 0 to 6 (Sunday is 0)"),
]


@pytest.mark.parametrize(
    ("dialect", "rows"),
    [
        ("robfig", ALL_OF_FIVE + PREFIXED + ROBFIG),
        ("kubernetes", ALL_OF_FIVE + ROBFIG + KUBERNETES),
        ("go-cron", ALL_OF_FIVE + PREFIXED + GO_CRON),
        ("robfig-seconds", SECONDS),
    ],
)
def test_refusal_says_what_would_be_right(dialect: str, rows: list[tuple[str, str]]) -> None:
    for text, message in rows:
        with pytest.raises(ScheduleError) as caught:
            parse(text, dialect)
        assert str(caught.value).startswith(message), text
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_endless_text_is_refused_with_a_short_message(dialect: str) -> None:
    longest = "0," * 507 + "0 3 * * *"
    assert len(longest) == 1023
    for text in (longest + "**", "\N{EURO SIGN}" * 400, "*" * 2_000_000):
        with pytest.raises(ScheduleError, match="longer than 1024 bytes") as caught:
            parse(text, dialect)
        assert len(str(caught.value)) < 100
    if dialect not in {"robfig-seconds", "frequency"}:
        assert parse(longest, dialect).after(0.0) == 3 * 3600


@pytest.mark.parametrize(
    ("zone", "message"),
    [
        ("Europe/Berln", "unknown time zone 'Europe/Berln': did you mean 'Europe/Berlin'?"),
        ("Tokyo", "unknown time zone 'Tokyo': did you mean 'Asia/Tokyo'?"),
        ("", "the time zone is empty: leave it out for UTC"),
        ("\0", "unknown time zone '\\x00': use a name such as 'Europe/Berlin'"),
        ("/etc/localtime", "unknown time zone '/etc/localtime': "),
        ("\ud800", "unknown time zone '\\ud800': "),
    ],
)
def test_unknown_zone_names_the_nearest(zone: str, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse("0 3 * * *", "robfig", zone)
    assert str(caught.value).startswith(message)


def test_unknown_dialect_names_the_nearest() -> None:
    with pytest.raises(ScheduleError, match=r"unknown dialect 'robfi': did you mean robfig\?"):
        parse("0 3 * * *", "robfi")
    with pytest.raises(ScheduleError, match="go-cron, kubernetes, robfig, robfig-seconds"):
        parse("0 3 * * *", "xyz")


def test_refusal_is_an_error_of_the_package_and_a_value_error() -> None:
    assert issubclass(ScheduleError, SentinelError)
    assert issubclass(ScheduleError, ValueError)
