"""Every manifest against the schemas of Kubernetes, of the Prometheus operator and of the Grafana operator."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart import plain
from chart.rendering import CASES, CHART, NAMESPACE, RELEASE, helm, run_all, text, values_of
from chart.strictness import VERSIONS, definitions_of_all_operators, read, strict
from support.process import require


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schemas as kubeconform wants them: one file for each kind."""
    folder = tmp_path_factory.mktemp("schemas")
    for version in VERSIONS:
        definitions = read(f"kubernetes-{version}.json")
        (folder / f"v{version}").mkdir()
        for name in definitions:
            if not name.startswith("io.k8s.api.") or "apimachinery" in name:
                continue
            group, api, kind = name.removeprefix("io.k8s.api.").split(".")
            suffix = f"-{api}" if group == "core" else f"-{group}-{api}"
            made = {"$ref": f"#/definitions/{name}", "definitions": definitions}
            (folder / f"v{version}" / f"{kind.lower()}{suffix}.json").write_text(json.dumps(made), "utf-8")
    (folder / "operator").mkdir()
    for definition in definitions_of_all_operators().values():
        spec = definition["spec"]
        for served in spec["versions"]:
            schema = strict(served["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            group = spec["group"].partition(".")[0]
            file = f"{spec['names']['kind'].lower()}-{group}-{served['name']}.json"
            (folder / "operator" / file).write_text(json.dumps(schema), "utf-8")
    return folder


def kubeconform(schemas: Path, version: str, *paths: Path) -> dict[str, Any]:
    """Check files; return what the program says."""
    locations = [
        f"{schemas}/{name}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
        for name in (f"v{version}", "operator")
    ]
    command = [
        require("kubeconform"),
        "-strict",
        "-summary",
        "-output",
        "json",
        "-kubernetes-version",
        version,
    ]
    done = subprocess.run(
        [str(part) for part in (*command, *(f"-schema-location={place}" for place in locations), *paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_there_are_three_versions_and_the_oldest_is_the_oldest_supported() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert len(VERSIONS) >= 3
    assert chart["kubeVersion"] == f"^{VERSIONS[0].rpartition('.')[0]}.0-0"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str, schemas: Path, tmp_path: Path) -> None:
    count = 0
    for case, made in zip(
        CASES, run_all(lambda case: text(case, f"--kube-version={version}"), CASES), strict=True
    ):
        (tmp_path / f"{case}.yaml").write_text(made, "utf-8")
        count += len(re.findall(r"^kind: ", made, re.MULTILINE))
    said = kubeconform(schemas, version, tmp_path)
    assert said["resources"] == []
    assert said["summary"] == {"valid": count, "invalid": 0, "errors": 0, "skipped": 0}


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_plain_manifests_are_valid(version: str, schemas: Path) -> None:
    paths = [plain.FOLDER / f"{variant}.yaml" for variant in plain.NAMESPACES]
    count = sum(len(re.findall(r"^kind: ", path.read_text("utf-8"), re.MULTILINE)) for path in paths)
    said = kubeconform(schemas, version, *paths)
    assert said["resources"] == []
    assert said["summary"] == {"valid": count, "invalid": 0, "errors": 0, "skipped": 0}


def test_wrong_manifests_are_found(schemas: Path, tmp_path: Path) -> None:
    wrong: dict[str, tuple[str, dict[str, Any]]] = {
        "apps/v1": ("Deployment", {"spec": {"replica": 1}}),
        "v1": ("Service", {"spec": {"ports": [{"port": "http"}]}}),
        "monitoring.coreos.com/v1": (
            "ServiceMonitor",
            {"spec": {"endpoints": [{"intervall": "1m"}], "selector": {}}},
        ),
        "grafana.integreatly.org/v1beta1": (
            "GrafanaDashboard",
            {"spec": {"json": "{}", "instanceSelector": []}},
        ),
        "monitoring.coreos.com/v1alpha1": ("AlertmanagerConfig", {"spec": {"route": {"reciever": "x"}}}),
    }
    for number, (api, (kind, rest)) in enumerate(wrong.items()):
        manifest = {"apiVersion": api, "kind": kind, "metadata": {"name": "wrong"}, **rest}
        (tmp_path / f"{number}.yaml").write_text(json.dumps(manifest), "utf-8")
    said = kubeconform(schemas, VERSIONS[-1], tmp_path)
    assert said["summary"]["invalid"] == len(wrong), said


@cache
def lint() -> str:
    """Return what lint says of all cases."""
    said = ""
    for case in CASES:
        done = helm("lint", "--strict", CHART, "--values", values_of(case), "--namespace", NAMESPACE)
        said += done.stdout + done.stderr
        assert done.returncode == 0, said
    return said


def test_lint_finds_nothing() -> None:
    assert "[WARNING]" not in lint()
    assert "[ERROR]" not in lint()


def test_it_is_refused_where_kubernetes_is_too_old() -> None:
    done = helm("template", RELEASE, CHART, "--kube-version", "1.24.0")
    assert done.returncode != 0
    assert "incompatible with Kubernetes" in done.stderr


def test_the_unit_tests_of_the_chart_pass(tmp_path: Path) -> None:
    """They ask Helm 3's library, which older installations use; the rest of these tests asks Helm 4."""
    chart = shutil.copytree(CHART, tmp_path / CHART.name)  # The program writes beside the tests.
    done = subprocess.run(
        [require("helm-unittest"), "--strict", "--file", "unittests/*_test.yaml", chart],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Tests:       0 passed" not in done.stdout
