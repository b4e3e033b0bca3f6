"""Instants, durations and text for people."""

import pytest

from backup_sentinel.export.overview import (
    words,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mysql-daily", "mysql-daily"),
        ("Größe 東京 🎉", "Größe 東京 🎉"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
        ("a\u200bb\U000e0001", "a\\u200bb\\U000e0001"),
        ("two\nlines", "two\\x0alines"),
    ],
)
def test_text_is_made_harmless_and_visible(text: str, shown: str) -> None:
    assert words.plain(text) == shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (61, "1m 1s"), (86400 + 59, "1d 59s"), (93600, "1d 2h")]
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert words.span(seconds) == text


def test_an_instant_beyond_the_calendar_is_none() -> None:
    assert words.instant(1e30) == words.NOTHING
