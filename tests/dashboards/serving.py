"""Answers to the queries of a dashboard from a real Prometheus, as Grafana would ask for them."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from dashboards.drawing import Answer, Line
from dashboards.reading import Json, fill


class Source:
    """A Prometheus that is asked on behalf of a dashboard; `choice` are the values of its variables."""

    def __init__(
        self, url: str, dashboard: Json, choice: Mapping[str, str] | None = None, seconds: int = 900
    ) -> None:
        self.url = url
        self._dashboard = dashboard
        self._choice = choice or {}
        self._seconds = seconds
        self._end = int(time.time())

    def __call__(self, target: Json) -> Answer | None:
        """Return the answer to a target; None for another kind of data source."""
        if target["datasource"]["type"] != "prometheus":
            return None
        step = max(5, self._seconds // 180)
        auto = {"__interval": f"{step}s", "__rate_interval": "60s", "__range": f"{self._seconds}s"}
        expression = fill(target["expr"], self._dashboard, {**auto, **self._choice})
        if target["instant"]:
            found = self._api("query", {"query": expression, "time": str(self._end)})
            if target.get("format") == "table":
                return Answer(samples=[(series["metric"], float(series["value"][1])) for series in found])
            return Answer(
                [Line(_name(target, s["metric"]), [(self._end, float(s["value"][1]))]) for s in found]
            )
        found = self._api(
            "query_range",
            {
                "query": expression,
                "start": str(self._end - self._seconds),
                "end": str(self._end),
                "step": str(step),
            },
        )
        lines = [
            Line(
                _name(target, s["metric"]),
                [(float(at), float(v)) for at, v in s["values"] if v not in {"NaN", "+Inf"}],
            )
            for s in found
        ]
        return Answer([line for line in lines if line.points])

    def instant(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return the samples of an expression now, its variables replaced."""
        found = self._api("query", {"query": fill(expression, self._dashboard, self._choice)})
        return [(series["metric"], float(series["value"][1])) for series in found]

    def _api(self, name: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        # Grafana asks by POST: the longest queries do not fit into an address.
        request = urllib.request.Request(f"{self.url}/api/v1/{name}", data=urlencode(parameters).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                result: list[dict[str, Any]] = json.load(response)["data"]["result"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{parameters['query']}\n{error.read().decode()}") from None
        return result


def _name(target: Json, labels: Mapping[str, str]) -> str:
    legend = target["legendFormat"]
    if legend == "__auto":
        return ", ".join(f"{name}={value}" for name, value in labels.items())
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), legend).strip() or "value"
