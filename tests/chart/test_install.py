"""What the pages say about installing: Helm takes their commands, files that they name exist, manifests are the chart's."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel.config import parse
from chart import plain
from chart.rendering import CHART, ROOT, configuration, container, find, helm, kinds, render
from support.markdown import blocks, pages

INSTALL = ROOT / "exporter" / "install.md"
README = CHART / "README.md"
OPERATING = ROOT / "exporter" / "operating.md"
WITH_VALUE = {"--namespace", "--set", "--values", "--api-versions"}


def commands(page: Path) -> list[str]:
    """Return the commands of a page, each in one line."""
    return [command for block in blocks(page) if block.language == "sh" for command in block.commands()]


def asked_of_helm(page: Path) -> list[str]:
    """Return the commands of a page that install, upgrade or render the chart."""
    return [one for one in commands(page) if re.match(r"helm (install|upgrade|template) ", one)]


@pytest.mark.parametrize("command", asked_of_helm(INSTALL) + asked_of_helm(README))
def test_helm_takes_each_command(command: str) -> None:
    """As `helm template`, which takes the same values; what belongs to a cluster is left out."""
    _, _, release, chart, *options = shlex.split(command.partition(" > ")[0])
    left = [
        one
        for one in options
        if one not in {"--create-namespace", "--reuse-values", "--reset-then-reuse-values"}
    ]
    assert {one for one in left if one.startswith("-")} <= WITH_VALUE
    done = helm("template", release, ROOT / chart, *left)
    assert done.returncode == 0, done.stderr
    manifests = [one for one in yaml.safe_load_all(done.stdout) if one]
    assert find(manifests, "Deployment")["metadata"]["name"] == "backup-sentinel"
    for kind, option in {
        "ServiceMonitor": "serviceMonitor.enabled=true",
        "PrometheusRule": "prometheusRule.enabled=true",
    }.items():
        assert (kind in kinds(manifests)) is (option in options)


def test_installing_takes_five_lines() -> None:
    """Image, push, install, wait, look: with Helm and without."""
    first, second = (
        [line for line in block.code.splitlines() if not line.startswith("#")]
        for block in blocks(INSTALL)
        if block.code.startswith("# needs a cluster\ndocker build -f exporter/Dockerfile -t registry")
    )
    assert len(first) == len(second) == 5
    assert "helm install " in first[2]
    assert "charts/manifests/standard.yaml" in second[2]


@pytest.mark.parametrize("page", [INSTALL, README, OPERATING], ids=lambda page: page.name)
def test_files_in_commands_exist(page: Path) -> None:
    named = [
        word
        for command in commands(page)
        for word in shlex.split(command.replace(";", " "))
        if re.match(r"(charts|dashboards|rules|exporter)/", word)
    ]
    assert [one for one in named if not list(ROOT.glob(one))] == []


def test_what_the_commands_name_is_what_is_installed() -> None:
    """Service, labels, registry and version in the commands are those of the manifests."""
    text = INSTALL.read_text("utf-8")
    standard = [one for one in yaml.safe_load_all(plain.manifests("standard")) if one]
    name = find(standard, "Deployment")["metadata"]["name"]
    assert f"http://{name}.backup-sentinel.svc:9950/metrics" in text
    selector = find(standard, "Deployment")["spec"]["selector"]["matchLabels"]
    assert f"--selector app.kubernetes.io/name={selector['app.kubernetes.io/name']}" in text
    images = {
        word
        for command in commands(INSTALL)
        for word in command.split()
        if re.match(r"\S+/backup-sentinel:", word)
    }
    wanted = container(standard)["image"]
    assert images == {
        wanted,
        wanted.replace("registry.example.org", "registry.yours.example"),
        container(read("microk8s-observability"))["image"],
    }


WORKLOADS = re.compile(r" (cronjob|daemonset|deployment|service|statefulset)/([\w-]+)")
VELERO = {("deployment", "velero"), ("daemonset", "node-agent")}


def test_workloads_in_commands_are_installed() -> None:
    """What `kubectl` is asked about on any page is in the plain manifests, in those of Alloy, in the chart, or Velero's."""
    manifests = [*render("default", "--set=relay.enabled=true,fullnameOverride=backup-sentinel")]
    for variant in plain.NAMESPACES:
        manifests += read(variant)
    for path in (ROOT / "charts" / "alloy").glob("*.yaml"):
        manifests += yaml.safe_load_all(path.read_text("utf-8"))
    there = {(one["kind"].lower(), one["metadata"]["name"]) for one in manifests} | VELERO
    asked = {
        (kind, name, str(page.relative_to(ROOT)))
        for page in pages()
        for command in commands(page)
        for kind, name in WORKLOADS.findall(command)
    }
    assert len({page for _, _, page in asked}) > 5
    assert [one for one in asked if one[:2] not in there] == []


@pytest.mark.parametrize("variant", sorted(plain.NAMESPACES))
def test_plain_manifests_are_those_of_the_chart(variant: str) -> None:
    written = (plain.FOLDER / f"{variant}.yaml").read_text("utf-8")
    assert written == plain.manifests(variant), "write them with: make manifests"


def read(variant: str) -> list[dict[str, Any]]:
    """Return the plain manifests of a variant."""
    text = (plain.FOLDER / f"{variant}.yaml").read_text("utf-8")
    return [one for one in yaml.safe_load_all(text) if one]


@pytest.mark.parametrize("variant", sorted(plain.NAMESPACES))
def test_plain_manifests_do_not_speak_of_helm(variant: str) -> None:
    text = (plain.FOLDER / f"{variant}.yaml").read_text("utf-8")
    assert "helm" not in text.lower()
    for manifest in read(variant):
        if manifest["metadata"].get("namespace"):
            assert manifest["metadata"]["namespace"] == plain.NAMESPACES[variant]


@pytest.mark.parametrize("variant", sorted(plain.NAMESPACES))
def test_plain_manifests_can_be_applied(variant: str) -> None:
    """`kubectl apply` notes in an annotation what it was given; all annotations together hold 256 KiB."""
    for manifest in read(variant):
        assert len(json.dumps(manifest).encode()) < 256 * 1024 - 1024, manifest["metadata"]["name"]


def test_the_standard_variant_needs_nothing_but_kubernetes() -> None:
    manifests = read("standard")
    assert kinds(manifests)[0] == "Namespace"
    assert all(
        re.fullmatch(r"v1|(apps|rbac\.authorization\.k8s\.io)/v1", one["apiVersion"]) for one in manifests
    )
    annotations = find(manifests, "Service")["metadata"]["annotations"]
    assert annotations["prometheus.io/scrape"] == "true"


def test_the_microk8s_variant_is_seen_by_the_add_on() -> None:
    """Its release of kube-prometheus-stack is called `kube-prom-stack`, which its selectors ask for."""
    manifests = read("microk8s-observability")
    assert {"ServiceMonitor", "PrometheusRule"} <= set(kinds(manifests))
    for manifest in manifests:
        if manifest["kind"] in {"ServiceMonitor", "PrometheusRule"}:
            assert manifest["metadata"]["labels"]["release"] == "kube-prom-stack"
    boards = [one for one in manifests if one["metadata"]["labels"].get("grafana_dashboard") == "1"]
    assert len(boards) == len(list((ROOT / "dashboards").glob("grafana-*.json")))


def test_the_configuration_on_the_page_is_one() -> None:
    (block,) = [block for block in blocks(INSTALL) if block.language == "yaml"]
    config = parse(block.code)
    written = parse(configuration(read("standard")))
    assert config.state == written.state
    assert [cluster.in_cluster for cluster in config.clusters] == [True]


@pytest.mark.parametrize(
    "block",
    [block for block in blocks(README) if block.language == "yaml" and "apiVersion" not in block.code],
    ids=lambda block: f"line {block.line}",
)
def test_values_on_the_page_of_the_chart_are_valid(block: Any, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(block.code, "utf-8")
    done = helm("template", "x", CHART, "--values", path)
    assert done.returncode == 0, done.stderr
