"""The log panels, asked of Loki's own engine: lines of Velero in both of its formats end up where they belong."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from dashboards.reading import FILES, Asked, board, fill, queries
from support.process import require

pytestmark = pytest.mark.e2e

NOW = 1_772_323_200.0
LABELS = {"namespace": "velero", "container": "velero"}
LINES = {
    "info": 'time="2026-03-01T00:00:00Z" level=info msg="Setting up backup store" backup=velero/shop-1',
    "text": 'time="2026-03-01T00:00:00Z" level=error msg="Error uploading log file" backup=velero/shop-1',
    "json": '{"backup":"velero/shop-1","level":"error","msg":"error putting object into the bucket"}',
    "network": 'time="2026-03-01T00:00:00Z" level=warning msg="dial tcp: connection refused" backup=velero/shop-1',
    "storage": 'time="2026-03-01T00:00:00Z" level=warning msg="BackupStorageLocation \\"default\\" is unavailable"',
    "ended": 'time="2026-03-01T00:00:00Z" level=info msg="Backup completed" backup=velero/shop-1',
}
FOUND = {
    "Errors and warnings of backups": {"text", "json", "network", "storage"},
    "What became of backups": {"ended"},
    "Errors": {"text", "json"},
    "Storage": {"json", "storage"},
    "Infrastructure": {"network"},
}
LOKI = {asked.panel: asked for path in FILES for asked in queries(path) if asked.source == "loki"}


def answers(asked: Asked, labels: dict[str, str]) -> list[dict[str, Any]]:
    [path] = [path for path in FILES if path.name == asked.file]
    entries = [{"time": NOW - 10 - index, "line": line} for index, line in enumerate(LINES.values())]
    question = {
        "expression": fill(asked.expression, board(path)),
        "time": NOW,
        "streams": [{"labels": labels, "entries": entries}],
    }
    done = subprocess.run(
        [require("logql"), "query"],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "labels", [LABELS, {**LABELS, "cluster": "prod"}], ids=["one cluster", "named cluster"]
)
def test_lines_are_found(labels: dict[str, str]) -> None:
    assert LOKI.keys() == {*FOUND, "Lines by level"}
    names = {line: name for name, line in LINES.items()}
    for panel, expected in FOUND.items():
        assert {names[answer["line"]] for answer in answers(LOKI[panel], labels)} == expected, panel


def test_lines_of_others_are_not() -> None:
    for asked in LOKI.values():
        assert answers(asked, {"namespace": "velero", "container": "somebody-else"}) == []


def test_lines_are_counted_by_level() -> None:
    counted = answers(LOKI["Lines by level"], LABELS)
    assert {answer["labels"]["level"]: answer["value"] for answer in counted} == {
        "info": 2,
        "error": 2,
        "warning": 2,
    }
