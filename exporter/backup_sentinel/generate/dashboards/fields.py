"""How values are shown: colours, words for numbers, links, and the columns of tables."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]

RULES = "https://github.com/backup-sentinel/backup-sentinel/blob/main/rules"

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "#8e8e8e"

OUTCOMES = {
    "succeeded": GREEN,
    "partial": YELLOW,
    "failed": RED,
    "cancelled": BLUE,
    "skipped": GREY,
    "unknown": "purple",
}

HEALTH = {
    0: ("well", GREEN),
    1: ("paused", BLUE),
    2: ("warning", YELLOW),
    3: ("critical", RED),
    4: ("not seen", ORANGE),
}


class Column(NamedTuple):
    """A column of a table: the query that fills it, or the label that it shows, and how it is shown.

    Without a title a query only brings rows and their labels.
    """

    title: str
    query: str = ""
    label: str = ""
    unit: str = ""
    steps: Json | None = None
    mappings: Sequence[Json] = ()
    width: int = 0
    links: Sequence[Json] = ()
    fill: bool = False
    """Whether colour fills the cell; else thresholds colour the text."""
    decimals: int | None = None


def steps(base: str, *more: tuple[float, str]) -> Json:
    """Return thresholds: a colour from minus infinity, and each further one from a value on."""
    first: Json = {"color": base, "value": None}
    return {
        "mode": "absolute",
        "steps": [first, *({"color": color, "value": value} for value, color in more)],
    }


def words(options: Mapping[int, tuple[str, str]]) -> Json:
    """Return a mapping of numbers to words with colours."""
    return {
        "type": "value",
        "options": {
            str(value): {"text": text, "color": color, "index": index}
            for index, (value, (text, color)) in enumerate(options.items())
        },
    }


def colors(options: Mapping[str, str]) -> Json:
    """Return a mapping that gives words a colour."""
    return {
        "type": "value",
        "options": {
            word: {"text": word, "color": color, "index": i}
            for i, (word, color) in enumerate(options.items())
        },
    }


def link(title: str, url: str) -> Json:
    """Return a link that opens beside the dashboard."""
    return {
        "title": title,
        "type": "link",
        "icon": "doc",
        "tooltip": "",
        "url": url,
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "targetBlank": True,
    }


def runbook(alert: str) -> Json:
    """Return the link to what to do about an alert."""
    return link(f"What to do: {alert}", f"{RULES}/{alert}/runbook.md")


def _data(link: Json) -> Json:
    return {name: link[name] for name in ("title", "url", "targetBlank")}


def paint_override(name: str, color: str) -> Json:
    """Return what gives the series of a name a colour."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}],
    }


def column_override(column: Column) -> Json:
    """Return how a column is shown."""
    properties: list[Json] = []
    if column.unit:
        properties.append({"id": "unit", "value": column.unit})
    if column.decimals is not None:
        properties.append({"id": "decimals", "value": column.decimals})
    if column.mappings:
        properties.append({"id": "mappings", "value": list(column.mappings)})
    if column.steps:
        properties.append({"id": "thresholds", "value": column.steps})
    if column.steps or column.mappings:
        kind = "color-background" if column.fill else "color-text"
        properties.append({"id": "custom.cellOptions", "value": {"type": kind}})
    if column.width:
        properties.append({"id": "custom.width", "value": column.width})
    if column.links:
        properties.append({"id": "links", "value": [_data(link) for link in column.links]})
    return {"matcher": {"id": "byName", "options": column.title}, "properties": properties}
