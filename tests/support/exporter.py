"""Runs the command `backup-sentinel` as users run it: as a process, from its configuration file."""

from __future__ import annotations

import json
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from prometheus_client.parser import text_string_to_metric_families

from .process import Process, wait_until

START_SECONDS = 90.0
"""A start takes a second of processor time, for which a process may wait long where others have the processors."""
DEFAULTS: dict[str, Any] = {"web": {"listen": "127.0.0.1:0"}, "state": {"backend": "off"}}


class Exporter:
    """An exporter with its configuration and log in a directory; `settings` are the configuration's root."""

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, Any],
        *,
        command: Sequence[str | Path] = (sys.executable, "-m", "backup_sentinel"),
        arguments: Sequence[str] = ("export",),
    ) -> None:
        self.directory = directory
        self.settings = settings
        self.url = ""
        """Where it serves; another one after a restart."""
        self.log = directory / "exporter.log"
        self._command = [*command, *arguments]
        self._process: Process | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the process and wait until it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "config.yaml"
        config.write_text(yaml.safe_dump({**DEFAULTS, **self.settings}), encoding="utf-8")
        self.log.unlink(missing_ok=True)
        process = Process([*self._command, "--config", config, "--log-format", "json"], self.log)
        self._process = process
        self.url = process.wait_until(self._announced, "the exporter listens", START_SECONDS)
        return self

    def stop(self) -> None:
        """End the process in order; its exit code must be 0."""
        process, self._process = self._process, None
        if process is not None:
            code = process.stop()
            assert code == 0, process.tail()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP."""
        assert self._process is not None
        import os

        os.kill(self._process.pid, number)

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of the log so far."""
        return [
            json.loads(line)
            for line in self.log.read_text(encoding="utf-8").splitlines()
            if line.startswith("{")
        ]

    def _announced(self) -> str | None:
        # The relay of a demo listens, too; it has channels and no clusters.
        listening = (line for line in self.lines() if line["message"] == "listening")
        return next((line["url"] for line in listening if "clusters" in line), None)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Return status and body of an answer."""
        request = urllib.request.Request(self.url + path, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait until every resource that can be reached has been listed."""
        wait_until(lambda: self.get("/-/ready")[0] == 200 or None, "the exporter is ready", timeout)

    def samples(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Return the samples of a name whose labels are as given."""
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(self.get("/metrics")[1].decode())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the one value of a name whose labels are as given; None if there is none."""
        found = self.samples(name, **labels)
        assert len(found) < 2, found
        return found[0][1] if found else None
