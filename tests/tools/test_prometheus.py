"""The Prometheus of the tests scrapes, answers, alerts and survives a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.process import ServerError, require, wait_until
from support.prometheus import Prometheus, Sample, promtool

pytestmark = pytest.mark.e2e

ALERT = {
    "groups": [
        {
            "name": "test",
            "rules": [
                {
                    "alert": "Hot",
                    "expr": "temperature_celsius > 30",
                    "annotations": {"summary": "{{ $value }}"},
                }
            ],
        }
    ]
}


@dataclass
class Exporter:
    address: str
    text: str


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    served = Exporter("", '# TYPE temperature_celsius gauge\ntemperature_celsius{room="a"} 21.5\n')

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served.text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield served
        server.shutdown()
        thread.join()


def test_scrape_query_alert_reload_and_crash(exporter: Exporter, tmp_path: Path) -> None:
    scrape = [{"job_name": "test", "static_configs": [{"targets": [exporter.address]}]}]
    with Prometheus(tmp_path, scrape, rule_files={"hot": ALERT}) as prometheus:
        [sample] = prometheus.wait_for("temperature_celsius")
        labels = {"__name__": "temperature_celsius", "room": "a", "job": "test", "instance": exporter.address}
        assert sample == Sample(labels, 21.5)
        [target] = prometheus.targets()
        assert (target["health"], target["labels"]["job"]) == ("up", "test")
        assert prometheus.query("temperature_celsius", at=0) == []
        assert prometheus.query("scalar(vector(2)) * 2") == [Sample({}, 4.0)]
        with pytest.raises(ServerError, match="parse error"):
            prometheus.query("not a query (")

        exporter.text = 'temperature_celsius{room="a"} 35\n'
        prometheus.wait_for('ALERTS{alertname="Hot", alertstate="firing"}')
        [alert] = prometheus.alerts()
        assert (alert["state"], alert["annotations"]["summary"]) == ("firing", "35")

        crashed = time.time()
        prometheus.kill()
        prometheus.start()
        prometheus.wait_for(
            "min_over_time(temperature_celsius[1h])", lambda found: [s.value for s in found] == [21.5]
        )

        prometheus.wait_for(f"timestamp(temperature_celsius) > {crashed!r}")

        exporter.text = "other 1\n"
        prometheus.wait_for("temperature_celsius", lambda found: not found)
        prometheus.scrape_configs = []
        prometheus.reload()
        wait_until(lambda: not prometheus.targets(), "no targets")


def test_failure_to_start_shows_the_log(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="field no_such_setting not found"):
        Prometheus(tmp_path, settings={"no_such_setting": 1}).start()


def test_waiting_in_vain_shows_the_last_result(tmp_path: Path) -> None:
    with Prometheus(tmp_path) as prometheus, pytest.raises(ServerError, match="in vain: absent") as failure:
        prometheus.wait_for("absent", timeout=0.1)
    assert failure.value.__notes__ == ["the last result was []"]


def test_prometheus_ends_with_a_parent_that_crashes(tmp_path: Path) -> None:
    require("prometheus")
    program = (
        "import sys; from pathlib import Path; from support.prometheus import Prometheus; "
        "server = Prometheus(Path(sys.argv[1])).start(); print(server.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
    wait_until(lambda: not Path(f"/proc/{child}").exists(), "Prometheus is gone")


def test_promtool() -> None:
    assert (
        promtool(
            "check", "metrics", stdin="# HELP a_total Good.\n# TYPE a_total counter\na_total 1\n"
        ).returncode
        == 0
    )
    assert promtool("check", "metrics", stdin="# TYPE a counter\na 1\n").returncode != 0
