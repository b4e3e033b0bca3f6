"""Draws a dashboard as a page, from the answers to its panels' queries: places and sizes, words, units, colours.

It is not Grafana. It shows what a reader of the dashboard would be told, and in which order, and finds a panel whose
table is too full, whose unit is wrong, or that says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from dashboards.tables import rows
from dashboards.values import config_of, paint, series_color, show

Json = dict[str, Any]

CELL, GAP = 30, 8
STYLE = """
body { background:#111217; color:#ccccdc; font:13px/1.4 Inter,Roboto,Helvetica,Arial,sans-serif; margin:12px; width:1560px }
h1 { font-size:18px; font-weight:500; margin:4px 0 10px }
.grid { display:grid; grid-template-columns:repeat(24,1fr); grid-auto-rows:30px; gap:8px }
.panel { background:#181b1f; border:1px solid #25282d; border-radius:2px; overflow:hidden; display:flex; flex-direction:column }
.panel h2 { font-size:13px; font-weight:500; margin:0; padding:5px 8px }
.row { font-size:15px; font-weight:500; padding:4px 0 }
.body { flex:1; min-height:0; padding:2px 8px 6px; overflow:hidden; position:relative }
.stats { display:flex; gap:4px; height:100% }
.stat { flex:1; border-radius:3px; display:flex; flex-direction:column; align-items:center; justify-content:center; color:#fff }
.stat b { font-size:26px; font-weight:500 } .stat i { font-style:normal }
.none { height:100%; display:flex; align-items:center; justify-content:center; color:#8e8e8e }
table { border-collapse:collapse; width:100%; font-size:12px } th { text-align:left; color:#6e9fff; font-weight:500 }
td,th { padding:3px 6px; border-bottom:1px solid #25282d; white-space:nowrap } .n { text-align:right !important }
.legend { font-size:11px; color:#9fa7b3 } .legend span { margin-right:12px }
.dot { display:inline-block; width:10px; height:4px; margin-right:4px; vertical-align:middle }
svg { display:block } svg text { fill:#8e8e8e; font-size:10px }
"""


class Line(NamedTuple):
    """A series: its name and its points, in seconds."""

    name: str
    points: Sequence[tuple[float, float]]


class Answer(NamedTuple):
    """What a data source says to a query: series over time, or samples of one moment with their labels."""

    lines: Sequence[Line] = ()
    samples: Sequence[tuple[Mapping[str, str], float]] = ()


Ask = Callable[[Json], Answer | None]
"""Asks for the answer to a target; None if there is no such data source."""


def page(dashboard: Json, ask: Ask) -> str:
    """Return a page. Closed rows are drawn closed."""
    parts = [_place(panel, panel_html(panel, ask)) for panel in dashboard["panels"]]
    title = escape(dashboard["title"])
    return (
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
        f"<h1>{title}</h1><div class=grid>{''.join(parts)}</div>"
    )


def height(dashboard: Json) -> int:
    """Return how many pixels high the page is."""
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    return int(bottom * (CELL + GAP) + 80)


def panel_html(panel: Json, ask: Ask) -> str:
    """Return what a panel shows."""
    if panel["type"] == "row":
        return f"<div class=row>{'▸' if panel['collapsed'] else '▾'} {escape(panel['title'])}</div>"
    answers = {target["refId"]: ask(target) for target in panel["targets"]}
    known = {letter: answer for letter, answer in answers.items() if answer is not None}
    if len(known) < len(answers):
        body = _none("needs Loki")
    elif panel["type"] == "table":
        body = _table(panel, rows(panel, {letter: answer.samples for letter, answer in known.items()}))
    else:
        lines = [line for answer in known.values() for line in answer.lines]
        body = (
            KINDS[panel["type"]](panel, lines)
            if lines
            else _none(panel["fieldConfig"]["defaults"]["noValue"])
        )
    return f"<h2>{escape(panel['title'])}</h2><div class=body>{body}</div>"


def _place(panel: Json, inner: str) -> str:
    at = panel["gridPos"]
    area = f"{at['y'] + 1}/{at['x'] + 1}/span {at['h']}/span {at['w']}"
    kind = "" if panel["type"] == "row" else " class=panel"
    return f"<div{kind} style='grid-area:{area}'>{inner}</div>"


def _none(text: str) -> str:
    return f"<div class=none>{escape(text)}</div>"


def _stat(panel: Json, lines: Sequence[Line]) -> str:
    config = panel["fieldConfig"]["defaults"]
    named = panel["options"]["textMode"] == "value_and_name"
    cells = []
    for line in lines:
        value = line.points[-1][1]
        background = paint(value, config)
        if background == "#ccccdc":
            background = "#22252b"
        name = f"<i>{escape(line.name)}</i>" if named else ""
        cells.append(
            f"<div class=stat style='background:{background}'>{name}<b>{escape(show(value, config))}</b></div>"
        )
    return f"<div class=stats>{''.join(cells)}</div>"


def _table(panel: Json, records: Sequence[Mapping[str, float | str]]) -> str:
    if not records:
        return _none(panel["fieldConfig"]["defaults"]["noValue"])
    order = list(panel["transformations"][-1]["options"]["renameByName"].values())
    titles = [title for title in order if any(title in record for record in records)]
    numbers = {
        title
        for title in titles
        if not config_of(panel, title).get("mappings")
        and any(isinstance(record.get(title), float) for record in records)
    }
    head = "".join(f"<th{' class=n' if title in numbers else ''}>{escape(title)}</th>" for title in titles)
    lines = []
    for record in records:
        cells = []
        for title in titles:
            value, config = record.get(title), config_of(panel, title)
            style, text = "", escape(show(value, config))
            cell = config.get("custom.cellOptions", {}).get("type")
            if cell and value is not None:
                side = "background" if cell == "color-background" else "color"
                style = (
                    f" style='{side}:{paint(value, config)}{';color:#fff' if side == 'background' else ''}'"
                )
            number = " class=n" if title in numbers else ""
            cells.append(f"<td{number}{style}>{text}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _size(panel: Json) -> tuple[float, float]:
    at: dict[str, int] = panel["gridPos"]
    return at["w"] * 1560 / 24 - 26, at["h"] * (CELL + GAP) - GAP - 36


def _legend(panel: Json, lines: Iterable[Line]) -> str:
    dots = (
        f"<span><span class=dot style='background:{series_color(panel, line.name, index)}'></span>{escape(line.name)}</span>"
        for index, line in enumerate(lines)
    )
    return f"<div class=legend>{''.join(dots)}</div>"


def _graph(panel: Json, lines: Sequence[Line]) -> str:
    width, tall = _size(panel)
    tall -= 18 * (1 + len(lines) // 6)
    config = panel["fieldConfig"]["defaults"]
    bars = config["custom"]["drawStyle"] == "bars"
    moments = sorted({moment for line in lines for moment, _ in line.points})
    first, last = moments[0], max(moments[-1], moments[0] + 1)
    tops = [value for line in lines for _, value in line.points]
    if bars:
        stacked = [sum(dict(line.points).get(moment, 0) for line in lines) for moment in moments]
        tops = [0.0, *stacked]
    low: float = config.get("min", 0 if bars else min(tops))
    high: float = config.get("max", max(tops))
    high = high if high > low else low + 1
    left = 62.0

    def x(moment: float) -> float:
        return left + (moment - first) / (last - first) * (width - left - 8)

    def y(value: float) -> float:
        return 6 + (high - value) / (high - low) * (tall - 24)

    marks = []
    for step in range(5):
        value = low + (high - low) * step / 4
        text = escape(show(value, {"unit": config.get("unit", "short")}))
        marks.append(f"<line x1={left} x2={width} y1={y(value):.1f} y2={y(value):.1f} stroke='#25282d'/>")
        marks.append(f"<text x={left - 4} y={y(value) + 3:.1f} text-anchor=end>{text}</text>")
    bottoms = dict.fromkeys(moments, 0.0)
    wide = max(2.0, (width - left) / max(len(moments), 24) * 0.8)
    for index, line in enumerate(lines):
        stroke = series_color(panel, line.name, index)
        if bars:
            for moment, value in line.points:
                base = bottoms[moment]
                bottoms[moment] += value
                marks.append(
                    f"<rect x={x(moment) - wide / 2:.1f} y={y(base + value):.1f} width={wide:.1f} "
                    f"height={max(0.0, y(base) - y(base + value)):.1f} fill='{stroke}'/>"
                )
        else:
            path = " ".join(f"{x(moment):.1f},{y(value):.1f}" for moment, value in line.points)
            marks.append(f"<polyline points='{path}' fill=none stroke='{stroke}' stroke-width=1.5 />")
    return f"<svg width={width:.0f} height={tall:.0f}>{''.join(marks)}</svg>{_legend(panel, lines)}"


def _pie(panel: Json, lines: Sequence[Line]) -> str:
    _, tall = _size(panel)
    radius = tall / 2 - 14
    total = sum(line.points[-1][1] for line in lines)
    if not total:
        return _none("0")
    around, length, marks = 0.0, 2 * 3.141592653589793 * radius, []
    for index, line in enumerate(lines):
        share = line.points[-1][1] / total
        marks.append(
            f"<circle r={radius:.0f} cx={tall / 2:.0f} cy={tall / 2:.0f} fill=none stroke-width=26 "
            f"stroke='{series_color(panel, line.name, index)}' stroke-dasharray='{share * length:.1f} {length:.1f}' "
            f"stroke-dashoffset={-around * length:.1f} />"
        )
        around += share
    legend = [Line(line.name, line.points) for line in lines]
    texts = "".join(f"<div>{escape(line.name)}: {line.points[-1][1]:.0f}</div>" for line in legend)
    return f"<div style='display:flex;gap:12px'><svg width={tall:.0f} height={tall:.0f}>{''.join(marks)}</svg><div class=legend>{texts}</div></div>"


def _states(panel: Json, lines: Sequence[Line]) -> str:
    width, tall = _size(panel)
    config = panel["fieldConfig"]["defaults"]
    first = min(line.points[0][0] for line in lines)
    last = max(line.points[-1][0] for line in lines)
    thick = min(34.0, (tall - 8) / len(lines))
    left = 8 + 6.2 * max(len(line.name) for line in lines)
    scale = (width - left - 8) / max(last - first, 1)
    marks = []
    for index, line in enumerate(lines):
        top = index * thick + 2
        marks.append(
            f"<text x={left - 6:.0f} y={top + thick / 2 + 3:.0f} text-anchor=end>{escape(line.name)}</text>"
        )
        step = min((b[0] - a[0] for a, b in zip(line.points, line.points[1:], strict=False)), default=1)
        marks += [
            f"<rect x={left + (moment - first) * scale:.1f} y={top:.1f} width={step * scale + 0.6:.1f} "
            f"height={thick * 0.82:.1f} fill='{paint(value, config)}'/>"
            for moment, value in line.points
        ]
    return f"<svg width={width:.0f} height={tall:.0f}>{''.join(marks)}</svg>"


KINDS: dict[str, Callable[[Json, Sequence[Line]], str]] = {
    "stat": _stat,
    "timeseries": _graph,
    "piechart": _pie,
    "state-timeline": _states,
}
