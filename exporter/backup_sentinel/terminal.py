"""Text on a terminal: colour only where it is wanted, columns that fit, and nothing that commands the terminal.

In: cells as plain text. Out: lines. The only place that knows wcwidth.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import IO, Literal, NamedTuple

from wcwidth import wcswidth, wcwidth

ColorChoice = Literal["auto", "always", "never"]

GAP = 2
"""Spaces between two columns."""

ELLIPSIS = "…"

_CODES = {"red": "31", "yellow": "33", "green": "32", "dim": "2", "bold": "1"}


class Column(NamedTuple):
    """One column. `least` is how narrow it may become; those with a higher `drop` are left out first, 0 never.

    They are left out before another becomes narrower than its `ease`. With `ends` both ends of a text are kept where it is made shorter: names often differ only in the last part.
    """

    name: str
    least: int = 0
    drop: int = 0
    ease: int = 0
    ends: bool = False


class Cell(NamedTuple):
    """Text and how it is painted: red, yellow, green, dim, bold or not at all."""

    text: str
    paint: str = ""


def wants_color(choice: ColorChoice, stream: IO[str], environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether to paint: as chosen, else as NO_COLOR (https://no-color.org) and FORCE_COLOR say, else on a terminal."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    forced = environment.get("FORCE_COLOR", "")
    if forced:
        return forced not in {"0", "false"}
    return stream.isatty() and environment.get("TERM") != "dumb"


def width_of(stream: IO[str]) -> int | None:
    """Return the columns of the terminal; None where the stream is none, and lines may be of any length."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def measure(text: str) -> int:
    """Return how many columns a text takes; what cannot be told counts as one each."""
    width = wcswidth(text)
    return width if width >= 0 else len(text)


def shorten(text: str, width: int, *, ends: bool = False) -> str:
    """Return a text that takes at most so many columns, with an ellipsis where something is left out.

    That is at its end, or with `ends` in its middle.
    """
    if measure(text) <= width:
        return text
    if width <= 0:
        return ""
    tail = _part(text, width // 2, end=True).lstrip() if ends else ""
    while tail and not wcwidth(tail[0]):
        tail = tail[1:]  # it was written over what is left out
    return _part(text, width - 1 - measure(tail)).rstrip() + ELLIPSIS + tail


def _part(text: str, width: int, *, end: bool = False) -> str:
    """Return as much of a text as fits, from its beginning or up to its end.

    Measured as a whole: a character may make the one before it wider.
    """
    kept = ""
    for count in range(1, len(text) + 1):
        part = text[-count:] if end else text[:count]
        if measure(part) > width:
            break
        kept = part
    return kept


def layout(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, width: int | None, color: bool
) -> list[str]:
    """Return the lines of a table with its head. A column that is empty throughout is left out, the first never.

    With a `width` columns are left out, and then made narrower, until the lines fit.
    """
    kept = [number for number in range(len(columns)) if not number or any(row[number].text for row in rows)]
    natural = {
        number: max(measure(columns[number].name), *(measure(row[number].text) for row in rows), 0)
        for number in kept
    }
    if width is not None:
        kept = _fitting(columns, kept, natural, width)
        _squeeze(columns, kept, natural, width)
    lines = [[Cell(columns[number].name, "bold") for number in kept]]
    lines += [[row[number] for number in kept] for row in rows]
    shapes = [(natural[number], columns[number].ends) for number in kept]
    return [_line(line, shapes, color=color) for line in lines]


def paint(text: str, style: str, *, color: bool) -> str:
    """Return a text in a colour."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if color and style and text else text


def _fitting(columns: Sequence[Column], kept: list[int], natural: dict[int, int], width: int) -> list[int]:
    """Leave columns out until the rest can be made to fit."""
    kept = list(kept)
    while True:
        least = sum(min(natural[number], _ease(columns[number]) or natural[number]) for number in kept)
        spare = [number for number in kept if columns[number].drop]
        if least + GAP * (len(kept) - 1) <= width or not spare:
            return kept
        kept.remove(max(spare, key=lambda number: columns[number].drop))


def _ease(column: Column) -> int:
    return max(column.ease, column.least)


def _squeeze(columns: Sequence[Column], kept: list[int], natural: dict[int, int], width: int) -> None:
    """Make the widest of the columns narrower until the line fits or none is left: first none below its ease."""
    for floors in (
        {number: _ease(columns[number]) for number in kept},
        {number: columns[number].least for number in kept},
    ):
        while sum(natural[number] for number in kept) + GAP * (len(kept) - 1) > width:
            able = [number for number in kept if 0 < floors[number] < natural[number]]
            if not able:
                break
            natural[max(able, key=natural.__getitem__)] -= 1


def _line(cells: Sequence[Cell], shapes: Sequence[tuple[int, bool]], *, color: bool) -> str:
    parts = []
    for cell, (width, ends) in zip(cells, shapes, strict=True):
        text = shorten(cell.text, width, ends=ends)
        parts.append(paint(text, cell.paint, color=color) + " " * (width - measure(text)))
    return (" " * GAP).join(parts).rstrip()
