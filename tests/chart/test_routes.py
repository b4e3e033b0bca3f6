"""The AlertmanagerConfig: the routes of the repository, with the reader's receivers, keys and relay."""

from __future__ import annotations

import re
from typing import Any

import yaml

from chart.rendering import CHART, NAMESPACE, ROOT, find, kinds, render

ON = "--set=alertmanagerConfig.enabled=true"
OPERATOR = ROOT / "rules" / "alertmanager" / "operator"


class Loader(yaml.SafeLoader):
    """Reads a lone `=` as text, as YAML 1.2 does."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: str(node.value))


def shipped() -> dict[str, Any]:
    """Return the specification that the repository ships."""
    (path,) = OPERATOR.glob("*alertmanagerconfig*.yaml")
    spec: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader)["spec"]
    return spec


def routed(*more: str, case: str = "default") -> dict[str, Any]:
    """Return the specification of a case."""
    spec: dict[str, Any] = find(render(case, *more), "AlertmanagerConfig")["spec"]
    return spec


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert "AlertmanagerConfig" not in kinds(render())


def test_routes_inhibitions_and_receivers_are_those_of_the_repository() -> None:
    assert routed(ON) == shipped()


def test_the_relay_is_told_first_and_the_others_as_well() -> None:
    without = routed(ON)
    spec = routed(ON, "--set=relay.enabled=true", "--set=alertmanagerConfig.relay.enabled=true")
    first, *others = spec["route"]["routes"]
    assert others == without["route"]["routes"]
    assert first["receiver"] == "backup-sentinel-relay"
    assert first["continue"] is True
    assert first["groupBy"] == ["cluster", "operator", "resource_namespace", "schedule", "action"]
    *receivers, relay = spec["receivers"]
    assert receivers == without["receivers"]
    (webhook,) = relay["webhookConfigs"]
    assert webhook == {
        "url": f"http://watch-dog-backup-sentinel-relay.{NAMESPACE}.svc:9951/alertmanager",
        "sendResolved": True,
        "maxAlerts": 0,
    }


def test_the_relay_may_be_elsewhere() -> None:
    spec = routed(
        ON,
        "--set=alertmanagerConfig.relay.enabled=true",
        "--set=alertmanagerConfig.relay.url=https://relay.example.org/alertmanager",
    )
    (webhook,) = spec["receivers"][-1]["webhookConfigs"]
    assert webhook["url"] == "https://relay.example.org/alertmanager"


def test_keys_are_read_from_the_secret_that_is_named() -> None:
    text = yaml.safe_dump(routed(case="relay"))
    assert "backup-keys" in text
    assert not re.search(r"name: backup-sentinel$", text, re.MULTILINE)


def test_receivers_may_be_exchanged() -> None:
    spec = routed(case="relay")
    by_name = {receiver["name"]: receiver for receiver in spec["receivers"]}
    assert by_name["backup-sentinel-page"] == {
        "name": "backup-sentinel-page",
        "pagerdutyConfigs": [{"routingKey": {"name": "pager", "key": "routing-key"}, "sendResolved": True}],
    }
    assert set(by_name) - {"backup-sentinel-relay"} == {one["name"] for one in shipped()["receivers"]}


def test_quiet_clusters_are_those_of_the_values() -> None:
    before, after = yaml.safe_dump(routed(ON)), yaml.safe_dump(routed(case="relay"))
    assert "(dev|test|staging)" in before
    assert "(dev|test|staging)" not in after
    assert after.count("lab-.+") == before.count("(dev|test|staging)(-.+)?")


def test_templates_come_as_a_config_map() -> None:
    found = find(render("default", ON), "ConfigMap", "-templates")
    text = (ROOT / "rules/alertmanager/templates/backup-sentinel.tmpl").read_text("utf-8")
    assert found["data"]["backup-sentinel.tmpl"] == text.strip()
    assert (CHART / "files/backup-sentinel.tmpl").read_text("utf-8") == text


def test_it_is_labelled_for_the_selector_of_the_alertmanager() -> None:
    metadata = find(render("relay"), "AlertmanagerConfig")["metadata"]
    assert metadata["namespace"] == "monitoring"
    assert metadata["labels"]["alertmanager"] == "main"
    assert metadata["annotations"]["example.org/routes"] == "1"
