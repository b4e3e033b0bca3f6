"""The real relay as a process of its own, and how one talks to it."""

from __future__ import annotations

import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import yaml

from support.process import Process, free_port

START_SECONDS = 60.0


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Relay:
    """A relay with its file in a directory. Log and lines of the log channel go to one file."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.directory = directory
        self.log = directory / "relay.log"
        self.settings = settings
        self.web: dict[str, Any] = {}
        """Further settings of `web`."""
        self.context: ssl.SSLContext | None = None
        """How it is checked over https, and who asks; `url` says whether it is https."""
        self.headers: dict[str, str] = {}
        """Sent with each request that does not bring its own."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: Process | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        """Start, and wait until requests are answered."""
        process = self.spawn()
        process.wait_until(self._answers, "the relay is ready", START_SECONDS)
        return self

    def spawn(self) -> Process:
        """Start without waiting."""
        outbox = {"path": str(self.directory / "relay.db"), **self.settings.get("outbox", {})}
        config = {
            "web": {"listen": f"127.0.0.1:{self.port}", **self.web},
            "relay": {**self.settings, "outbox": outbox},
        }
        file = self.directory / "config.yaml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        command: Sequence[str | Path] = [sys.executable, "-m", "backup_sentinel", "relay", "--config", file]
        self._process = Process(command, self.log)
        return self._process

    def stop(self) -> None:
        """End it as Kubernetes does."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def ask(
        self,
        path: str,
        body: bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Answer:
        """Send a request; every status is an answer."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, headers={**self.headers, **(headers or {})}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.context) as answer:
                return Answer(answer.status, dict(answer.headers.items()), answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers.items()), error.read().decode())

    def lines(self, message: str | None = None) -> list[dict[str, Any]]:
        """Return the lines of the log with a message, or without one what the log channel wrote."""
        found = []
        for line in self.log.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # the last one may be under way
                continue
            if entry.get("message") == message:
                found.append(entry)
        return found

    def value(self, series: str) -> float:
        """Return the value of a series; 0 where there is none."""
        for line in self.ask("/metrics").body.splitlines():
            if line.startswith(f"{series} "):
                return float(line.split()[-1])
        return 0.0

    def _answers(self) -> bool:
        try:
            return self.ask("/-/ready").status == 200
        except OSError:
            return False
