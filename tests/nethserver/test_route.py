"""The example for Alertmanager on NethServer 8: both versions accept it, and it sends what the relay wants."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from backup_sentinel.generate.rules import alerts, read
from backup_sentinel.relay.enrichers.ns8 import ALERTS
from support.alertmanager import SHIPPED, amtool, oldest
from support.process import lack

CONFIG = SHIPPED / "nethserver/alertmanager.yaml"
OURS = [rule.alert for rule in alerts(read(SHIPPED.parents[1])) if rule.alert.startswith("Ns")]


def older() -> Path:
    return oldest("amtool") or lack("Debian's amtool is not installed")


@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_it_is_accepted(which: str) -> None:
    done = amtool("check-config", CONFIG, binary=older() if which == "oldest" else None)
    assert done.returncode == 0, done.stdout + done.stderr


def routed(alert: str) -> list[str]:
    done = amtool(
        "config", "routes", "test", f"--config.file={CONFIG}", f"alertname={alert}", "id=1", "node=1"
    )
    return done.stdout.strip().split(",")


def test_alerts_about_backups_go_to_the_relay_and_others_do_not() -> None:
    assert OURS == ["NsBackupFailed", "NsBackupMissing"]
    for alert in ("BackupFailed", *OURS):
        assert routed(alert) == ["backup-sentinel-relay"]
    for alert in ("NodeOffline", "KubeBackupFailed", "SomeBackupFailed"):
        assert routed(alert) == ["default"]


def test_the_route_is_what_the_page_says() -> None:
    config = yaml.safe_load(CONFIG.read_text())
    [route] = config["route"]["routes"]
    assert route["matchers"] == [ALERTS]
    assert route["group_by"] == ["alertname"]
    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("10s", "5m", "12h")
    [webhook] = config["receivers"][1]["webhook_configs"]
    assert webhook["send_resolved"] is False
    assert webhook["url"] == "http://127.0.0.1:9099/alertmanager"
