"""How a value is shown: its unit, its words, its colour. As Grafana does it, as far as these dashboards need it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

COLORS = {
    "green": "#56a64b",
    "yellow": "#e0b400",
    "orange": "#ff780a",
    "red": "#e02f44",
    "dark-red": "#a11623",
    "blue": "#3274d9",
    "purple": "#8f3bb8",
    "text": "#ccccdc",
}
PALETTE = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642")
SPANS = ((86_400 * 7, "week"), (86_400, "day"), (3600, "hour"), (60, "min"), (1, "s"))
"""Grafana writes 1.5 hours, 2 days, 3 weeks."""


def color(name: str) -> str:
    """Return a colour as the browser knows it. Raises KeyError for one that this drawing does not know."""
    return name if name.startswith("#") else COLORS[name]


def show(value: float | str | None, config: Json) -> str:
    """Return a value as text."""
    if isinstance(value, str):
        return value
    if value is None or math.isnan(value):
        return ""
    for mapping in config.get("mappings", ()):
        options = mapping["options"]
        if mapping["type"] == "value" and f"{value:g}" in options:
            return str(options[f"{value:g}"]["text"])
    return _unit(value, config.get("unit", "short"), config.get("decimals"))


def paint(value: float | str | None, config: Json) -> str:
    """Return the colour of a value, from its words or its thresholds."""
    key = value if isinstance(value, str) else "" if value is None else f"{value:g}"
    for mapping in config.get("mappings", ()):
        if key in mapping["options"]:
            return color(mapping["options"][key]["color"])
    chosen = COLORS["text"]
    if isinstance(value, str) or value is None:
        return chosen
    for step in config.get("thresholds", {}).get("steps", ()):
        if step["value"] is None or value >= step["value"]:
            chosen = color(step["color"])
    return chosen


def config_of(panel: Json, field: str) -> Json:
    """Return how a field of a panel is shown: the defaults and what is overridden for it."""
    config = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        assert override["matcher"]["id"] == "byName"
        if override["matcher"]["options"] == field:
            config |= {item["id"]: item["value"] for item in override["properties"]}
    return config


def series_color(panel: Json, name: str, index: int) -> str:
    """Return the colour of a series: the one that is set for its name, or the next of the palette."""
    fixed = config_of(panel, name)["color"].get("fixedColor")
    return color(fixed) if fixed else PALETTE[index % len(PALETTE)]


def _unit(value: float, unit: str, decimals: int | None) -> str:
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f}%"
    if unit == "s":
        return _span(value, decimals)
    if unit == "dateTimeFromNow":
        away = value / 1000 - time.time()
        return f"in {_span(away, 0)}" if away > 0 else f"{_span(-away, 0)} ago"
    if unit == "bytes":
        return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB"), decimals)
    suffix = {"short": "", "none": "", "cps": " c/s", "reqps": " req/s"}[unit]
    if unit == "short" and abs(value) >= 1000:
        return _scaled(value, 1000, ("", "K", "Mil", "Bil"), decimals)
    return f"{value:.{decimals}f}{suffix}" if decimals is not None else f"{value:.3g}{suffix}"


def _span(seconds: float, decimals: int | None) -> str:
    for size, name in SPANS:
        if abs(seconds) >= size:
            text = f"{seconds / size:.{1 if decimals is None else decimals}f}"
            return f"{text} {name}{'s' if text not in ('1', '1.0') and size >= 3600 else ''}"
    return f"{seconds * 1000:.0f} ms"


def _scaled(value: float, base: int, names: Sequence[str], decimals: int | None) -> str:
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value, power = value / base, power + 1
    return f"{value:.{1 if decimals is None else decimals}f} {names[power]}".strip()
