"""Two real Alertmanagers of one cluster that both send: each thing is delivered once, reminders come through."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.relay_process import Relay
from support.alertmanager import oldest
from support.process import Process, free_port, lack, require, wait_until

WINDOW, REPEAT = 3.0, 6


class Member:
    """An Alertmanager of a cluster. All members send at once, as if none heard of the others in time."""

    def __init__(self, binary: Path, folder: Path, config: Path, port: int, peers: list[int]) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        folder.mkdir()
        self.process = Process(
            [
                binary,
                f"--config.file={config}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
                f"--cluster.listen-address=127.0.0.1:{port}",
                "--cluster.advertise-address=127.0.0.1:" + str(port),
                *(f"--cluster.peer=127.0.0.1:{peer}" for peer in peers),
                "--cluster.peer-timeout=0s",
                "--cluster.settle-timeout=1s",
                "--cluster.gossip-interval=10s",
                "--cluster.pushpull-interval=60s",
            ],
            folder / "alertmanager.log",
        )

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/status", timeout=5) as answer:
                status = json.load(answer)
        except OSError:
            return False
        return status["cluster"]["status"] == "ready" and len(status["cluster"]["peers"]) == 2

    def post(self, *alerts: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts",
            data=json.dumps(alerts).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=30).close()


@pytest.fixture(params=[pytest.param("newest", marks=pytest.mark.e2e), "oldest"])
def binary(request: pytest.FixtureRequest) -> Path:
    if request.param == "newest":
        return require("alertmanager")
    return oldest("prometheus-alertmanager") or lack("prometheus-alertmanager of Debian is not installed")


@pytest.fixture
def members(binary: Path, relay: Relay, tmp_path: Path) -> Iterator[list[Member]]:
    config = tmp_path / "alertmanager.yml"
    webhook = {"url": f"{relay.url}/alertmanager", "send_resolved": True}
    route = {
        "receiver": "relay",
        "group_by": ["alertname"],
        "group_wait": "1s",
        "group_interval": "1s",
        "repeat_interval": f"{REPEAT}s",
    }
    config.write_text(
        yaml.safe_dump({"route": route, "receivers": [{"name": "relay", "webhook_configs": [webhook]}]})
    )
    ports = [free_port(), free_port()]
    with contextlib.ExitStack() as stack:
        members = []
        for index, port in enumerate(ports):
            member = Member(binary, tmp_path / f"member-{index}", config, port, ports[:index])
            stack.callback(member.process.kill)
            members.append(member)
        for member in members:
            member.process.wait_until(member.ready, "both are members", 30)
        yield members


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    folder = tmp_path / "relay"
    folder.mkdir()
    with Relay(folder, intake={"duplicate_window_seconds": WINDOW}) as relay:
        yield relay


def alert(*, ends_in: float) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "labels": {"alertname": "KubeBackupFailed", "severity": "warning", "schedule": "shop"},
        "annotations": {"summary": "failed"},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": (now + timedelta(seconds=ends_in)).isoformat(),
    }


def counted(relay: Relay, result: str) -> float:
    return relay.value(f'backup_sentinel_relay_messages_total{{result="{result}"}}')


def test_both_send_and_each_thing_is_delivered_once(members: list[Member], relay: Relay) -> None:
    for member in members:
        member.post(alert(ends_in=600))
    wait_until(lambda: counted(relay, "accepted") == 1 and counted(relay, "duplicate") >= 1, "both have sent")
    wait_until(lambda: len(relay.lines()) == 1, "it is delivered")

    wait_until(lambda: counted(relay, "accepted") == 2, "the reminder has come", 40)
    wait_until(lambda: len(relay.lines()) == 2, "the reminder is delivered")
    wait_until(lambda: counted(relay, "duplicate") >= 2, "the other one has sent it as well", 40)

    for member in members:
        member.post(alert(ends_in=-1))
    wait_until(
        lambda: [line["status"] for line in relay.lines()][-1] == "resolved", "the end is delivered", 40
    )
    wait_until(lambda: counted(relay, "duplicate") >= 3, "the other one has sent the end as well", 40)
    statuses = [line["status"] for line in relay.lines()]
    assert statuses == ["firing"] * (len(statuses) - 1) + ["resolved"]
    assert len(statuses) == counted(relay, "accepted")
    assert len({line["id"] for line in relay.lines()}) == len(statuses)
    # Not more reminders than the time has room for: twice as many would be those of both.
    times = [line["received"] for line in relay.lines()]
    assert all(after - before > WINDOW for before, after in pairwise(times[:-1]))
