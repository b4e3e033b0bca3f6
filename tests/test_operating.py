"""What the page about operation says of look-backs, resources and numbers of series is so."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.story import Story
from backup_sentinel.duration import long_duration
from support.exporter import Exporter
from support.markdown import ROOT, blocks, text

PAGE = ROOT / "exporter" / "operating.md"
SPAN = re.compile(r"\[(\d+[smhdw])[^\]]*\](?: offset (\d+[smhdw]))?|\boffset (\d+[smhdw])")


def looks_back(rule: Path) -> float:
    """Return how far an alert looks into the past, in seconds."""
    expressions = [
        entry["expr"]
        for group in yaml.safe_load(rule.read_text("utf-8"))["groups"]
        for entry in group["rules"]
    ]
    return max(
        (
            sum(long_duration(part) for part in parts if part)
            for expression in expressions
            for parts in SPAN.findall(expression)
        ),
        default=0.0,
    )


def test_the_longest_looks_back_are_told() -> None:
    found = {rule.parent.name: looks_back(rule) for rule in (ROOT / "rules").glob("*/rule.yaml")}
    [row] = re.findall(r"^\| raw samples .*$", text(PAGE), re.MULTILINE)
    told = re.findall(r"`(\w+)`", row)
    longest = sorted((seconds for seconds in found.values()), reverse=True)
    assert [found[name] for name in told] == longest[: len(told)]
    assert [found[name] / 86400 for name in told] == [8, 7.25, 4]
    assert max(longest) < long_duration("15d")


def test_the_memory_is_what_was_measured_and_the_limit_is_above_it() -> None:
    results = text(ROOT / "benchmarks" / "RESULTS.md")
    measured = {
        name: float(size)
        for name, size in re.findall(r"^\| (.+?) \| ([\d.]+) \| MB \|", results, re.MULTILINE)
    }
    rows = dict(re.findall(r"^\| (.+?) \| (\d+) MB \|", text(PAGE), re.MULTILINE))
    for name, subject in (
        ("one cluster, a few schedules", "1 clusters, plain: resident"),
        ("one cluster, 10,000 backups", "10,000 Backups in pages: resident"),
        ("one cluster, 100,000 backups", "100,000 Backups in pages: resident"),
        ("500 clusters, without TLS", "500 clusters, plain: resident"),
        ("500 clusters, each with an authority of its own", "500 clusters, TLS: resident"),
    ):
        assert 0.95 < int(rows.pop(name)) / measured[subject] < 1.4, name  # told is rather too much
    assert not rows
    [block] = [block for block in blocks(PAGE, "yaml") if "resources" in block.code]
    limit = yaml.safe_load(block.code)["resources"]["limits"]["memory"]
    assert int(limit.removesuffix("Mi")) * 2**20 > 1.5e6 * measured["100,000 Backups in pages: resident"]


def told(begin: str) -> list[int]:
    """Return the numbers in the second cell of a row."""
    [cell] = re.findall(rf"^\| {begin}[^|]*\|([^|]*)\|", text(PAGE), re.MULTILINE)
    return [int(number) for number in re.findall(r"\d+", cell)]


@pytest.fixture
async def counted(tmp_path: Path) -> dict[str, Counter[str]]:
    """Series of two exporters, one with all operators and one with Velero only, by what they belong to."""
    async with SimulatedApiServer(Story.load("fleet").clusters["prod-eu"]) as server:
        settings = {"clusters": [{"name": "prod-eu", "api_url": server.url}]}

        def look(name: str, **more: Any) -> Counter[str]:
            with Exporter(tmp_path / name, {**settings, **more}) as exporter:
                exporter.wait_ready()
                return count(exporter.get("/metrics")[1].decode())

        return {
            "all": await asyncio.to_thread(look, "all"),
            "velero": await asyncio.to_thread(look, "velero", export={"operators": ["velero"]}),
        }


def count(page: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = sample.labels
            if labels.get("schedule") and labels["operator"] == "velero" and "target_namespace" not in labels:
                found[f"schedule {labels['schedule']} {labels['action']}"] += 1
            elif "location" in labels and "schedule" not in labels:
                found[
                    f"location {labels['operator']} {labels['resource_namespace']} {labels['location']}"
                ] += 1
            elif "repository" in labels:
                found[
                    f"location {labels['operator']} {labels['resource_namespace']} {labels['repository']}"
                ] += 1
            elif "cluster" in labels and "schedule" not in labels:
                found["cluster"] += 1
            elif "cluster" not in labels:
                found["process"] += 1
    return found


async def test_so_many_series_there_are(counted: dict[str, Counter[str]]) -> None:
    for found in counted.values():
        schedules = [number for name, number in found.items() if name.startswith("schedule")]
        least, most = told("one schedule of Velero")
        assert len(schedules) > 5
        assert least <= sum(schedules) / len(schedules)
        assert max(schedules) <= most
        least, most = told("one storage location")
        assert all(least <= number <= most for name, number in found.items() if name.startswith("location"))
        assert found["process"] <= told("the process")[0]
    assert counted["all"]["cluster"] == pytest.approx(told("one cluster ")[0], rel=0.15)
    [velero] = re.findall(r"(\d+) with `export.operators: \[velero\]`", text(PAGE))
    assert counted["velero"]["cluster"] == pytest.approx(int(velero), rel=0.15)
