"""The AlertmanagerConfig says what the example says, and what the Prometheus operator makes of it by default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.alertmanager import SHIPPED, amtool, configured, read

RESOURCE = SHIPPED / "operator" / "alertmanagerconfig.yaml"
FAILED = {"alertname": "KubeBackupFailed", "severity": "critical", "cluster": "prod", "schedule": "shop"}
WANTED = {
    "critical": "backup-sentinel-page,backup-sentinel-chat-critical,backup-sentinel-chat",
    "warning": "backup-sentinel-chat",
    "info": "backup-sentinel-digest",
    "none": "backup-sentinel-none",
}


def snake(key: str) -> str:
    return re.sub(r"([A-Z]+)", lambda found: f"_{found[1].lower()}", key)


def matchers(found: list[Mapping[str, str]]) -> list[str]:
    return [f'{one["name"]}{one["matchType"]}"{one["value"]}"' for one in found]


def route(found: Mapping[str, Any]) -> dict[str, Any]:
    made = {snake(key): value for key, value in found.items()}
    if "matchers" in made:
        made["matchers"] = matchers(made["matchers"])
    made["routes"] = [route(child) for child in made.get("routes", ())]
    return made


def operated(path: Path, namespace: str | None) -> Path:
    """Write what the operator makes of the routes: with a namespace it adds the matcher that it adds by default."""
    spec = read(RESOURCE)["spec"]
    ours = route(spec["route"]) | {"continue": True}
    if namespace is not None:
        ours["matchers"] = [*ours["matchers"], f'namespace="{namespace}"']
    config = {
        "route": {"receiver": "null", "routes": [ours]},
        "receivers": [{"name": "null"}, *({"name": receiver["name"]} for receiver in spec["receivers"])],
    }
    path.write_text(yaml.safe_dump(config))
    return path


def verify(config: Path, wanted: str, labels: Mapping[str, str]) -> None:
    words = [f"{name}={value}" for name, value in labels.items()]
    done = amtool(
        "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={wanted}", *words
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("severity", WANTED)
def test_the_routes_are_those_of_the_example(severity: str, tmp_path: Path) -> None:
    config = operated(tmp_path / "alertmanager.yml", None)
    verify(config, WANTED[severity], FAILED | {"severity": severity})


def test_by_default_nothing_would_be_sent(tmp_path: Path) -> None:
    config = operated(tmp_path / "alertmanager.yml", "monitoring")
    verify(config, "null", FAILED)


def test_a_label_that_is_set_for_it_helps(tmp_path: Path) -> None:
    config = operated(tmp_path / "alertmanager.yml", "monitoring")
    verify(config, WANTED["critical"], FAILED | {"namespace": "monitoring"})


def test_the_resource_has_all_of_the_example() -> None:
    example, spec = read(), read(RESOURCE)["spec"]
    assert [rule["equal"] for rule in spec["inhibitRules"]] == [
        rule["equal"] for rule in example["inhibit_rules"]
    ]
    for made, rule in zip(spec["inhibitRules"], example["inhibit_rules"], strict=True):
        assert matchers(made["sourceMatch"]) == rule["source_matchers"]
        assert matchers(made["targetMatch"]) == rule["target_matchers"]
    ours = [receiver for receiver in example["receivers"] if receiver["name"].startswith("backup-sentinel")]
    assert [receiver["name"] for receiver in spec["receivers"]] == [receiver["name"] for receiver in ours]
    settings = [len(one) for _, _, one in configured(ours)]
    spelled = [
        len(one)
        for receiver in spec["receivers"]
        for key, several in receiver.items()
        if key.endswith("Configs")
        for one in several
    ]
    assert spelled == settings


def test_secrets_are_keys_of_one_secret() -> None:
    text = RESOURCE.read_text(encoding="utf-8")
    assert "_file" not in text
    keys = re.findall(r"name: backup-sentinel\n +key: (\S+)", text)
    assert keys == ["opsgenie-api-key", "slack-webhook-url", "slack-critical-webhook-url"]
