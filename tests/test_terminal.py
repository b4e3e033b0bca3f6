"""Tables fit the terminal, and nothing in them commands it."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.export.overview.words import plain
from backup_sentinel.terminal import Cell, Column, layout, measure, shorten, wants_color

COLUMNS = (Column("STATE"), Column("NAME", least=8), Column("EXTRA", drop=1), Column("WHY", least=10))


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "terminal", "environment", "wanted"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", False, {"FORCE_COLOR": "1"}, True),
        ("auto", True, {"FORCE_COLOR": "0"}, False),
        ("auto", True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_is_used_where_it_is_wanted(
    choice: str, terminal: bool, environment: dict[str, str], wanted: bool
) -> None:
    stream = Screen() if terminal else io.StringIO()
    assert wants_color(choice, stream, environment) is wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("東京都", 6, "東京都"),
        ("東京都", 5, "東京…"),
        ("東京都", 4, "東…"),
        ("🎉🎉🎉", 5, "🎉🎉…"),
        ("a b c", 3, "a…"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("x", 0, ""),
        ("\u2764\ufe0f\u2764\ufe0f\u2764\ufe0f", 4, "\u2764\ufe0f\u2764…"),
        ("\u2764\ufe0f\u2764\ufe0f\u2764\ufe0f", 5, "\u2764\ufe0f\u2764\ufe0f…"),
    ],
)
def test_what_is_too_wide_ends_with_an_ellipsis(text: str, width: int, shown: str) -> None:
    assert shorten(text, width) == shown
    assert measure(shorten(text, width)) <= width


def rows(*texts: str) -> list[list[Cell]]:
    return [[Cell("ok", "green"), Cell(text), Cell("extra"), Cell(text * 3)] for text in texts]


@given(st.lists(st.text(max_size=30).map(plain), min_size=1, max_size=5), st.integers(40, 160))
def test_no_line_is_wider_than_the_terminal(texts: list[str], width: int) -> None:
    for line in layout(COLUMNS, rows(*texts), width=width, color=False):
        assert measure(line) <= width


@given(st.lists(st.text(max_size=30).map(plain), min_size=1, max_size=5))
def test_colour_changes_nothing_but_the_colour(texts: list[str]) -> None:
    bare = layout(COLUMNS, rows(*texts), width=60, color=False)
    painted = layout(COLUMNS, rows(*texts), width=60, color=True)
    assert [re.sub(r"\x1b\[\d+m", "", line).rstrip() for line in painted] == bare


def test_columns_are_left_out_before_others_are_cut() -> None:
    assert "EXTRA" in layout(COLUMNS, rows("somewhat-long"), width=80, color=False)[0]
    head, line = layout(COLUMNS, rows("somewhat-long"), width=28, color=False)
    assert head.split() == ["STATE", "NAME", "WHY"]
    assert line.startswith("ok     some")
    assert "…" in line


def test_a_column_that_is_empty_throughout_is_left_out() -> None:
    head, _ = layout(COLUMNS, [[Cell("ok"), Cell(""), Cell(""), Cell("why")]], width=None, color=False)
    assert head.split() == ["STATE", "WHY"]


def test_without_a_terminal_nothing_is_cut() -> None:
    assert "x" * 500 in "".join(layout(COLUMNS, rows("x" * 500), width=None, color=False))


NAMES = (
    Column("STATE"),
    Column("NAME", least=8, ease=12, ends=True),
    Column("EXTRA", drop=1),
    Column("WHY", least=4, ease=10),
)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 5, "short"),
        ("nightly / pvc-1", 9, "nigh…vc-1"),
        ("nightly / pvc-1", 2, "…1"),
        ("nightly / pvc-1", 1, "…"),
        ("nightly / pvc-1", 0, ""),
        ("東京都東京都", 7, "東京…都"),
        ("\u2764\ufe0f\u2764\ufe0f\u2764\ufe0f", 5, "\u2764\ufe0f…\u2764\ufe0f"),
        ("abcde\u0301", 3, "a…e\u0301"),
        ("abcd🎉\u0301", 3, "ab…"),
    ],
)
def test_of_a_name_both_ends_are_kept(text: str, width: int, shown: str) -> None:
    assert shorten(text, width, ends=True) == shown


@given(st.lists(st.text(max_size=30).map(plain), min_size=1, max_size=5), st.integers(21, 160))
def test_no_line_is_wider_where_both_ends_are_kept(texts: list[str], width: int) -> None:
    for line in layout(NAMES, rows(*texts), width=width, color=False):
        assert measure(line) <= width


def test_names_that_differ_at_the_end_stay_different() -> None:
    names = [f"volumes-nightly / pvc-75a09021-c452-58ba-9dba-4cdac891829{n}" for n in range(4)]
    lines = layout(
        NAMES, [[Cell("ok"), Cell(name), Cell(""), Cell("")] for name in names], width=40, color=False
    )
    assert len(set(lines[1:])) == 4


def test_a_column_is_left_out_before_another_is_narrower_than_is_easy_to_read() -> None:
    head, line = layout(NAMES, rows("x" * 30), width=38, color=False)
    assert head.split() == ["STATE", "NAME", "EXTRA", "WHY"]
    assert len(line.split()[1]) == 12
    head, line = layout(NAMES, rows("x" * 30), width=37, color=False)
    assert head.split() == ["STATE", "NAME", "WHY"]
