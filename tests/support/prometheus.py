"""A real Prometheus for tests (tests/tools/prometheus)."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from support.process import Process, ServerError, free_port, require

START_SECONDS = 60.0


@dataclass(frozen=True)
class Sample:
    """One series of an instant query."""

    labels: dict[str, str]
    value: float


class Prometheus:
    """A Prometheus that keeps its data and configuration in a directory.

    Configurations are the objects that the YAML files of Prometheus hold. Files of rules are
    given by name, each as the object with "groups", or as the path of an existing file.
    """

    def __init__(
        self,
        directory: Path,
        scrape_configs: Sequence[Mapping[str, Any]] = (),
        *,
        rule_files: Mapping[str, Mapping[str, Any]] | Sequence[Path] = (),
        settings: Mapping[str, Any] | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        self.scrape_configs = scrape_configs
        self.rule_files = rule_files
        self.settings = settings or {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}}
        """Everything else at the top level of the configuration."""
        self.url = ""
        """Where Prometheus serves; the same after a restart."""
        self.log = directory / "prometheus.log"
        self._flags = flags
        self._address = ""
        self._process: Process | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start Prometheus, after a former run on the same port and with the same data."""
        binary = require("prometheus")
        assert self._process is None, "Prometheus runs already"
        self.directory.mkdir(parents=True, exist_ok=True)
        self._address = self._address or f"127.0.0.1:{free_port()}"
        self.url = f"http://{self._address}"
        process = Process(
            [
                binary,
                f"--config.file={self._write_config()}",
                f"--storage.tsdb.path={self.directory / 'data'}",
                f"--web.listen-address={self._address}",
                "--web.enable-lifecycle",
                "--scrape.discovery-reload-interval=100ms",
                *self._flags,
            ],
            self.log,
        )
        try:
            process.wait_until(self._ready, "Prometheus is ready", START_SECONDS)
        except BaseException:
            process.kill()
            raise
        self._process = process
        return self

    def stop(self) -> None:
        """Shut Prometheus down cleanly. Nothing happens if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def kill(self) -> None:
        """End Prometheus as a crash would; `start` continues with the data."""
        process, self._process = self._process, None
        assert process is not None, "Prometheus does not run"
        process.kill()

    def restart(self) -> None:
        """Shut Prometheus down cleanly and start it again."""
        self.stop()
        self.start()

    def reload(self) -> None:
        """Let Prometheus take over what was changed of `scrape_configs`, `rule_files` and `settings`."""
        self._write_config()
        self._call("/-/reload", method="POST")

    @property
    def pid(self) -> int:
        """The number of Prometheus's process."""
        assert self._process is not None, "Prometheus does not run"
        return self._process.pid

    def query(self, promql: str, at: float | None = None) -> list[Sample]:
        """Return the result of an instant query, now or at a time in Unix seconds."""
        parameters = {"query": promql} | ({} if at is None else {"time": repr(at)})
        data = self._api("query", parameters)
        result = data["result"]
        if data["resultType"] == "scalar":
            return [Sample({}, float(result[1]))]
        return [Sample(series["metric"], float(series["value"][1])) for series in result]

    def wait_for(
        self, promql: str, predicate: Callable[[list[Sample]], bool] = bool, timeout: float = 30.0
    ) -> list[Sample]:
        """Ask until the result of a query satisfies the predicate, by default any series; return it."""
        assert self._process is not None, "Prometheus does not run"
        last: list[Sample] = []

        def satisfied() -> bool:
            nonlocal last
            last = self.query(promql)
            return predicate(last)

        try:
            self._process.wait_until(satisfied, promql, timeout)
        except ServerError as error:
            error.add_note(f"the last result was {last}")
            raise
        return last

    def targets(self) -> list[dict[str, Any]]:
        """Return the active targets, with "labels", "health" and "lastError" each."""
        targets: list[dict[str, Any]] = self._api("targets", {"state": "active"})["activeTargets"]
        return targets

    def alerts(self) -> list[dict[str, Any]]:
        """Return the pending and firing alerts, with "labels", "annotations" and "state" each."""
        alerts: list[dict[str, Any]] = self._api("alerts", {})["alerts"]
        return alerts

    def _write_config(self) -> Path:
        paths: list[str] = []
        if isinstance(self.rule_files, Mapping):
            for name, content in self.rule_files.items():
                path = self.directory / f"{name}.rules.yml"
                path.write_text(json.dumps(content))
                paths.append(str(path))
        else:
            paths = [str(path) for path in self.rule_files]
        config = self.directory / "prometheus.yml"
        content = {**self.settings, "scrape_configs": list(self.scrape_configs), "rule_files": paths}
        config.write_text(json.dumps(content, indent=2))  # JSON is YAML too.
        return config

    def _ready(self) -> bool:
        try:
            self._call("/-/ready")
        except OSError:  # Which HTTPError, an answer other than success, is too.
            return False
        return True

    def _api(self, name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = json.loads(self._call(f"/api/v1/{name}?{urlencode(parameters)}"))
        except urllib.error.HTTPError as error:
            with error:
                raise ServerError(f"{name} {parameters}: {error.read().decode(errors='replace')}") from None
        data: dict[str, Any] = answer["data"]
        return data

    def _call(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            content: bytes = response.read()
        return content


def promtool(*arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool and return what it says, whether it succeeded or not."""
    command = [str(require("promtool")), *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)
