"""How Prometheus is told of the exporter, and which rules it is given."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel.generate import rules
from chart.rendering import CHART, NAMESPACE, ROOT, Manifest, container, find, kinds, render
from support.process import require

SWITCHES: dict[str, str] = yaml.safe_load((CHART / "files" / "groups.yaml").read_text("utf-8"))
"""Keys of the switches by the names of the groups."""


def groups(*more: str, case: str = "operator") -> dict[str, dict[str, Any]]:
    """Return the groups of rules of a case by name."""
    return {
        group["name"]: group
        for manifest in render(case, *more)
        if manifest["kind"] == "PrometheusRule"
        for group in manifest["spec"]["groups"]
    }


def shipped(settings: rules.RuleSettings | None = None) -> dict[str, dict[str, Any]]:
    """Return the groups of rules of the repository by name."""
    return {
        group["name"]: group
        for path, text in rules.bundles(rules.read(ROOT), settings).items()
        if path.endswith(".rules.yaml")
        for group in yaml.safe_load(text)["groups"]
    }


def everything_on() -> tuple[str, ...]:
    """Return the arguments that switch all groups on."""
    return tuple(f"--set=prometheusRule.groups.{key}=true" for key in SWITCHES.values())


def test_a_service_monitor_selects_the_service_of_the_exporter() -> None:
    manifests = render("operator")
    monitor, service = find(manifests, "ServiceMonitor"), find(manifests, "Service")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": [NAMESPACE]}
    assert monitor["spec"]["jobLabel"] in service["metadata"]["labels"]
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint == {
        "port": "http",
        "path": "/metrics",
        "honorLabels": True,
        "honorTimestamps": True,
        "interval": "30s",
        "scrapeTimeout": "10s",
    }
    assert [port["name"] for port in service["spec"]["ports"]] == [endpoint["port"]]


def test_a_pod_monitor_selects_the_pods() -> None:
    manifests = render("shards")
    monitor = find(manifests, "PodMonitor")["spec"]
    labels = find(manifests, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    assert monitor["podMetricsEndpoints"][0]["port"] == container(manifests)["ports"][0]["name"]
    assert monitor["sampleLimit"] == 2_000_000


def test_encrypted_metrics_are_scraped_as_such() -> None:
    (endpoint,) = find(render("web"), "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"]["serverName"] == "backup-sentinel.monitoring.svc"
    assert endpoint["basicAuth"]["username"] == {"name": "backup-sentinel-scrape", "key": "username"}
    unchecked = render("certificates", "--set=serviceMonitor.enabled=true")
    (endpoint,) = find(unchecked, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["tlsConfig"] == {"insecureSkipVerify": True}


def test_every_setting_of_a_monitor_arrives() -> None:
    manifest = find(render("everything"), "ServiceMonitor")
    assert manifest["metadata"]["namespace"] == "monitoring"
    assert manifest["metadata"]["annotations"]["example.org/monitor"] == "1"
    spec: Manifest = manifest["spec"]
    (endpoint,) = spec.pop("endpoints")
    assert spec == {
        "jobLabel": "team",
        "targetLabels": ["team"],
        "podTargetLabels": ["team"],
        "sampleLimit": 1_000_000,
        "targetLimit": 10,
        "labelLimit": 30,
        "labelNameLengthLimit": 200,
        "labelValueLengthLimit": 1000,
        "namespaceSelector": {"matchNames": [NAMESPACE]},
        "selector": spec["selector"],
    }
    assert endpoint == {
        "port": "http",
        "path": "/metrics",
        "honorLabels": False,
        "honorTimestamps": False,
        "interval": "1m",
        "scrapeTimeout": "30s",
        "proxyUrl": "http://proxy.example.org:3128",
        "authorization": {"type": "Bearer", "credentials": {"name": "scrape", "key": "token"}},
        "relabelings": [{"targetLabel": "cluster", "replacement": "prod-eu"}],
        "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "process_.*"}],
    }


def test_rules_are_those_of_the_repository() -> None:
    assert groups(*everything_on()) == shipped()


def test_there_is_a_switch_for_each_group() -> None:
    assert set(SWITCHES) == set(shipped())
    assert len(set(SWITCHES.values())) == len(SWITCHES)
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))["prometheusRule"]["groups"]
    assert list(values) == list(SWITCHES.values())
    on = {name for name, key in SWITCHES.items() if values[key]}
    assert set(groups()) == on
    alerting = {rule.group for rule in rules.alerts(rules.read(ROOT)) if rule.default}
    assert alerting <= on


def test_each_switch_switches_its_group() -> None:
    before = set(groups())
    off = groups("--set=prometheusRule.groups.runs=false", "--set=prometheusRule.groups.timing=true")
    assert before ^ set(off) == {"backup-sentinel.runs", "backup-sentinel.optional.timing"}


def test_a_resource_without_groups_is_left_out() -> None:
    assert "PrometheusRule" not in kinds(render("quiet"))
    names = {item["metadata"]["name"] for item in render("operator") if item["kind"] == "PrometheusRule"}
    assert names == {"watch-dog-backup-sentinel", "watch-dog-backup-sentinel-recording"}


def test_rules_are_labelled_for_the_selector() -> None:
    for manifest in render("everything"):
        if manifest["kind"] == "PrometheusRule":
            assert manifest["metadata"]["labels"]["release"] == "kube-prometheus-stack"
            assert manifest["metadata"]["labels"]["app.kubernetes.io/component"] == "rules"
            assert manifest["metadata"]["annotations"]["example.org/rules"] == "1"


def test_settings_of_rules_mean_the_same_as_those_of_the_command() -> None:
    """Addresses, severities and the label of clusters; what the chart adds is taken away again."""
    url = "https://wiki.example.org/{alert}?from=$1"
    dashboard = "https://grafana.example.org/d/backups?var-schedule={{ $labels.schedule }}"
    wanted = shipped(
        rules.RuleSettings(
            runbook_url=url,
            dashboard_url=dashboard,
            cluster_label="k8s_cluster",
            severities={"critical": "page"},
        )
    )
    found = groups(*everything_on(), case="everything")
    assert found.pop("own")["rules"] == [
        {"record": "own:backups:count", "expr": "count(kube_backup_schedule_info)"}
    ]
    assert set(found) == set(wanted)
    dropped = []
    for name, group in found.items():
        for rule in group["rules"]:
            if "alert" in rule:
                assert rule["labels"].pop("team") == "platform"
                assert rule["annotations"].pop("contact") == "platform@example.org"
        kept = {rule.get("alert") for rule in group["rules"]}
        dropped += [rule["alert"] for rule in wanted[name]["rules"] if rule.get("alert") not in kept]
        wanted[name]["rules"] = [rule for rule in wanted[name]["rules"] if rule.get("alert") in kept]
        assert group == wanted[name]
    assert dropped == ["KubeBackupQueuedTooLong"]
    assert found["backup-sentinel.exporter"]["rules"][0]["annotations"]["runbook_url"] == (
        "https://wiki.example.org/BackupSentinelAbsent?from=$1"
    )


@pytest.mark.parametrize(
    "path", sorted((CHART / "files" / "rules").glob("*.yaml")), ids=lambda path: path.stem
)
def test_copies_of_rules_are_the_shipped_ones(path: Path) -> None:
    assert path.read_text("utf-8") == (ROOT / "rules" / "dist" / f"{path.stem}.rules.yaml").read_text("utf-8")


def test_no_rule_file_is_left_behind() -> None:
    shipped_files = {
        path.name.removesuffix(".rules.yaml") for path in (ROOT / "rules" / "dist").glob("*.rules.yaml")
    }
    assert {path.stem for path in (CHART / "files" / "rules").iterdir()} == shipped_files


def test_alerts_that_can_be_left_out_are_known() -> None:
    text = (CHART / "values.yaml").read_text("utf-8")
    for rule in rules.alerts(rules.read(ROOT)):
        assert re.search(rf"\b{rule.alert}\b", text), rule.alert


@pytest.mark.parametrize("case", ["operator", "everything"])
def test_prometheus_takes_the_rules(case: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": list(groups(case=case).values())}), "utf-8")
    command = [str(require("promtool")), "check", "rules", "--lint=all", "--lint-fatal", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
