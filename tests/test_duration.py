"""Go durations: values, roundings and refusals of Go's own parser."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.duration import DurationError, go_duration, long_duration, nanoseconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("+0", 0),
        ("-0", 0),
        ("0s", 0),
        ("5s", 5),
        ("1h30m", 5400),
        ("720h0m0s", 2592000),
        ("1.5h", 5400),
        ("300ms", 0.3),
        ("-5m", -300),
        ("+5m", 300),
        ("1m2.417s", 62.417),
        ("1h1h", 7200),
        ("30m1h", 5400),
        (".5s", 0.5),
        ("5.s", 5),
        ("-.5s", -0.5),
        ("1us", 1e-6),
        ("1\u00b5s", 1e-6),
        ("1\u03bcs", 1e-6),
        ("1ns", 1e-9),
        ("00000000000000000000000001h", 3600),
    ],
)
def test_value_in_seconds(text: str, seconds: float) -> None:
    assert go_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0.3333333333333333333h", 1_200_000_000_000),
        ("0.100000000000000000000h", 360_000_000_000),
        ("0.9223372036854775807h", 3_320_413_933_267),
        ("0.830103483285477580700h", 2_988_372_539_827),
        ("1.9ns", 1),
        ("9223372036854775.807us", 2**63 - 1),
        ("9223372036s854ms775us807ns", 2**63 - 1),
        ("-9223372036854775808ns", -(2**63)),
    ],
)
def test_count_of_nanoseconds_is_that_of_go(text: str, count: int) -> None:
    assert nanoseconds(text) == count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the duration '' is empty: write for example '1h30m'"),
        ("-", "the duration '-' is empty: "),
        ("3", "duration '3': a number has no unit, add one of ns, us, ms, s, m, h"),
        ("00", "duration '00': a number has no unit, "),
        ("1h5", "duration '1h5': a number has no unit, "),
        ("1..5s", "duration '1..5s': a number has no unit, "),
        ("s", "duration 's': 's' has no number before it, write '1h30m'"),
        (".s", "duration '.s': '.s' has no number before it, "),
        ("--5m", "duration '--5m': '-' has no number before it, "),
        (" 5m", "duration ' 5m': ' ' has no number before it, "),
        ("5 m", "duration '5 m': unknown unit ' m', Go knows ns, us, ms, s, m, h"),
        ("5M", "duration '5M': unknown unit 'M', Go knows "),
        ("7d", "duration '7d': unknown unit 'd', write hours, 1d is 24h"),
        ("2w", "duration '2w': unknown unit 'w', write hours, 1w is 168h"),
        ("\u0665s", "duration '\u0665s': '\u0665s' has no number before it, "),
        ("3000000h", "the duration '3000000h' is too long: Go counts at most 2562047h"),
        ("9223372036854775808ns", "the duration '9223372036854775808ns' is too long: "),
        ("9223372036854775807ns1ns", "the duration '9223372036854775807ns1ns' is too long: "),
        ("9223372036854775.808us", "the duration '9223372036854775.808us' is too long: "),
        ("-9223372036854775809ns", "the duration '-9223372036854775809ns' is too long: "),
        ("9" * 5000 + "s", "the duration '9999999999999999999999999999999999999...' is too long: "),
    ],
)
def test_refusal_says_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(DurationError) as caught:
        go_duration(text)
    assert str(caught.value).startswith(message)


@given(st.integers(0, 2**63 - 1))
def test_what_go_writes_is_read_back(count: int) -> None:
    seconds, below = divmod(count, 10**9)
    hours, rest = divmod(seconds, 3600)
    assert nanoseconds(f"{hours}h{rest // 60}m{rest % 60}.{below:09}s") == count


@given(st.text(st.sampled_from("0123456789.+-hmsunµd ")) | st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(DurationError):
        assert -(2**63) <= nanoseconds(text) < 2**63


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("26h", 93600),
        ("7d", 604800),
        ("2w", 1209600),
        ("1w2d12h", 820800),
        ("-1d", -86400),
        ("0d", 0),
        ("1d0.5s", 86400.5),
    ],
)
def test_people_count_in_days_and_weeks(text: str, seconds: float) -> None:
    assert long_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "1", "1d2w", "1.5d", "1y", "1dd", "7 d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(DurationError):
        long_duration(text)


@given(st.text(st.sampled_from("0123456789.+-hmsdw ")) | st.text())
def test_any_text_is_read_by_people_or_refused(text: str) -> None:
    with suppress(DurationError):
        assert abs(long_duration(text)) < 1e16
