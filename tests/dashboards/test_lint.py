"""The dashboards against Grafana's own tools: its linter, and the code that it generates from its schema."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.reading import FILES, FOLDER, Json, board
from support.process import require

pytestmark = pytest.mark.e2e

names = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem.removeprefix("grafana-"))


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(require(tool)), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def lint(path: Path, *, config: Path | None = None) -> subprocess.CompletedProcess[str]:
    return run("dashboard-linter", "lint", "--strict", *(("--config", config) if config else ()), path)


@names
def test_the_linter_finds_nothing(path: Path) -> None:
    done = lint(path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_exception_is_needed_and_has_a_reason(tmp_path: Path) -> None:
    exclusions = yaml.safe_load((FOLDER / ".lint").read_text(encoding="utf-8"))["exclusions"]
    for rule, exclusion in exclusions.items():
        assert exclusion["reason"], rule
        fewer = {name: value for name, value in exclusions.items() if name != rule}
        config = tmp_path / f"{rule}.yaml"
        config.write_text(yaml.safe_dump({"exclusions": fewer}), encoding="utf-8")
        refused = {board(path)["title"] for path in FILES if lint(path, config=config).returncode != 0}
        assert refused == {entry["dashboard"] for entry in exclusion["entries"]}, rule


def test_the_linter_would_complain(tmp_path: Path) -> None:
    broken = copy.deepcopy(board(FILES[0]))
    broken["panels"][1]["targets"][0]["expr"] += " )"
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken), encoding="utf-8")
    done = lint(path)
    assert done.returncode == 1
    assert "invalid PromQL" in done.stdout


@names
def test_the_schema_knows_every_field(path: Path) -> None:
    done = run("dashboard-schema", path)
    assert done.returncode == 0, done.stderr


def first(dashboard: Json, kind: str) -> Json:
    found: Json = next(panel for panel in dashboard["panels"] if panel["type"] == kind)
    return found


def rename(holder: Json, name: str) -> None:
    holder[f"{name}z"] = holder.pop(name)


MISTAKES: dict[str, tuple[Callable[[Any], None], str]] = {
    "a field of the dashboard": (lambda d: rename(d, "timezone"), "timezonez"),
    "a field of a panel": (lambda d: rename(first(d, "table"), "transformations"), "transformationsz"),
    "a field of a query": (lambda d: rename(first(d, "stat")["targets"][0], "legendFormat"), "legendFormatz"),
    "a field of a variable": (lambda d: rename(d["templating"]["list"][1], "multi"), "multiz"),
    "an option": (lambda d: rename(first(d, "stat")["options"], "colorMode"), "colorModez"),
    "a standard setting": (lambda d: rename(first(d, "stat")["fieldConfig"]["defaults"], "unit"), "unitz"),
    "a setting of the kind": (
        lambda d: rename(first(d, "timeseries")["fieldConfig"]["defaults"]["custom"], "lineWidth"),
        "lineWidthz",
    ),
    "a wrong type": (lambda d: first(d, "stat")["gridPos"].update(w="4"), "gridPos"),
    "an unknown kind": (lambda d: first(d, "timeseries").update(type="timeserie"), "timeserie"),
    "a transformation": (lambda d: rename(first(d, "table")["transformations"][0], "id"), "idz"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_schema_notices(mistake: str, tmp_path: Path) -> None:
    change, word = MISTAKES[mistake]
    broken = copy.deepcopy(board(FOLDER / "grafana-daily-backup-overview.json"))
    change(broken)
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken), encoding="utf-8")
    done = run("dashboard-schema", path)
    assert done.returncode == 1
    assert word in done.stderr
