"""The steps of rules/alertmanager/README.md, taken with the configuration that kube-prometheus ships."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.alertmanager import SHIPPED, Alertmanager, alert, amtool, read

THEIRS = """
global:
  resolve_timeout: 5m
inhibit_rules:
  - source_matchers: ['severity = critical']
    target_matchers: ['severity =~ warning|info']
    equal: [namespace, alertname]
  - source_matchers: ['severity = warning']
    target_matchers: ['severity = info']
    equal: [namespace, alertname]
  - source_matchers: ['alertname = InfoInhibitor']
    target_matchers: ['severity = info']
    equal: [namespace]
route:
  group_by: [namespace]
  receiver: Default
  routes:
    - {matchers: ['alertname = Watchdog'], receiver: Watchdog}
    - {matchers: ['severity = critical'], receiver: Critical}
receivers: [{name: Default}, {name: Watchdog}, {name: Critical}]
"""
PAGE = (SHIPPED / "README.md").read_text(encoding="utf-8")
STEPS = PAGE.partition("## Merge it\n")[2].partition("\n## ")[0]
QUIET = "InfoInhibitor"


def merged() -> dict[str, Any]:
    """Return both in one: what the steps say, and no more."""
    config, ours = yaml.safe_load(THEIRS), read()
    config["templates"] = [str(SHIPPED / path) for path in ours["templates"]]
    for setting in re.findall(r"`(smtp_\w+)`", STEPS):
        config["global"][setting] = ours["global"][setting]
    config["route"]["routes"].insert(0, ours["route"]["routes"][0])
    [yields] = yaml.safe_load(re.search(r"```yaml\n(.*?)```", STEPS, re.DOTALL)[1])  # type: ignore[index]
    theirs = [rule for rule in config["inhibit_rules"] if QUIET not in str(rule)]
    config["inhibit_rules"] = [*theirs, yields, *ours["inhibit_rules"]]
    known = {receiver["name"] for receiver in config["receivers"]}
    config["receivers"] += [
        receiver for receiver in ours["receivers"] if receiver["name"] not in known | {"default"}
    ]
    return config  # type: ignore[no-any-return]


def test_the_merged_configuration_is_accepted_and_routes_both(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(merged()), encoding="utf-8")
    done = amtool("check-config", path)
    assert done.returncode == 0, done.stdout + done.stderr
    for name, severity, wanted in (
        (
            "KubeBackupFailed",
            "critical",
            "backup-sentinel-page,backup-sentinel-chat-critical,backup-sentinel-chat",
        ),
        ("Watchdog", "none", "Watchdog"),
        ("KubePodCrashLooping", "critical", "Critical"),
        ("KubePodCrashLooping", "warning", "Default"),
    ):
        labels = f"alertname={name}", f"severity={severity}", "cluster=prod"
        done = amtool(
            *("config", "routes", "test", f"--config.file={path}", f"--verify.receivers={wanted}"), *labels
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    config = {
        "route": {"receiver": "nobody"},
        "receivers": [{"name": "nobody"}],
        "inhibit_rules": merged()["inhibit_rules"],
    }
    with Alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as alertmanager:
        yield alertmanager


def test_the_inhibitions_of_others_do_not_mute_the_digest(alertmanager: Alertmanager) -> None:
    """An alert that is told apart from another by nothing but a missing label would be taken for the same."""
    ours = alert("KubeBackupFinishedWithWarnings", "info", cluster="prod", schedule="shop")
    other = alert("CPUThrottlingHigh", "info", cluster="prod")
    alertmanager.post([alert(QUIET, "none", cluster="prod"), other, ours])

    def state(name: str) -> str | None:
        found = [kept["status"]["state"] for kept in alertmanager.alerts(alertname=name)]
        return found[0] if found and found[0] != "unprocessed" else None

    def muted() -> bool:
        alertmanager.post([other])  # The source may be taken in a moment after the target.
        return state("CPUThrottlingHigh") == "suppressed"

    alertmanager.wait_until(muted, "what is meant to be muted is muted")
    alertmanager.post([ours])
    assert (
        alertmanager.wait_until(lambda: state("KubeBackupFinishedWithWarnings"), "ours is known") == "active"
    )
