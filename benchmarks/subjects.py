"""The processes that are measured, and the servers they read from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import yaml

from backup_sentinel.export.profile import load_profiles
from benchmarks.machine import Usage, usage
from benchmarks.objects import Objects
from kube.certificates import Authority
from support.apiserver import ADMIN_TOKEN, ApiServer, resource_path
from support.crds import definitions
from support.exporter import Exporter
from support.process import TOOLS, Process, free_port

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / ".tools" / "benchmarks"
"""Where data of servers is kept for the next run."""
PATH = resource_path("velero.io", "v1", "backups")
POLL_SECONDS = 0.05
PATIENCE = 280.0
SCHEDULES = 1000


class Subject(Exporter):
    """An exporter whose use of the machine can be seen."""

    @property
    def usage(self) -> Usage:
        """What it has used so far."""
        assert self._process is not None
        return usage(self._process.pid)

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None
        return self._process.pid

    def page(self, schedules: int) -> bytes:
        """Return the page; raise RuntimeError unless it shows so many schedules.

        A server that refuses everything leaves the exporter ready, and nothing would be measured.
        """
        body: bytes = self.get("/metrics")[1]
        shown = body.count(b"\nkube_backup_restorable_runs{")
        if shown != schedules:
            raise RuntimeError(f"the page shows {shown} of {schedules} schedules; see {self.log}")
        return body

    def wait_ready(self, timeout: float = PATIENCE) -> None:
        """Wait until everything has been read and is shown; asks seldom, since asking costs."""
        deadline = time.monotonic() + timeout
        while True:
            with suppress(TimeoutError):
                if self.get("/-/ready")[0] == 200:
                    return
            if time.monotonic() > deadline:
                raise TimeoutError("the exporter is not ready")
            time.sleep(POLL_SECONDS)


def exporter(clusters: list[dict[str, Any]], **export: Any) -> Subject:
    """Return an exporter of these clusters; operators other than Velero are left out."""
    settings = {"clusters": clusters, "export": {"operators": ["velero"], **export}}
    return Subject(WORK / "exporter", settings)


@contextmanager
def apiserver(backups: int) -> Iterator[ApiServer]:
    """Run a real API server that holds so many Backups; what it holds is kept for the next run."""
    folder = WORK / f"apiserver-{backups}"
    filled = folder / "filled"
    with ApiServer(folder, check_namespaces=False) as server:
        if not filled.exists():
            _fill(server, Objects(backups, SCHEDULES, time.time()))
            filled.touch()
        # One write brings the pages back into the server's cache, as in a cluster that is used.
        body = {"metadata": {"annotations": {"touched": str(time.time())}}}
        first = server.list_objects("velero.io", "v1", "backups", query={"limit": 1})["items"][0]["metadata"]
        server.patch("velero.io", "v1", "backups", first["namespace"], first["name"], body)
        yield server


def _fill(server: ApiServer, objects: Objects) -> None:
    [velero] = load_profiles(operators=("velero",))
    for manifest in definitions(velero).values():
        server.apply_crd(manifest)

    def create(plural: str, body: bytes) -> None:
        manifest = json.loads(body)
        metadata = manifest["metadata"]
        for name in ("resourceVersion", "uid", "generation"):
            metadata.pop(name, None)
        path = resource_path("velero.io", "v1", plural, metadata["namespace"])
        answer = server.request("POST", path, manifest)
        if answer.status not in {201, 409}:
            answer.json()

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda number: create("schedules", objects.schedule(number)), range(SCHEDULES)):
            pass
        for _ in pool.map(lambda number: create("backups", objects.backup(number)), range(objects.backups)):
            pass


def cluster(server: ApiServer, **more: Any) -> dict[str, Any]:
    """Return how the exporter reaches a real API server."""
    return {
        "name": "prod",
        "api_url": server.url,
        "token": ADMIN_TOKEN,
        "ca_file": str(server.ca_file),
        **more,
    }


def discard(server: ApiServer) -> dict[str, float]:
    """Read all pages in a process that throws them away."""
    address = server.url.removeprefix("https://")
    command = [sys.executable, "-m", "benchmarks.pager", address, str(server.ca_file), ADMIN_TOKEN, PATH]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


class Farm:
    """Simulated API servers in another process (see farm.py)."""

    def __init__(self, *, tls: bool = False, **counts: Any) -> None:
        WORK.mkdir(parents=True, exist_ok=True)
        more = [
            part for name, value in counts.items() for part in (f"--{name.replace('_', '-')}", str(value))
        ]
        self.ca = ""
        if tls:
            folder = WORK / "certificates"
            folder.mkdir(exist_ok=True)
            authority = Authority.create(folder)
            certificate, key = authority.sign("server", "server")
            more += ["--certificate", str(certificate), "--key", str(key)]
            self.ca = str(authority.ca)
        command = [sys.executable, "-m", "benchmarks.farm", *more]
        log = WORK / "farm.log"
        self._process = Process(command, log, control=True)
        self.url: str = json.loads(self._process.stdout.readline())["url"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def do(self, what: str, **more: Any) -> dict[str, float]:
        """Give a command; return what it tells."""
        self._process.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")
        self._process.stdin.flush()
        found: dict[str, float] = json.loads(self._process.stdout.readline())
        return found

    def clusters(self, numbers: range) -> list[dict[str, Any]]:
        """Return how the exporter reaches some of the clusters."""
        trust = {"ca_file": self.ca} if self.ca else {}
        return [{"name": f"c{number}", "api_url": f"{self.url}/c{number}", **trust} for number in numbers]


class StateMetrics:
    """kube-state-metrics with ten metrics for each Backup."""

    def __init__(self, server: ApiServer, *, environment: dict[str, str] | None = None) -> None:
        folder = WORK / "kube-state-metrics"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
        (folder / "config.yaml").write_text(yaml.safe_dump(_state_metrics()))
        port, own = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}/metrics"
        command: list[str | Path] = [
            TOOLS / "kube-state-metrics",
            f"--kubeconfig={folder / 'kubeconfig'}",
            "--custom-resource-state-only",
            f"--custom-resource-state-config-file={folder / 'config.yaml'}",
            *("--host=127.0.0.1", f"--port={port}", "--telemetry-host=127.0.0.1", f"--telemetry-port={own}"),
        ]
        self._process = Process(command, folder / "log", environment={**os.environ, **(environment or {})})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid


def _state_metrics() -> dict[str, Any]:
    def gauge(name: str, path: list[str]) -> dict[str, Any]:
        each = {"type": "Gauge", "gauge": {"path": path[:-1], "valueFrom": [path[-1]], "nilIsZero": True}}
        return {"name": name, "help": name, "each": each}

    phases = ["Completed", "PartiallyFailed", "Failed", "InProgress"]
    state = {
        "type": "StateSet",
        "stateSet": {"labelName": "phase", "path": ["status", "phase"], "list": phases},
    }
    return {
        "kind": "CustomResourceStateMetrics",
        "spec": {
            "resources": [
                {
                    "groupVersionKind": {"group": "velero.io", "version": "v1", "kind": "Backup"},
                    "resourcePlural": "backups",
                    "metricNamePrefix": "velero_backup",
                    "labelsFromPath": {
                        "name": ["metadata", "name"],
                        "exported_namespace": ["metadata", "namespace"],
                        "schedule": ["metadata", "labels", "velero.io/schedule-name"],
                    },
                    "metrics": [
                        gauge("started", ["status", "startTimestamp"]),
                        gauge("completed", ["status", "completionTimestamp"]),
                        gauge("expires", ["status", "expiration"]),
                        gauge("errors", ["status", "errors"]),
                        gauge("warnings", ["status", "warnings"]),
                        gauge("items", ["status", "progress", "itemsBackedUp"]),
                        {"name": "phase", "help": "phase", "each": state},
                    ],
                }
            ]
        },
    }
