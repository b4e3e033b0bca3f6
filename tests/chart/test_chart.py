"""The chart as a whole: what it says of itself, its values, the words after an installation."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel import __version__
from backup_sentinel.config import parse
from backup_sentinel.generate.artefacts import Source, collect
from backup_sentinel.generate.chart import CHART as FOLDER
from backup_sentinel.generate.chart import switches
from backup_sentinel.generate.chart_text import Node, nodes
from chart.rendering import CASES, CHART, NAMESPACE, ROOT, arguments_of, configuration, helm, run_all

TEMPLATES = "\n".join(path.read_text("utf-8") for path in sorted((CHART / "templates").rglob("*.*")))
ELSEWHERE = {"enabled", "global"}


def keys(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of values that are no sections."""
    if isinstance(value, dict) and value and path not in {"podSecurityContext", "securityContext"}:
        for key, inner in value.items():
            yield from keys(inner, f"{path}.{key}" if path else key)
    else:
        yield path


def test_the_chart_describes_itself() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["apiVersion"] == "v2"
    assert chart["appVersion"] == __version__
    annotations = chart["annotations"]
    assert annotations["artifacthub.io/category"] == "monitoring-logging"
    assert annotations["artifacthub.io/license"] == "Apache-2.0"
    for key in ("links", "changes", "recommendations"):
        assert yaml.safe_load(annotations[f"artifacthub.io/{key}"])
    own = re.findall(r"/blob/main/(\S+)", annotations["artifacthub.io/links"])
    assert len(own) > 3
    assert [path for path in own if not (ROOT / path).is_file()] == []
    kinds = {change["kind"] for change in yaml.safe_load(annotations["artifacthub.io/changes"])}
    assert kinds <= {"added", "changed", "deprecated", "removed", "fixed", "security"}


@pytest.mark.parametrize("section", sorted(yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))))
def test_every_value_is_used(section: str) -> None:
    """By its path, or by its name below the section: templates say `with .Values.section`."""
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert re.search(rf"(Values|\$values|\$shared)\.{section}\b", TEMPLATES)
    handed_over = (
        "config",
        "livenessProbe",
        "prometheusRule.groups",
        "readinessProbe",
        "relay.livenessProbe",
        "relay.readinessProbe",
        "strategy",
    )
    for path in keys(values[section], section):
        if not path.startswith(handed_over):
            name = path.rpartition(".")[2]
            assert re.search(rf'(\.{name}\b|"{name}")', TEMPLATES), path


def test_templates_use_no_unknown_value() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    for found in re.findall(r"(?:Values|\$shared)\.([A-Za-z]+)(?:\.([A-Za-z]+))?", TEMPLATES):
        section, field = found
        assert section in values or section in ELSEWHERE
        if field and section in values and section != "config":
            assert field in values[section], found


def test_values_are_documented() -> None:
    readme = (CHART / "README.md").read_text("utf-8")
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    for section in values:
        assert f"| `{section}" in readme
    found = switches({"backup-sentinel": (CHART / "files/rules/backup-sentinel.yaml").read_text("utf-8")})
    assert all(node.text for node in nodes(found))


def test_everything_generated_is_in_the_folder_of_the_chart() -> None:
    from backup_sentinel import commands, service
    from backup_sentinel.config import Config

    source = Source(ROOT, service.profiles(Config()), commands.parser())
    paths = [artefact.path for artefact in collect(["chart"], source)]
    assert len(paths) == len(set(paths))
    assert all(path.startswith(f"{FOLDER}/") for path in paths)


def examples(found: Iterable[Node]) -> Iterator[tuple[str, Any]]:
    """Yield the examples that stand below values, by the path of the value."""
    for node in found:
        if node.example:
            yield node.path, yaml.safe_load(node.example)
        yield from examples(node.children)


def test_examples_in_the_values_are_valid() -> None:
    """What stands below a value as a comment can be taken over as it is, all of them together."""
    given: dict[str, Any] = {"relay": {"enabled": True}, "notify": {"enabled": True}}
    found = dict(examples(nodes(())))
    assert {"config", "env", "extraManifests", "notify.config", "relay.config", "resources"} <= set(found)
    for path, example in found.items():
        *sections, key = path.split(".")
        part = given
        for section in sections:
            part = part.setdefault(section, {})
        part[key] = example
    done = helm("template", *arguments_of("default"), f"--set-json={json.dumps(given)}")
    assert done.returncode == 0, done.stderr
    manifests = [one for one in yaml.safe_load_all(done.stdout) if one]
    for component in ("exporter", "relay", "notify"):
        parse(configuration(manifests, component), component)


def test_it_can_be_a_dependency_of_another_chart(tmp_path: Path) -> None:
    """Helm then hands down `global` and the condition."""
    dependency = {"name": "backup-sentinel", "version": "0.x", "condition": "backup-sentinel.enabled"}
    chart = {"apiVersion": "v2", "name": "parent", "version": "0.1.0", "dependencies": [dependency]}
    values = {"global": {"imageRegistry": "r.example.org"}, "backup-sentinel": {"enabled": True}}
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(chart), "utf-8")
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values), "utf-8")
    shutil.copytree(CHART, tmp_path / "charts" / CHART.name)
    done = helm("template", "parent", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "r.example.org/backup-sentinel:" in done.stdout


def test_a_key_without_a_value_is_as_one_that_is_left_out() -> None:
    """`env:` with nothing but comments below it. Helm then takes away the default, too."""
    on = "relay.enabled=true,notify.enabled=true,prometheusRule.enabled=true,dashboards.sidecar.enabled=true"
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    parts = {f"{part}.": values[part] for part in ("relay", "notify", "serviceAccount", "prometheusRule")}
    empty = [
        f"{prefix}{key}"
        for prefix, part in {"": values, **parts}.items()
        for key, value in part.items()
        if value in ({}, []) or key in {"replicas", "securityContext", "podSecurityContext", "strategy"}
    ]
    assert {"config", "env", "relay.config", "notify.volumes", "serviceAccount.labels"} <= set(empty)
    nothing = ",".join(f"{path}=null" for path in empty)
    arguments = (*arguments_of("default"), f"--set={on}", f"--set={nothing}")
    done = helm("template", *arguments, "--api-versions=security.openshift.io/v1")
    assert done.returncode == 0, done.stderr
    [deployment] = [one for one in yaml.safe_load_all(done.stdout) if one and one["kind"] == "Deployment"]
    assert "replicas" not in deployment["spec"], "0 would stop the exporter"
    said = helm("install", *arguments, "--dry-run=client")
    assert said.returncode == 0, said.stderr
    assert "does not run" not in said.stdout


@cache
def notes() -> dict[str, str]:
    """Return what Helm prints after an installation, by case."""

    def ask(case: str) -> str:
        done = helm("install", *arguments_of(case), "--dry-run=client")
        assert done.returncode == 0, done.stderr
        return done.stdout.partition("\nNOTES:\n")[2]

    return dict(zip(CASES, run_all(ask, CASES), strict=True))


def test_notes_say_that_nothing_scrapes_yet() -> None:
    assert "set serviceMonitor.enabled=true" in notes()["default"]
    assert "set prometheusRule.enabled=true" in notes()["default"]
    assert "watches all namespaces" in notes()["default"]
    assert f"watch-dog-backup-sentinel.{NAMESPACE}.svc:9950/metrics" in notes()["default"]


def test_notes_tell_how_to_scrape_shards() -> None:
    """Through the Service of all, a scrape would see now one of them, now another."""
    arguments = (*arguments_of("default"), "--dry-run=client", "--set=shards=3")
    said = helm("install", *arguments).stdout
    assert f"dns_sd_configs with the name watch-dog-backup-sentinel-shards.{NAMESPACE}.svc" in said
    assert "svc:9950/metrics" not in said
    assert "one of the 3 shards" in said


def test_notes_do_not_lead_to_an_exporter_that_does_not_run() -> None:
    said = notes()["notify"]
    assert "port-forward" not in said
    assert "1. Be told without Prometheus" in said
    assert "scrape" not in said


def test_notes_name_the_label_that_is_missing() -> None:
    assert "--set serviceMonitor.additionalLabels.release=kube-prometheus-stack" in notes()["web"]
    assert "--set podMonitor.additionalLabels.release=kube-prometheus-stack" in notes()["shards"]
    assert "additionalLabels" not in notes()["operator"]
    assert "serviceMonitor has the label release=kube-prometheus-stack" in notes()["operator"]
    assert "serviceMonitorSelector" in notes()["operator"]


def test_notes_tell_what_is_watched_and_how_to_look() -> None:
    assert "watches these namespaces: oadp, velero." in notes()["namespaced"]
    assert "not the one it runs in" in notes()["hub"]
    assert "https://localhost:9950/" in notes()["web"]
    assert "The kubelet cannot log in" in notes()["certificates"]
    assert "The kubelet cannot log in" not in notes()["web"]


def test_notes_tell_how_alertmanager_reaches_the_relay() -> None:
    done = helm("install", *arguments_of("default"), "--dry-run=client", "--set=relay.enabled=true")
    assert f"url: http://watch-dog-backup-sentinel-relay.{NAMESPACE}.svc:9951/alertmanager" in done.stdout
    assert "Everybody who reaches the relay may send" in done.stdout
    assert "webhook_configs" not in notes()["relay"]
    assert "Everybody" not in notes()["relay"]
    assert "alertmanagerConfigMatcherStrategy" in notes()["relay"]


def test_notes_tell_that_nothing_watches_over_the_relay() -> None:
    on = ("--set=relay.enabled=true", "--set=prometheusRule.enabled=true")
    for more, expected in (((), True), (("--set=prometheusRule.groups.relay=true",), False)):
        done = helm("install", *arguments_of("default"), "--dry-run=client", *on, *more)
        assert ("prometheusRule.groups.relay=true" in done.stdout) is expected


def test_a_release_fits_into_the_secret_that_helm_keeps_it_in() -> None:
    """Chart and manifests, packed and as base64 (helm.sh/helm, pkg/storage/driver/util.go); a Secret holds 1 MiB."""
    sections = ("dashboards.sidecar", "dashboards.grafanaOperator", "relay", "notify", "serviceMonitor")
    rules = yaml.safe_load((CHART / "files" / "groups.yaml").read_text("utf-8")).values()
    switched = [f"--set={section}.enabled=true" for section in (*sections, "prometheusRule")]
    switched += [f"--set=prometheusRule.groups.{key}=true" for key in rules]
    done = helm("install", *arguments_of("default"), "--dry-run=client", "--output=json", *switched)
    assert done.returncode == 0, done.stderr
    assert {"chart", "manifest"} <= set(json.loads(done.stdout))
    size = len(base64.b64encode(gzip.compress(done.stdout.encode())))
    assert size < 768 * 1024, f"{size} bytes: leave room for values"


def test_notes_tell_how_to_look_at_once() -> None:
    assert "job --from=cronjob/watch-dog-backup-sentinel-notify" in notes()["notify"]
    assert "The exporter does not run" in notes()["notify"]
    assert "It has no channels" not in notes()["notify"]
    done = helm("install", *arguments_of("default"), "--dry-run=client", "--set=notify.enabled=true")
    assert "It has no channels" in done.stdout
    assert "The exporter does not run" not in done.stdout


@pytest.mark.parametrize("case", CASES)
def test_notes_are_clean(case: str) -> None:
    assert "<no value>" not in notes()[case]
    assert not re.search(r"[ \t]$|\n\n\n", notes()[case], re.MULTILINE)
