"""The configurations of Grafana Alloy and the expressions of Loki, read and run by the parsers and engines themselves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from support.process import require

ROOT = Path(__file__).resolve().parents[2]
ALLOY = ROOT / "charts" / "alloy"
LOKI = ROOT / "rules" / "loki"
VARIANTS = ("full", "simple")

Block = dict[str, Any]
Entry = dict[str, Any]


class RefusedError(Exception):
    """A tool does not take its input; the text is what it says."""


def tool(name: str, *arguments: str | Path, given: object = None) -> Any:
    """Run a tool of ours that speaks JSON. What is wrong is part of its answer, or raises RefusedError."""
    done = subprocess.run(
        [str(require(name)), *map(str, arguments)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if not done.stdout:
        raise RefusedError(done.stderr)
    return json.loads(done.stdout)


@cache
def configuration(path: Path) -> Mapping[str, Any]:
    """Return what stands in a configuration."""
    found: dict[str, Any] = tool("alloy", "parse", path)
    return found


def walk(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield blocks and those in them."""
    for block in blocks:
        yield block
        yield from walk(block["blocks"])


def stages(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """Return stages of loki.process in the words of Promtail, whose code runs them."""
    return [{_name(block["name"]): _settings(block)} for block in blocks]


def _name(name: str) -> str:
    return {"label_drop": "labeldrop"}.get(name.removeprefix("stage."), name.removeprefix("stage."))


def _settings(block: Block) -> Any:
    values = {key: attribute["value"] for key, attribute in block["attributes"].items()}
    if block["name"] == "stage.match":
        return values | {"stages": stages(block["blocks"])}
    if block["name"] in {"stage.labels", "stage.structured_metadata"}:
        return {key: value or None for key, value in values["values"].items()}
    if block["name"] == "stage.label_drop":
        return values["values"]
    return values


def process(variant: str, entries: Sequence[Entry]) -> list[Entry]:
    """Return log lines as they leave the pipeline of a configuration."""
    [block] = [
        one for one in configuration(ALLOY / f"{variant}.alloy")["blocks"] if one["name"] == "loki.process"
    ]
    found: list[Entry] = tool("alloy", "run", given={"stages": stages(block["blocks"]), "entries": entries})
    return found


def query(expression: str, streams: Sequence[Mapping[str, Any]], at: float) -> list[dict[str, Any]]:
    """Return what Loki's engine answers at a time (Unix seconds)."""
    asked = {"expression": expression, "time": at, "streams": streams}
    found: list[dict[str, Any]] = tool("logql", "query", given=asked)
    return found


def parse(expressions: Sequence[str]) -> list[dict[str, str]]:
    """Return what Loki's parser says of expressions."""
    found: list[dict[str, str]] = tool("logql", "parse", given=expressions)
    return found
