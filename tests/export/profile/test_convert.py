"""Formats of instants, durations and sizes, as operators write them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.export.profile.convert import FORMATS, Kind, instant, long_duration, show_time

T = 1772413445.0  # 2026-03-02T01:04:05Z


@pytest.mark.parametrize(
    ("word", "value", "expected"),
    [
        ("rfc3339", "2026-03-02T01:04:05Z", T),
        ("rfc3339", "2026-03-02t01:04:05z", T),
        ("rfc3339", "2026-03-02 01:04:05", T),
        ("rfc3339", "2026-03-02T01:04:05", T),
        ("rfc3339", "2026-03-02T02:04:05+01:00", T),
        ("rfc3339", "2026-03-02T01:04:05.5Z", T + 0.5),
        ("rfc3339", "2026-03-02T01:04:05.500000000Z", T + 0.5),
        ("rfc3339", "2026-03-02 02:04:05.250000+0100", T + 0.25),
        ("rfc3339", "2026-03-01T23:59:60Z", 1772409600.0),
        ("rfc3339", "0001-01-01T00:00:00Z", None),
        ("rfc3339", "", None),
        ("ctime", "Mon Mar  2 01:04:05 2026", T),
        ("ctime", "", None),
        ("go-time", "2026-03-02 01:04:05.5 +0000 UTC m=+1234.567890123", T + 0.5),
        ("go-time", "2026-03-02 02:04:05 +0100 CET", T),
        ("go-time", "0001-01-01 00:00:00 +0000 UTC", None),
        ("unix", 1772413445, T),
        ("unix", "1772413445", T),
        ("unix", 0, None),
        ("unix-ms", 1772413445000, T),
        ("unix-ns", 1772413445000000000, T),
        ("go", "4h0m0s", 14400.0),
        ("go", "1m2.417s", 62.417),
        ("go", "720h0m0s", 2592000.0),
        ("go", "1.5h", 5400.0),
        ("go", "300ms", 0.3),
        ("go", "2\u00b5s", 2e-6),
        ("go", "0", 0.0),
        ("go", "-5m", -300.0),
        ("go", "", None),
        ("clock", "0:05", 5.0),
        ("clock", "1:02:03", 3723.0),
        ("seconds", "0.318463127", 0.318463127),
        ("seconds", 7, 7),
        ("milliseconds", 1500, 1.5),
        ("nanoseconds", 2_000_000_000, 2.0),
        ("bytes", 554286, 554286),
        ("bytes", "554286", 554286),
        ("bytes", "", None),
        ("quantity", "5Gi", 5 * 2**30),
        ("quantity", "1500M", 1.5e9),
        ("quantity", "1048576", 1048576.0),
        ("quantity", "10m", 0.01),
        ("quantity", "1e3", 1000.0),
        ("quantity", "1E", 1e18),
        ("quantity", "12Ki", 12288.0),
        ("human-1024", "1.234 GiB", 1.234 * 2**30),
        ("human-1024", "1.23GB", 1.23 * 2**30),
        ("human-1000", "1.23GB", 1.23e9),
        ("human-1000", "512.000 KiB", 512 * 1024.0),
        ("human-1000", "17 B", 17.0),
        ("human-1000", "3kb", 3000.0),
        ("number", 3, 3),
        ("number", "3", 3),
    ],
)
def test_formats(word: str, value: Any, expected: float | None) -> None:
    found = FORMATS[word].read(value)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-6))


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("rfc3339", "2026-03-02"),
        ("rfc3339", "20260302T010405Z"),
        ("rfc3339", "2026-W10-1T01:04:05Z"),
        ("rfc3339", "2026-02-30T00:00:00Z"),
        ("rfc3339", "2026-03-02T25:00:00Z"),
        ("rfc3339", 1772413445),
        ("ctime", "2026-03-02T01:04:05Z"),
        ("go-time", "2026-03-02T01:04:05Z"),
        ("unix", 1772413445000),
        ("unix", "soon"),
        ("go", "5"),
        ("go", "1d"),
        ("go", "5 m"),
        ("go", "-"),
        ("go", "1hour"),
        ("clock", "5"),
        ("clock", "0:5"),
        ("bytes", "5Gi"),
        ("bytes", -1),
        ("bytes", "1" * 5000),
        ("quantity", "1.234 GiB"),
        ("quantity", "-1"),
        ("human-1000", "many"),
        ("number", float("nan")),
        ("number", True),
    ],
)
def test_refused(word: str, value: Any) -> None:
    with pytest.raises(ValueError):
        FORMATS[word].read(value)


def test_type_is_declared_and_never_guessed() -> None:
    assert FORMATS["quantity"].read("10m") == pytest.approx(0.01)
    assert FORMATS["go"].read("10m") == 600.0


def test_weeks_and_days_are_for_people() -> None:
    assert long_duration("1w2d12h") == 604_800 + 2 * 86_400 + 43_200
    with pytest.raises(ValueError):
        long_duration("1y")


@given(st.integers(1, 253402300799))
def test_the_quick_form_agrees(moment: int) -> None:
    text = show_time(float(moment))
    assert instant(text, 1e30) == FORMATS["rfc3339"].read(text) == moment


def test_instant_beyond_the_limit() -> None:
    with pytest.raises(ValueError):
        instant("2026-03-02T01:04:05Z", T - 1)
    with pytest.raises(ValueError):
        instant("2026-03-02T01:04:05.1Z", T)
    assert instant("0001-01-01T00:00:00Z", T) is None


@pytest.mark.parametrize("word", FORMATS)
@given(
    value=st.text(max_size=30)
    | st.integers()
    | st.floats()
    | st.from_regex(r"[0-9:.+TZ -]{1,25}", fullmatch=True)
)
def test_nothing_but_value_errors(word: str, value: Any) -> None:
    kind, read, types = FORMATS[word]
    if type(value) not in types:
        return
    try:
        found = read(value)
    except ValueError:
        return
    assert found is None or abs(found) <= 1e300
    if kind in {Kind.SIZE, Kind.COUNT}:
        assert found is None or found >= 0


@given(st.floats())
def test_show_time_never_raises(moment: float) -> None:
    if moment == moment and abs(moment) < 1e300:  # noqa: PLR0124 - not NaN
        assert show_time(moment)
