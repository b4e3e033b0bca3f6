"""The first thing a newcomer does: `make demo`, and look."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.apiserver import ApiServer
from support.exporter import Exporter
from support.process import wait_until

from .conftest import cluster

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
ADVANCE = "/api/v1/test/generate-mock-data"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    arguments = ("demo", "--log-level", "info", "--tick", "1h")
    with Exporter(tmp_path_factory.mktemp("demo"), {}, arguments=arguments) as exporter:
        exporter.wait_ready()
        yield exporter


def post(exporter: Exporter, query: str = "") -> dict[str, object]:
    request = urllib.request.Request(f"{exporter.url}{ADVANCE}{query}", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        told = json.load(answer)
    assert isinstance(told, dict)
    return told


def test_a_story_of_three_clusters_with_all_kinds_of_outcomes(demo: Exporter) -> None:
    clusters = {"prod-eu", "prod-us", "staging"}
    assert {labels["cluster"] for labels, _ in demo.samples("backup_sentinel_cluster_up")} == clusters
    overview = json.loads(demo.get("/api/v1/schedules")[1])
    assert {"ok", "warning", "critical", "paused"} <= {row["state"] for row in overview["schedules"]}


def test_several_operators_fail_and_others_do_not(demo: Exporter) -> None:
    rows = json.loads(demo.get("/api/v1/schedules")[1])["schedules"]
    assert len({row["operator"] for row in rows}) >= 6
    assert {"critical", "warning"} <= {row["state"] for row in rows if row["operator"] != "velero"}
    assert len({row["operator"] for row in rows if row["state"] in {"critical", "warning"}}) >= 4
    families = {
        labels["operator"] for labels, _ in demo.samples("kube_backup_last_success_timestamp_seconds")
    }
    assert families == {row["operator"] for row in rows}
    assert not [labels for labels, value in demo.samples("backup_sentinel_problems_total") if value]
    up = demo.samples("backup_sentinel_resource_up")
    assert [labels for labels, value in up if value != 1] == []


def test_the_story_goes_on_when_told(demo: Exporter) -> None:
    told = post(demo, "?n=12")
    assert told["steps"] == 12
    assert told["changes"]


def test_the_page_in_a_browser(demo: Exporter, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        import os

        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no Chromium is installed")
    shot = tmp_path / "status.png"
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=1280,1600",
            f"--screenshot={shot}",
            "--dump-dom",
            f"{demo.url}/",
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for text in ("prod-eu", "staging", "Needs a look", "mysql-daily"):
        assert text in done.stdout
    assert shot.stat().st_size > 20_000


def test_make_demo_is_the_first_command() -> None:
    process = subprocess.Popen(
        ["make", "demo", "ARGS=--listen 127.0.0.1:0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = next(line.split()[0] for line in process.stdout if line.strip().startswith("http"))
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert b"prod-eu" in answer.read()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_only_the_demo_takes_orders(apiserver: ApiServer, tmp_path: Path) -> None:
    settings = {"clusters": [cluster(apiserver, "admin", tmp_path)]}
    with Exporter(tmp_path, settings) as exporter:
        wait_until(lambda: exporter.get("/-/healthy")[0] == 200 or None, "healthy")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            post(exporter)
