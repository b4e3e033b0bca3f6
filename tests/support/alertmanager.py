"""A real Alertmanager for tests (tests/tools/alertmanager), and the shipped configuration turned to loopback."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import yaml

from support.process import Process, free_port, require
from support.receivers import Receivers

SHIPPED = Path(__file__).resolve().parents[2] / "rules" / "alertmanager"
CONFIG = SHIPPED / "alertmanager.yaml"
TEMPLATES = SHIPPED / "templates"
START_SECONDS = 30.0

Config = dict[str, Any]

ADDRESSES = {
    "opsgenie_configs": ("api_url", "opsgenie/"),
    "rocketchat_configs": ("api_url", "rocketchat/"),
    "telegram_configs": ("api_url", "telegram"),
    "jira_configs": ("api_url", "jira/rest/api/2/"),
    "pagerduty_configs": ("url", "pagerduty/v2/enqueue"),
    "webhook_configs": ("url", "relay/"),
}
"""Kinds of receivers whose address stands in the configuration: the setting, and the path of the service."""


class Alertmanager:
    """An Alertmanager that keeps its data, configuration and secrets in a directory."""

    def __init__(self, directory: Path, config: Config, *, binary: Path | None = None) -> None:
        self.directory = directory
        self.config = config
        self.url = ""
        """Where Alertmanager serves; the same after a restart."""
        self.log = directory / "alertmanager.log"
        self._binary = binary
        self._address = ""
        self._process: Process | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Host and port."""
        return self._address

    def start(self) -> Self:
        """Start Alertmanager, alone and not as a member of a cluster."""
        binary = self._binary or require("alertmanager")
        assert self._process is None, "Alertmanager runs already"
        self.directory.mkdir(parents=True, exist_ok=True)
        self._address = self._address or f"127.0.0.1:{free_port()}"
        self.url = f"http://{self._address}"
        file = self.directory / "alertmanager.yml"
        file.write_text(yaml.safe_dump(self.config), encoding="utf-8")
        command: list[str | Path] = [
            binary,
            f"--config.file={file}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address={self._address}",
            "--cluster.listen-address=",
            "--log.level=debug",
        ]
        process = Process(command, self.log)
        try:
            process.wait_until(self._ready, "Alertmanager is ready", START_SECONDS)
        except BaseException:
            process.kill()
            raise
        self._process = process
        return self

    def stop(self) -> None:
        """Shut Alertmanager down cleanly. Nothing happens if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def post(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Send alerts as Prometheus does."""
        self._call("/api/v2/alerts", json.dumps(list(alerts)).encode())

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """Return the alerts it has, "status" telling their state and what mutes them, of those labels."""
        found: list[dict[str, Any]] = json.loads(self._call("/api/v2/alerts"))
        return [alert for alert in found if labels.items() <= alert["labels"].items()]

    def suppressed(self) -> float:
        """Return how many notifications were not sent because of an inhibition."""
        lines = self._call("/metrics").decode().splitlines()
        name = "alertmanager_notifications_suppressed_total"
        return sum(
            float(line.split()[-1]) for line in lines if line.startswith(name) and "inhibition" in line
        )

    def wait_until(self, check: Any, what: str, timeout: float = 30.0) -> Any:
        """Wait for a condition, and show the log if it does not come."""
        assert self._process is not None, "Alertmanager does not run"
        return self._process.wait_until(check, what, timeout)

    def _ready(self) -> bool:
        try:
            self._call("/-/ready")
        except OSError:
            return False
        return True

    def _call(self, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(
            self.url + path, data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            content: bytes = response.read()
        return content


def oldest(program: str) -> Path | None:
    """Return a program of Debian's prometheus-alertmanager, the oldest version that is supported, if installed."""
    found = shutil.which(program, path="/usr/bin")
    return Path(found) if found else None


def amtool(
    *arguments: str | Path, binary: Path | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run amtool and return what it says, whether it succeeded or not."""
    command = [str(binary or require("amtool")), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def read(path: Path = CONFIG) -> Config:
    """Return a YAML file with its anchors resolved."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def shipped(*receivers: str) -> Config:
    """Return the shipped configuration, with the receivers of the same names from files below receivers/."""
    config = read()
    for name in receivers:
        exchange(config, read(SHIPPED / "receivers" / f"{name}.yaml")["receivers"])
    return config


def exchange(config: Config, receivers: Sequence[Mapping[str, Any]]) -> None:
    """Put receivers in the place of those of the same names, or add them."""
    for fresh in receivers:
        names = [receiver["name"] for receiver in config["receivers"]]
        if fresh["name"] in names:
            config["receivers"][names.index(fresh["name"])] = copy.deepcopy(dict(fresh))
        else:
            config["receivers"].append(copy.deepcopy(dict(fresh)))


def join(config: Config, *files: str) -> None:
    """Let the receivers of files below receivers/ send beside those of the same names, not in their place."""
    for file in files:
        for fresh in read(SHIPPED / "receivers" / f"{file}.yaml")["receivers"]:
            [there] = [receiver for receiver in config["receivers"] if receiver["name"] == fresh["name"]]
            there.update({kind: settings for kind, settings in fresh.items() if kind.endswith("_configs")})


def configured(receivers: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield name of the receiver, kind and settings of every integration."""
    for receiver in receivers:
        for kind, settings in receiver.items():
            if kind.endswith("_configs"):
                for one in settings:
                    yield receiver["name"], kind, one


def secret_files(content: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each setting of a configuration that names a file: what holds it, and its key."""
    if isinstance(content, dict):
        for key, value in list(content.items()):
            if key.endswith("_file") and isinstance(value, str):
                yield content, key
            else:
                yield from secret_files(value)
    elif isinstance(content, list):
        for value in content:
            yield from secret_files(value)


def turn_to_loopback(config: Config, receivers: Receivers, directory: Path) -> Config:
    """Return the configuration with all addresses those of `receivers`, and with fake secrets in a directory.

    A file that holds an address, such as `secrets/slack-critical-webhook-url`, leads to the service of the words before
    "webhook" or "workflow". Mail is left out.
    """
    config = copy.deepcopy(config)
    config["templates"] = [str(TEMPLATES / "*.tmpl")]
    config["global"] = {"resolve_timeout": "5m"}
    for receiver in config["receivers"]:
        receiver.pop("email_configs", None)
    for _, kind, settings in configured(config["receivers"]):
        if kind in ADDRESSES:
            setting, path = ADDRESSES[kind]
            service, _, rest = path.partition("/")
            if "jsm" in str(settings.get("api_key_file", "")):
                service = "jsm"
            settings[setting] = f"{receivers.address(service)}{'/' if '/' in path else ''}{rest}"
    (directory / "secrets").mkdir(parents=True, exist_ok=True)
    for holder, key in secret_files(config["receivers"]):
        name = Path(holder[key]).name
        holder[key] = str(directory / "secrets" / name)
        secret = f"fake-{name}"
        if name.endswith("-url"):
            service = name.removesuffix("-url").removesuffix("-webhook").removesuffix("-workflow")
            secret = receivers.address(service)
        (directory / "secrets" / name).write_text(secret, encoding="utf-8")
    return config


def hurry(route: Config, wait: str = "100ms", interval: str = "300ms") -> None:
    """Shorten the times of a route and of those below it in place; the digest is as quick as the rest."""
    for key, value in (("group_wait", wait), ("group_interval", interval)):
        if key in route:
            route[key] = value
    for child in route.get("routes", ()):
        hurry(child, wait, interval)


def alert(name: str, severity: str, **labels: str) -> dict[str, Any]:
    """Return an alert as Prometheus sends it."""
    return {
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {
            "summary": "The newest run of a backup failed.",
            "description": "The newest velero backup of schedule velero/shop in cluster prod failed <here> & there.",
            "runbook_url": f"https://runbooks.example.com/{name}",
            "dashboard_url": "https://grafana.example.com/d/backups",
        },
        "startsAt": datetime.now(UTC).isoformat(),
        "generatorURL": "http://prometheus.example.com/graph",
    }
