"""The dashboards as they are shipped, and their queries as Grafana would send them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))
EVERYTHING = {"__rate_interval": "1m", "__interval": "1h", "__range": "24h", "__auto": "5m"}
"""What Grafana's own variables are taken for."""


class Asked(NamedTuple):
    """A query of a panel."""

    file: str
    panel: str
    letter: str
    source: str
    expression: str
    target: Json

    @property
    def name(self) -> str:
        """Where it is, to be read by people."""
        return f"{self.file.removeprefix('grafana-').removesuffix('.json')}: {self.panel}: {self.letter}"


@cache
def board(path: Path) -> Json:
    """Return a dashboard."""
    read: Json = json.loads(path.read_text(encoding="utf-8"))
    return read


def panels(dashboard: Json) -> Iterator[Json]:
    """Yield all panels, also those in closed rows, without the rows."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def queries(path: Path) -> Iterator[Asked]:
    """Yield the queries of a dashboard."""
    for panel in panels(board(path)):
        for target in panel["targets"]:
            kind = target["datasource"]["type"]
            yield Asked(path.name, panel["title"], target["refId"], kind, target["expr"], target)


def fill(expression: str, dashboard: Json, choice: Mapping[str, str] | None = None) -> str:
    """Return a query with its variables replaced: `choice` by name, all of the others, as Grafana writes them."""
    values = dict(EVERYTHING)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            values[variable["name"]] = variable["allValue"]
    values |= choice or {}

    def replace(match: re.Match[str]) -> str:
        return values[match[1] or match[2]]

    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", replace, expression)
