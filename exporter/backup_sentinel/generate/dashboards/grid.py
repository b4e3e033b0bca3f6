"""Panels in their places: rows of the grid that Grafana lays a dashboard out on."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .fields import Json

GRID = 24


class Panel(NamedTuple):
    """A panel and its size in the grid of 24 columns."""

    json: Json
    width: int
    height: int


class Row(NamedTuple):
    """A heading and the panels below it; a closed row asks nothing until somebody opens it."""

    title: str
    panels: Sequence[Panel]
    closed: bool = False


def layout(rows: Iterable[Row]) -> list[Json]:
    """Return the panels with their numbers and places: from left to right, from top to bottom."""
    laid: list[Json] = []
    number, top = 0, 0
    for row in rows:
        number += 1
        head: Json = {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": row.closed,
            "gridPos": {"h": 1, "w": GRID, "x": 0, "y": top},
            "panels": [],
        }
        laid.append(head)
        top, left, tallest = top + 1, 0, 0
        for panel in row.panels:
            number += 1
            if left + panel.width > GRID:
                top, left, tallest = top + tallest, 0, 0
            place = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            (head["panels"] if row.closed else laid).append({"id": number, "gridPos": place, **panel.json})
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
    return laid
