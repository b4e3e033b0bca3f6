"""What is generated from the rules: bundles, resources, the index, and what settings change in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from backup_sentinel.errors import DocumentError, SentinelError
from backup_sentinel.generate.rules import (
    SHARED,
    RuleFile,
    RuleSettings,
    alerts,
    annotate,
    bundle_of,
    bundles,
    read,
)
from backup_sentinel.generate.runbooks import PAGE, index
from rules.promtools import ROOT, RULES, find, run

SOURCES = read(ROOT)
PLAIN = sorted((RULES / "dist").glob("*.rules.yaml"))


def test_bundles_are_up_to_date() -> None:
    made = bundles(SOURCES)
    found = {
        path.relative_to(RULES / "dist").as_posix() for path in (RULES / "dist").rglob("*") if path.is_file()
    }
    assert found == set(made), "write them with: make generate, and delete what has no source"
    stale = [name for name, text in made.items() if (RULES / "dist" / name).read_text("utf-8") != text]
    assert not stale, "write them with: make generate"


def test_shared_annotations_are_up_to_date() -> None:
    shared = (ROOT / SHARED).read_text("utf-8")
    stale = [source.folder for source in SOURCES if annotate(source.text, shared) != source.text]
    assert not stale, "write them with: make generate"


def test_shared_annotations_are_exchanged_and_stand_once() -> None:
    first, second = "a: >-\n  one\n  two\n", "a: >-\n  three\n"
    description = "          description: x {{- with $labels.schedule }} of schedule {{ . }}{{ end }}\n"
    address = "          runbook_url: y\n"
    made = annotate(annotate(description + address, first), second)
    assert made == description + "          a: >-\n            three\n" + address
    assert annotate(address, first) == address, "an alert that is about no schedule has none"
    with pytest.raises(DocumentError, match=r"annotations\.yaml"):
        annotate(description, "a: one\n")


def test_the_index_is_up_to_date() -> None:
    assert index(alerts(SOURCES)).strip() in (ROOT / PAGE).read_text("utf-8")


def test_bundles_hold_what_the_sources_hold() -> None:
    sources = [
        rule
        for source in SOURCES
        for group in yaml.safe_load(source.text)["groups"]
        for rule in group["rules"]
    ]
    loaded = [
        rule
        for path in PLAIN
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]
    key = json.dumps
    assert sorted(map(key, sources)) == sorted(map(key, loaded))


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name.removesuffix(".rules.yaml"))
def test_resources_hold_what_plain_files_hold(path: Path) -> None:
    name = path.name.removesuffix(".rules.yaml")
    resource = yaml.safe_load((RULES / "dist" / "prometheusrules" / f"{name}.yaml").read_text("utf-8"))
    assert (resource["apiVersion"], resource["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert resource["metadata"]["name"] == name
    assert resource["spec"] == yaml.safe_load(path.read_text("utf-8"))


def test_group_names_are_unique_over_all_files() -> None:
    names = [group["name"] for path in PLAIN for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    assert len(set(names)) == len(names)


def test_each_optional_group_has_a_file() -> None:
    assert bundle_of("backup-sentinel.runs") == "backup-sentinel"
    assert bundle_of("backup-sentinel.optional.slo") == "backup-sentinel-optional-slo"
    assert bundle_of("backup-sentinel.recording.success-ratio") == "backup-sentinel-recording"
    optional = [rule for rule in alerts(SOURCES) if not rule.default]
    assert {rule.bundle for rule in optional} == {bundle_of(rule.group) for rule in optional}
    assert len(optional) >= 15


def test_settings_change_addresses_labels_and_severities(tmp_path: Path) -> None:
    settings = RuleSettings(
        runbook_url="https://wiki.example.com/{alert}",
        dashboard_url="https://grafana.example.com/d/x?var-schedule={{ $labels.schedule }}",
        cluster_label="site",
        severities={"critical": "page", "warning": "true"},
        labels={"release": "stack"},
    )
    made = bundles(SOURCES, settings)
    text = made["backup-sentinel.rules.yaml"]
    rules = {rule["alert"]: rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]}
    failed = rules["KubeBackupFailed"]
    assert failed["annotations"]["runbook_url"] == "https://wiki.example.com/KubeBackupFailed"
    assert failed["annotations"]["dashboard_url"] == settings.dashboard_url
    assert failed["labels"]["severity"] == "page"
    assert rules["KubeBackupStalled"]["labels"]["severity"] == "true"
    assert "{site=%q" in failed["annotations"]["description"]
    assert "$labels.site" in failed["annotations"]["description"]
    assert "$labels.cluster" not in text
    assert "github.com" not in text
    resource = yaml.safe_load(made["prometheusrules/backup-sentinel.yaml"])
    assert resource["metadata"]["labels"]["release"] == "stack"
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    done = run(find("promtool"), "check", "rules", "--lint=all", "--lint-fatal", path)
    assert done.returncode == 0, done.stderr


def test_settings_touch_no_expression_but_that_of_the_inhibition() -> None:
    def exprs(settings: RuleSettings) -> dict[str, str]:
        text = bundles(SOURCES, settings)["backup-sentinel.rules.yaml"]
        return {
            rule["alert"]: rule["expr"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"]
        }

    usual = exprs(RuleSettings())
    other = exprs(RuleSettings(cluster_label="site", severities={"critical": "page"}))
    assert other.pop("BackupSentinelBlind") == usual.pop("BackupSentinelBlind").replace(
        "unless on (cluster)", "unless on (site)"
    )
    assert other == usual


def test_a_label_name_that_is_none_is_refused() -> None:
    with pytest.raises(SentinelError, match="cluster_label"):
        bundles(SOURCES, RuleSettings(cluster_label="k8s-cluster"))


def test_a_file_of_another_form_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"(?s)Odd/rule\.yaml.*hint: comments"):
        bundles([RuleFile("Odd", "groups: [{name: x, rules: []}]\n")])


RULE = "groups:\n  - name: p.g\n{}    rules:\n      - record: a:b:c\n        expr: vector(1)\n"


def test_groups_are_joined_by_name() -> None:
    made = bundles(
        [
            RuleFile("A", "# Why.\n" + RULE.format("")),
            RuleFile("B", RULE.format("").replace("a:b:c", "d:e:f")),
        ]
    )
    assert made["p.rules.yaml"].count("name: p.g") == 1
    assert "      # Why.\n      - record: a:b:c\n" in made["p.rules.yaml"]
    assert "record: d:e:f" in made["p.rules.yaml"]


def test_groups_of_one_name_have_one_interval() -> None:
    with pytest.raises(DocumentError, match=r"group p\.g"):
        bundles([RuleFile("A", RULE.format("    interval: 5m\n")), RuleFile("B", RULE.format(""))])
