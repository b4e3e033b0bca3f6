"""Every query of every panel, asked of real servers: the demo and a relay, scraped by Prometheus; and Loki's own parser."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from dashboards.drawing import height, page, panel_html
from dashboards.reading import FILES, FOLDER, Asked, board, fill, panels, queries
from dashboards.serving import Source
from dashboards.shooting import shoot
from relay.relay_process import Relay
from support.exporter import Exporter
from support.process import free_port, require
from support.prometheus import Prometheus

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

BUILD = 'backup_sentinel_build_info{job="backup-sentinel"}'
ADVANCE = "/api/v1/test/generate-mock-data"
BEATS = 60
"""The story of the demo has fewer, and begins again."""

SILENT = {
    "backup-sentinel: Phases that are not known: A": "the simulated Velero uses no phase that the profile does not know",
    "backup-sentinel: Saved memory: A": "the demo saves nothing",
    "backup-sentinel: Since the last save: A": "the demo saves nothing",
    "fleet-and-promises: Restores of each schedule's backups: C": "no schedule of the demo demands restore tests",
    "fleet-and-promises: Refused: A": "every schedule of the demo is valid",
    "velero-operations: Restores of each schedule's backups: B": "no schedule of the demo demands restore tests",
}
"""Queries that the demo gives no answer to, and why."""

SILENT_ALONE = SILENT | dict.fromkeys(
    ("velero-operations: Newest restores: B", "velero-operations: Newest restores: C"),
    "restores fail in the other cluster",
)
"""The same where only the first cluster is known."""

PROMQL = [asked for path in FILES for asked in queries(path) if asked.source == "prometheus"]
LOGQL = [asked for path in FILES for asked in queries(path) if asked.source == "loki"]


class Scene(NamedTuple):
    """The demo, and two that watch it."""

    demo: Exporter
    relay: Relay
    """One channel takes everything, the other is down."""
    pair: Prometheus
    """Scrapes it twice, as two replicas are scraped."""
    nameless: Prometheus
    """Knows one cluster only, and no label for it."""

    def advance(self) -> None:
        """Let the story go on by a beat, until both have scraped what came of it."""
        request = urllib.request.Request(f"{self.demo.url}{ADVANCE}", method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
        told = time.time()
        alert = {"labels": {"alertname": "KubeBackupFailed", "schedule": str(told)}}
        assert self.relay.ask("/alert", {"alerts": [alert]}).status == 200
        for watcher in (self.pair, self.nameless):
            watcher.wait_for(f"timestamp(backup_sentinel_build_info) > {told + 1.2}")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    require("prometheus")
    arguments = ("demo", "--listen", "127.0.0.1:0", "--log-level", "info", "--tick", "1h")
    settings = {"global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"}}
    root = tmp_path_factory.mktemp("dashboards")
    folder = root / "relay"
    folder.mkdir()
    with Exporter(root / "demo", {}, arguments=arguments) as demo, half_down(folder) as relay:
        demo.wait_ready()
        port = demo.url.rpartition(":")[2].strip("/")
        twice = {"targets": [f"127.0.0.1:{port}", f"localhost:{port}"]}
        job = {"job_name": "backup-sentinel", "static_configs": [twice]}
        relaying = {
            "job_name": "backup-sentinel-relay",
            "static_configs": [{"targets": [f"127.0.0.1:{relay.port}"]}],
        }
        once = {
            "job_name": "backup-sentinel",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
            "metric_relabel_configs": [
                {"source_labels": ["cluster"], "regex": "staging", "action": "drop"},
                {"regex": "cluster", "action": "labeldrop"},
            ],
        }
        with (
            Prometheus(root / "pair", [job, relaying], settings=settings) as pair,
            Prometheus(root / "nameless", [once, relaying], settings=settings) as nameless,
        ):
            yield Scene(demo, relay, pair, nameless)


@pytest.fixture(scope="module")
def lively(scene: Scene) -> Scene:
    """Let the story go on until runs have ended, and messages were delivered and wait."""
    seen = (
        "sum(delta(kube_backup_runs_total[5m])) > 0",
        'increase(backup_sentinel_relay_deliveries_total{result="delivered"}[5m]) > 0',
        "backup_sentinel_relay_oldest_pending_timestamp_seconds",
    )
    scene.pair.wait_for(f"count(count_over_time({BUILD}[1m]) > 3) == 2")
    for _ in range(BEATS):
        scene.advance()
        if all(scene.pair.query(each) for each in seen):
            return scene
    raise AssertionError(f"nothing of that in {BEATS} beats: {seen}")


def half_down(folder: Path) -> Relay:
    """Return a relay with a channel that cannot deliver, and soon gives up at least for a while."""
    delivery = {
        "first_retry_seconds": 0.2,
        "longest_retry_seconds": 0.5,
        "breaker_failures": 3,
        "breaker_seconds": 1,
    }
    down = {"type": "webhook", "name": "down", "url": f"http://127.0.0.1:{free_port()}/"}
    return Relay(
        folder,
        channels=[{"type": "log", "name": "log"}, {**down, "delivery": delivery}],
        enrichers=[{"type": "links", "runbook": "https://runbooks.example.com/{alertname}"}],
    )


def ask(watcher: Prometheus, asked: Asked, choice: dict[str, str] | None = None) -> list[dict[str, str]]:
    dashboard = board(FOLDER / asked.file)
    found = Source(watcher.url, dashboard, choice).instant(asked.expression)
    return [labels for labels, _ in found]


def test_every_query_is_answered_or_has_a_reason_not_to_be(scene: Scene) -> None:
    """Two replicas, one cluster without a label: each query has an answer at some moment of the story."""
    waiting = {
        id(watcher): {asked.name: asked for asked in PROMQL} for watcher in (scene.pair, scene.nameless)
    }
    scene.pair.wait_for(f"count({BUILD}) == 2")
    scene.nameless.wait_for(BUILD)
    for _ in range(BEATS):
        for watcher in (scene.pair, scene.nameless):
            left = waiting[id(watcher)]
            for name, asked in list(left.items()):
                found = ask(watcher, asked)
                if found:
                    del left[name]
                if watcher is scene.nameless:
                    assert not [labels for labels in found if "cluster" in labels], name
        if (
            waiting[id(scene.pair)].keys() <= SILENT.keys()
            and waiting[id(scene.nameless)].keys() <= SILENT_ALONE.keys()
        ):
            break
        scene.advance()
    assert waiting[id(scene.pair)].keys() == SILENT.keys()
    assert waiting[id(scene.nameless)].keys() == SILENT_ALONE.keys()


@pytest.mark.parametrize("cluster", ["staging", "(staging|prod-eu)", "nowhere"])
def test_a_choice_of_clusters_is_kept_to(scene: Scene, cluster: str) -> None:
    scene.pair.wait_for("backup_sentinel_cluster_up")
    wanted = set(cluster.strip("()").split("|"))
    chosen = 0
    for asked in PROMQL:
        found = [
            labels["cluster"]
            for labels in ask(scene.pair, asked, {"cluster": cluster})
            if "cluster" in labels
        ]
        assert set(found) <= wanted, asked.name
        chosen += len(found)
    assert bool(chosen) == (cluster != "nowhere")


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("namespace", "velero-tenants", "resource_namespace"),
        ("schedule", "mysql-daily", "schedule"),
        ("operator", "velero", "operator"),
    ],
)
def test_other_choices_are_kept_to(scene: Scene, name: str, value: str, label: str) -> None:
    scene.pair.wait_for("backup_sentinel_cluster_up")
    found = [
        labels[label]
        for asked in PROMQL
        if asked.file != "grafana-backup-sentinel.json"
        and not (name == "schedule" and "location" in asked.panel.lower() + asked.expression)
        for labels in ask(scene.pair, asked, {name: value})
        if label in labels
    ]
    assert found
    if name != "schedule":
        assert set(found) == {value}


def test_two_replicas_are_not_counted_twice(scene: Scene) -> None:
    scene.pair.wait_for("count(backup_sentinel_cluster_up) == 6")
    dashboard = board(FOLDER / "grafana-fleet-and-promises.json")
    [asked] = [
        asked
        for asked in PROMQL
        if asked.panel == "Schedules" and asked.file == "grafana-fleet-and-promises.json"
    ]
    # Schedules of other operators have targets, and count once for each.
    [(_, value)] = Source(scene.pair.url, dashboard, {"operator": "velero"}).instant(asked.expression)
    series = 'last_over_time(kube_backup_schedule_paused{operator="velero"}[1h])'
    [both] = scene.pair.query(f"count({series})")
    [each] = scene.pair.query(f"count(count without (instance) ({series}))")
    assert value == each.value == both.value / 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem.removeprefix("grafana-"))
def test_every_panel_is_drawn(lively: Scene, path: Path, tmp_path: Path) -> None:
    dashboard = board(path)
    source = Source(lively.pair.url, dashboard, seconds=120)
    empty = []
    for panel in panels(dashboard):
        body = panel_html(panel, source)
        if panel["type"] == "logs" or panel["datasource"]["type"] == "loki":
            assert "needs Loki" in body
        elif not any(mark in body for mark in ("<svg", "<table>", "class=stat")):
            assert panel["fieldConfig"]["defaults"]["noValue"] in body
            empty.append(panel["title"])
    assert len(empty) <= 6, empty
    text = page(dashboard, source)
    picture = shoot(text, tmp_path, height(dashboard))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000


def test_loki_understands_every_query() -> None:
    expressions = [fill(asked.expression, board(FOLDER / asked.file)) for asked in LOGQL]
    assert len(expressions) >= 6
    for wrong in (False, True):
        given = [f"{text} | |" for text in expressions] if wrong else expressions
        done = subprocess.run(
            [require("logql"), "parse"],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        results = json.loads(done.stdout)
        assert all(bool(result.get("error")) == wrong for result in results), results
        assert done.returncode == int(wrong)
