"""The shipped configuration: whether both Alertmanagers accept it, where every alert goes, and what mutes what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel.generate.rules import Rule, alerts
from backup_sentinel.generate.rules import read as read_rules
from support.alertmanager import (
    CONFIG,
    SHIPPED,
    TEMPLATES,
    amtool,
    configured,
    oldest,
    read,
    secret_files,
    shipped,
)
from support.process import lack

ROOT = Path(__file__).resolve().parents[2]
RULES = {rule.alert: rule for rule in alerts(read_rules(ROOT)) if not rule.alert.startswith("Ns")}
"""All but those of NethServer 8, which have a configuration of their own."""
RECEIVERS = sorted(path.stem for path in (SHIPPED / "receivers").glob("*.yaml"))
FOR_OLDEST = ("pagerduty", "relay", "jira-service-management")
"""Receivers that Alertmanager 0.25 knows with the settings that are used."""

S = {"cluster": "prod", "operator": "velero", "resource_namespace": "velero"}
SCHEDULE = S | {"schedule": "shop", "action": "backup", "location": "default"}
LABELS: dict[str, dict[str, str]] = {
    "a schedule": SCHEDULE,
    "a volume of a schedule": SCHEDULE | {"target": "pvc-1"},
    "no schedule": S | {"action": "backup", "location": "default"},
    "a restore": S | {"action": "restore"},
    "a location": S | {"location": "default"},
    "a repository": S | {"repository": "shop-default-kopia"},
    "a resource": {"cluster": "prod", "operator": "velero", "resource": "restores.velero.io"},
    "a cluster": {"cluster": "prod"},
    "no cluster": {"operator": "velero", "resource_namespace": "velero", "schedule": "shop"},
    "a namespace of the scrape": SCHEDULE | {"namespace": "monitoring", "prometheus": "monitoring/k8s"},
    "nothing": {},
}
WANTED = {
    "critical": "backup-sentinel-page,backup-sentinel-chat-critical,backup-sentinel-chat",
    "warning": "backup-sentinel-chat",
    "info": "backup-sentinel-digest",
    "none": "backup-sentinel-none",
}


def routed(config: Path, wanted: str, **labels: str) -> None:
    routed_by(None, config, wanted, labels)


def routed_by(binary: Path | None, config: Path, wanted: str, labels: Mapping[str, str]) -> None:
    words = [f"{name}={value}" for name, value in labels.items()]
    done = amtool(
        "config",
        "routes",
        "test",
        f"--config.file={config}",
        f"--verify.receivers={wanted}",
        *words,
        binary=binary,
    )
    assert done.returncode == 0, f"{labels}: {done.stdout}{done.stderr}"


def the_oldest() -> Path:
    binary = oldest("amtool")
    if binary is None:
        lack("Debian's amtool is not installed (apt-get install prometheus-alertmanager)")
    return binary


def test_the_configuration_is_accepted() -> None:
    done = amtool("check-config", CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 1 templates" in done.stdout


def test_the_oldest_alertmanager_accepts_it() -> None:
    done = amtool("check-config", CONFIG, binary=the_oldest())
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 1 templates" in done.stdout


@pytest.mark.parametrize("name", RECEIVERS)
def test_each_receiver_is_accepted(name: str, tmp_path: Path) -> None:
    config = shipped(name) | {"templates": [str(TEMPLATES / "*.tmpl")]}
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    done = amtool("check-config", path)
    assert done.returncode == 0, done.stdout + done.stderr
    if name in FOR_OLDEST:
        done = amtool("check-config", path, binary=the_oldest())
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", RECEIVERS)
def test_each_receiver_takes_the_place_of_a_shipped_one(name: str) -> None:
    names = {receiver["name"] for receiver in read(SHIPPED / "receivers" / f"{name}.yaml")["receivers"]}
    routed = {
        "backup-sentinel-page",
        "backup-sentinel-chat",
        "backup-sentinel-chat-critical",
        "backup-sentinel-digest",
    }
    assert names <= routed or name == "relay"
    if "backup-sentinel-chat" in names:
        assert "backup-sentinel-chat-critical" in names


@pytest.mark.parametrize("severity", WANTED)
def test_a_severity_goes_to_its_receivers_whatever_the_labels_are(severity: str) -> None:
    for labels in LABELS.values():
        routed(CONFIG, WANTED[severity], alertname="KubeBackupSomething", severity=severity, **labels)


@pytest.mark.parametrize("severity", WANTED)
def test_the_oldest_alertmanager_routes_alike(severity: str) -> None:
    for labels in LABELS.values():
        known = {"alertname": "KubeBackupX", "severity": severity, **labels}
        routed_by(the_oldest(), CONFIG, WANTED[severity], known)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.alert)
def test_every_alert_goes_where_its_severity_says(rule: Rule) -> None:
    labels = LABELS["a schedule"] if rule.alert.startswith("KubeBackup") else LABELS["a cluster"]
    routed(CONFIG, WANTED[rule.severity], alertname=rule.alert, severity=rule.severity, **labels)


@pytest.mark.parametrize("cluster", ["dev", "test", "staging", "staging-eu", "dev-2"])
def test_nobody_is_woken_for_some_clusters(cluster: str) -> None:
    chats = "backup-sentinel-chat-critical,backup-sentinel-chat"
    routed(
        CONFIG,
        chats,
        **SCHEDULE | {"alertname": "KubeBackupFailed", "severity": "critical", "cluster": cluster},
    )


@pytest.mark.parametrize("cluster", ["prod", "production", "developers", "latest", "contest-1", ""])
def test_no_other_cluster_is_left_out(cluster: str) -> None:
    labels = SCHEDULE | {"alertname": "KubeBackupFailed", "severity": "critical", "cluster": cluster}
    routed(CONFIG, WANTED["critical"], **labels)


def test_what_mutes_a_page_goes_where_the_page_would_have_gone() -> None:
    labels = {
        "alertname": "BackupSentinelStateStale",
        "severity": "warning",
        "cluster": "prod",
        "operator": "velero",
    }
    routed(CONFIG, "backup-sentinel-page,backup-sentinel-chat", **labels, resource="backups.velero.io")
    routed(CONFIG, "backup-sentinel-chat", **labels, resource="restores.velero.io")
    labels["cluster"] = "staging"
    routed(CONFIG, "backup-sentinel-chat", **labels, resource="backups.velero.io")


def test_alerts_of_others_are_left_alone() -> None:
    for name in ("Watchdog", "KubePodCrashLooping", "VeleroBackupFailed", "MyKubeBackupFailed"):
        routed(CONFIG, "default", alertname=name, severity="critical", cluster="prod")


def test_the_relay_gets_a_copy_and_changes_nothing_else(tmp_path: Path) -> None:
    text = (SHIPPED / "receivers/relay.yaml").read_text()
    snippet = re.sub(r"^# ?", "", "".join(re.findall(r"^#     .*\n", text, re.MULTILINE)), flags=re.MULTILINE)
    [route] = yaml.safe_load(snippet)
    config = shipped("relay")
    config["route"]["routes"][0]["routes"].insert(0, route)
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    for severity, wanted in WANTED.items():
        relay = "" if severity == "none" else "backup-sentinel-relay,"
        routed(path, relay + wanted, alertname="KubeBackupFailed", severity=severity, **SCHEDULE)


def routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for child in route.get("routes", ()):
        yield from routes(child)


def test_a_page_is_one_schedule_and_a_chat_message_one_kind_of_problem() -> None:
    [ours] = read()["route"]["routes"]
    assert ours["group_by"] == ["alertname", "cluster"]
    [page, _] = [route for route in ours["routes"] if route["receiver"] == "backup-sentinel-page"]
    [schedule] = page["routes"]
    assert schedule["matchers"] == ['schedule!=""']
    assert schedule["group_by"] == ["cluster", "operator", "resource_namespace", "schedule", "action"]


def test_repetitions_are_remembered_as_long_as_they_wait() -> None:
    """Alertmanager keeps what it has sent for 120 hours unless told otherwise."""
    hours = {"h": 1, "d": 24}
    for route in routes(read()["route"]):
        if "repeat_interval" in route:
            number, unit = int(route["repeat_interval"][:-1]), route["repeat_interval"][-1]
            assert number * hours[unit] < 120


def inhibitions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read()["inhibit_rules"]
    return found


@pytest.mark.parametrize("number", range(len(inhibitions())))
def test_no_inhibition_reaches_over_clusters(number: int) -> None:
    rule = inhibitions()[number]
    for side in ("source_matchers", "target_matchers"):
        assert 'cluster=~".+"' in rule[side], side
    assert "cluster" in rule["equal"]


def test_the_keys_of_inhibitions() -> None:
    keys = [rule["equal"] for rule in inhibitions()]
    assert keys == [
        ["cluster"],
        ["cluster"],
        ["cluster", "operator"],
        ["cluster", "operator", "resource_namespace", "location"],
        ["cluster", "operator", "resource_namespace", "schedule", "action", "target", "location"],
    ]


def names(matchers: list[str]) -> set[str]:
    """Return the shipped alerts that the matchers for alertname and severity let through."""
    found = set(RULES)
    for matcher in matchers:
        label, operator, value = re.fullmatch(r'(\w+)(=~|=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
        pattern = value if operator == "=~" else re.escape(value)
        if label == "alertname":
            found = {name for name in found if re.fullmatch(pattern, name)}
        elif label == "severity":
            found = {name for name in found if re.fullmatch(pattern, RULES[name].severity)}
    return found


@pytest.mark.parametrize("number", range(len(inhibitions())))
def test_an_inhibition_names_alerts_that_exist_and_never_both_sides(number: int) -> None:
    rule = inhibitions()[number]
    sources, targets = names(rule["source_matchers"]), names(rule["target_matchers"])
    assert sources
    assert targets
    assert not sources & targets
    for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
        for part in re.findall(r"KubeBackup\(([^)]*)\)", matcher):
            assert {f"KubeBackup{name}" for name in part.split("|")} <= set(RULES)


def test_what_an_outage_does_not_explain_is_not_muted_by_stale_state() -> None:
    [stale] = [rule for rule in inhibitions() if "StateStale" in rule["source_matchers"][0]]
    seen = {
        "KubeBackupFailed",
        "KubeBackupPartiallyFailed",
        "KubeBackupRestoreFailed",
        "KubeBackupLocationUnavailable",
    }
    assert not names(stale["target_matchers"]) & seen


def test_secrets_are_read_from_files() -> None:
    plain = re.compile(r"(_key|_token|password|secret|token_id|webhook_url|credentials)$")
    files = [CONFIG, *(SHIPPED / "receivers").glob("*.yaml")]
    for path in files:
        content = read(path)
        for _, kind, settings in configured(content["receivers"]):
            assert not [name for name in settings if plain.search(name)], f"{path.name}: {kind}"
            assert kind != "slack_configs" or "api_url" not in settings
        for holder, key in secret_files(content):
            assert holder[key].startswith("/etc/alertmanager/secrets/backup-sentinel/"), (
                "a path that is not absolute is looked up from where Alertmanager was started"
            )


def test_every_integration_says_whether_it_tells_the_end() -> None:
    """The defaults differ: OpsGenie and webhooks tell it, Slack, mail and Rocket.Chat do not."""
    for path in (CONFIG, *(SHIPPED / "receivers").glob("*.yaml")):
        for name, kind, settings in configured(read(path)["receivers"]):
            assert "send_resolved" in settings, f"{path.name}: {name} {kind}"


def test_opsgenie_is_not_told_to_rewrite_alerts() -> None:
    for name in ("", "jira-service-management"):
        config = shipped(name) if name else shipped()
        [settings] = [one for _, kind, one in configured(config["receivers"]) if kind == "opsgenie_configs"]
        assert settings["update_alerts"] is False
        assert settings["api_url"].endswith("/"), "Alertmanager appends v2/alerts without a slash of its own"
        assert "range" not in settings["priority"]
