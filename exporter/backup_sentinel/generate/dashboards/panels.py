"""Panels as values: functions that return the JSON of Grafana's classic schema."""

from collections.abc import Mapping, Sequence

from .fields import Column, Json, column_override, paint_override, steps
from .grid import Panel

PROMETHEUS: Json = {"type": "prometheus", "uid": "${prometheus_datasource}"}

NARROWEST = 60
"""Pixels of a column of a table. Without it Grafana takes 150, and what does not fit is out of sight at the right."""

LOKI: Json = {"type": "loki", "uid": "${loki_datasource}"}


def query(
    expression: str, *, legend: str = "", interval: str = "", table: bool = False, instant: bool = True
) -> Json:
    """Return a PromQL query; the letter is set by its panel."""
    target: Json = {
        "datasource": PROMETHEUS,
        "editorMode": "code",
        "expr": expression,
        "instant": instant,
        "range": not instant,
        "legendFormat": legend or "__auto",
    }
    if table:
        target["format"] = "table"
    if interval:
        target["interval"] = interval
    return target


def series(expression: str, legend: str, *, interval: str = "") -> Json:
    """Return a PromQL query over time."""
    return query(expression, legend=legend, interval=interval, instant=False)


def logql(expression: str, *, legend: str = "", instant: bool = False) -> Json:
    """Return a LogQL query."""
    target: Json = {"datasource": LOKI, "editorMode": "code", "expr": expression}
    target["queryType"] = "instant" if instant else "range"
    if legend:
        target["legendFormat"] = legend
    return target


def stat(
    title: str,
    description: str,
    expression: str,
    *,
    unit: str = "short",
    thresholds: Json | None = None,
    none: str = "no data",
    links: Sequence[Json] = (),
    width: int = 4,
    height: int = 4,
    mappings: Sequence[Json] = (),
    legend: str = "",
    decimals: int | None = None,
    spark: bool = False,
) -> Panel:
    """Return one number, or one for each series of a query that has a legend."""
    target = series(expression, legend) if spark else query(expression, legend=legend)
    options = {
        "colorMode": "background",
        "graphMode": "area" if spark else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showPercentChange": False,
        "textMode": "value_and_name" if legend else "auto",
        "wideLayout": True,
    }
    panel = _panel("stat", title, description, [target], options, unit, thresholds, mappings, none, links)
    if decimals is not None:
        panel["fieldConfig"]["defaults"]["decimals"] = decimals
    return Panel(panel, width, height)


def graph(
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    unit: str = "short",
    bars: bool = False,
    palette: Mapping[str, str] | None = None,
    thresholds: Json | None = None,
    none: str = "no data",
    width: int = 12,
    height: int = 8,
    low: float | None = None,
    high: float | None = None,
) -> Panel:
    """Return lines over time, or stacked bars; a palette gives series a colour by their name."""
    custom: Json = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 80 if bars else 8,
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if bars else "none"},
    }
    if thresholds:
        custom["thresholdsStyle"] = {"mode": "dashed"}
    options = {
        "legend": {
            "calcs": ["lastNotNull"] if not bars else ["sum"],
            "displayMode": "table" if not bars else "list",
            "placement": "bottom",
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    panel = _panel("timeseries", title, description, targets, options, unit, thresholds, (), none, ())
    defaults = panel["fieldConfig"]["defaults"]
    defaults["custom"] = custom
    defaults["color"] = {"mode": "palette-classic"}
    defaults |= {name: value for name, value in (("min", low), ("max", high)) if value is not None}
    panel["fieldConfig"]["overrides"] = [
        paint_override(name, color) for name, color in (palette or {}).items()
    ]
    return Panel(panel, width, height)


def pie(
    title: str,
    description: str,
    target: Json,
    *,
    unit: str = "short",
    palette: Mapping[str, str] | None = None,
    none: str = "no data",
    width: int = 6,
    height: int = 8,
) -> Panel:
    """Return shares of a whole."""
    options = {
        "displayLabels": ["percent"],
        "legend": {
            "calcs": [],
            "displayMode": "table",
            "placement": "right",
            "showLegend": True,
            "values": ["value"],
        },
        "orientation": "auto",
        "pieType": "donut",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    panel = _panel("piechart", title, description, [target], options, unit, None, (), none, ())
    panel["fieldConfig"]["defaults"]["color"] = {"mode": "palette-classic"}
    panel["fieldConfig"]["overrides"] = [
        paint_override(name, color) for name, color in (palette or {}).items()
    ]
    return Panel(panel, width, height)


def states(
    title: str,
    description: str,
    target: Json,
    mappings: Sequence[Json],
    *,
    none: str = "no data",
    width: int = 24,
    height: int = 8,
) -> Panel:
    """Return one strip for each series, coloured by its state over time."""
    options = {
        "alignValue": "left",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.85,
        "showValue": "never",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    panel = _panel("state-timeline", title, description, [target], options, "short", None, mappings, none, ())
    panel["fieldConfig"]["defaults"]["custom"] = {"fillOpacity": 80, "lineWidth": 0, "spanNulls": False}
    panel["fieldConfig"]["defaults"]["color"] = {"mode": "thresholds"}
    return Panel(panel, width, height)


def table(
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    sort: str = "",
    descending: bool = True,
    none: str = "nothing",
    width: int = 24,
    height: int = 8,
    links: Sequence[Json] = (),
) -> Panel:
    """Return a table: a row for each set of labels, a column for each query; columns that are not named are hidden."""
    asked = [column for column in columns if column.query]
    targets = [query(column.query, table=True) for column in asked]
    letters = {column.title: chr(ord("A") + index) for index, column in enumerate(asked)}
    fields = {
        column.title: column.label or ("Value" if len(asked) == 1 else f"Value #{letters[column.title]}")
        for column in columns
        if column.title
    }
    transformations: list[Json] = [{"id": "merge", "options": {}}] if len(asked) > 1 else []
    transformations += [
        {"id": "filterFieldsByName", "options": {"include": {"names": list(fields.values())}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: index for index, name in enumerate(fields.values())},
                "renameByName": {name: shown for shown, name in fields.items()},
            },
        },
    ]
    options: Json = {"cellHeight": "sm", "frameIndex": 0, "showHeader": True}
    if sort:
        options["sortBy"] = [{"displayName": sort, "desc": descending}]
    panel = _panel("table", title, description, targets, options, "none", None, (), none, links)
    panel["transformations"] = transformations
    panel["fieldConfig"]["defaults"]["custom"] = {
        "align": "auto",
        "filterable": True,
        "inspect": False,
        "minWidth": NARROWEST,
    }
    panel["fieldConfig"]["overrides"] = [column_override(column) for column in columns if column.title]
    return Panel(panel, width, height)


def logs(title: str, description: str, expression: str, *, width: int = 24, height: int = 8) -> Panel:
    """Return lines of logs."""
    options = {
        "dedupStrategy": "none",
        "enableLogDetails": True,
        "prettifyLogMessage": False,
        "showCommonLabels": False,
        "showLabels": False,
        "showLogContextToggle": True,
        "showTime": True,
        "sortOrder": "Descending",
        "wrapLogMessage": True,
    }
    panel = _panel("logs", title, description, [logql(expression)], options, "", None, (), "", ())
    return Panel(panel, width, height)


def _panel(
    kind: str,
    title: str,
    description: str,
    targets: Sequence[Json],
    options: Json,
    unit: str,
    thresholds: Json | None,
    mappings: Sequence[Json],
    none: str,
    links: Sequence[Json],
) -> Json:
    defaults: Json = {
        "color": {"mode": "thresholds"},
        "mappings": list(mappings),
        "thresholds": thresholds or steps("text"),
    }
    defaults |= {name: text for name, text in (("unit", unit), ("noValue", none)) if text}
    panel: Json = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": targets[0]["datasource"],
        "targets": [{"refId": chr(ord("A") + index), **target} for index, target in enumerate(targets)],
        "options": options,
        "fieldConfig": {"defaults": defaults, "overrides": []},
    }
    if links:
        panel["links"] = list(links)
    return panel
