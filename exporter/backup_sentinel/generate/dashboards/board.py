"""A whole dashboard: its variables, its links to the others, and what all of them have in common."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from .fields import RULES, Json
from .grid import Row, layout
from .panels import PROMETHEUS
from .promql import CLUSTER

SCHEMA_VERSION = 39
"""The classic schema of Grafana 10.4; newer ones read it as it is."""

TAG = "backup-sentinel"
STATUS_PAGE = "http://localhost:9950"
KNOWN = '{__name__=~"kube_backup_schedule_info|kube_backup_last_attempt_timestamp_seconds"'


class Board(NamedTuple):
    """What is particular to a dashboard."""

    file: str
    uid: str
    title: str
    description: str
    variables: Sequence[Json]
    rows: Sequence[Row]
    hours: int = 24
    refresh: str = "1m"


def text(board: Board) -> str:
    """Return the JSON that Grafana imports."""
    return json.dumps(document(board), indent=2, ensure_ascii=False) + "\n"


def document(board: Board) -> Json:
    """Return a dashboard in the classic schema."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": [TAG, "backup", "kubernetes"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "liveNow": False,
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "timezone": "browser",
        "time": {"from": f"now-{board.hours}h", "to": "now"},
        "timepicker": {"refresh_intervals": ["30s", "1m", "5m", "15m", "1h"]},
        "refresh": board.refresh,
        "annotations": {"list": []},
        "links": _links(),
        "templating": {"list": list(board.variables)},
        "panels": layout(board.rows),
    }


def sources(*, loki: bool) -> list[Json]:
    """Return the variables that choose the data sources; Loki's may stay empty."""
    found = [_source("prometheus_datasource", "Prometheus data source", "prometheus", "default")]
    if loki:
        found.append(_source("loki_datasource", "Loki data source", "loki", ""))
    return found


def choices(*names: str) -> list[Json]:
    """Return the variables that choose clusters, operators, namespaces and schedules: all, one, or several.

    All is `.*`, which an absent label matches too: the dashboards work where no label tells clusters apart.
    """
    place = f'{KNOWN}, {CLUSTER}, operator=~"$operator"'
    queries = {
        "cluster": ("Cluster", "label_values(backup_sentinel_cluster_up, cluster)"),
        "operator": ("Operator", f"label_values({KNOWN}, {CLUSTER}}}, operator)"),
        "namespace": ("Namespace", f"label_values({place}}}, resource_namespace)"),
        "schedule": (
            "Schedule",
            f'label_values({place}, resource_namespace=~"$namespace"}}, schedule)',
        ),
    }
    return [variable(name, *queries[name]) for name in names or queries]


def variable(name: str, label: str, definition: str, every: str = ".*") -> Json:
    """Return a variable whose values come from Prometheus; `every` is what "All" stands for."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": PROMETHEUS,
        "definition": definition,
        "query": {"query": definition, "refId": f"Prometheus-{name}"},
        "regex": "",
        "refresh": 2,
        "sort": 5,
        "multi": True,
        "includeAll": True,
        "allValue": every,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
        "hide": 0,
        "skipUrlSync": False,
    }


def status_page() -> Json:
    """Return the hidden variable with the address of the exporter's own page, for the link to it."""
    return {
        "type": "textbox",
        "name": "status_page",
        "label": "Status page",
        "description": "Address of the exporter's own page",
        "query": STATUS_PAGE,
        "current": {"selected": True, "text": STATUS_PAGE, "value": STATUS_PAGE},
        "options": [{"selected": True, "text": STATUS_PAGE, "value": STATUS_PAGE}],
        "hide": 2,
        "skipUrlSync": False,
    }


def _source(name: str, label: str, kind: str, current: str) -> Json:
    return {
        "type": "datasource",
        "name": name,
        "label": label,
        "query": kind,
        "regex": "",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "current": {"selected": False, "text": current, "value": current},
        "options": [],
        "hide": 0,
        "skipUrlSync": False,
    }


def _links() -> list[Json]:
    shared: Json = {
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": True,
    }
    return [
        {
            **shared,
            "type": "dashboards",
            "title": "Backup Sentinel",
            "icon": "external link",
            "tooltip": "The other dashboards, with the same choice",
            "url": "",
            "tags": [TAG],
            "asDropdown": True,
            "includeVars": True,
            "keepTime": True,
            "targetBlank": False,
        },
        {
            **shared,
            "type": "link",
            "title": "Status page",
            "icon": "bolt",
            "tooltip": "Every schedule and its last runs, from the exporter itself",
            "url": "${status_page}",
        },
        {
            **shared,
            "type": "link",
            "title": "Alerts and runbooks",
            "icon": "doc",
            "tooltip": "What each alert means and what to do",
            "url": f"{RULES}/README.md",
        },
    ]
