"""The manifests of Alloy: its configuration as it stands beside them, few rights, and the sizes that are promised."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from backup_sentinel.generate.alloy import embed
from chart.strictness import VERSIONS, read
from logs.pipeline import ALLOY, VARIANTS

NAMESPACE = {"full": "monitoring", "simple": "observability"}
READ = {"full": {"velero", "backup-sentinel"}, "simple": {"velero", "backup-sentinel", "observability"}}
"""Namespaces whose pods are read."""


def manifests(variant: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ALLOY / f"{variant}.yaml").read_text("utf-8")))


def one(variant: str, kind: str) -> dict[str, Any]:
    [found] = [manifest for manifest in manifests(variant) if manifest["kind"] == kind]
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_configuration_is_the_one_beside_it(variant: str) -> None:
    text = (ALLOY / f"{variant}.alloy").read_text("utf-8")
    assert one(variant, "ConfigMap")["data"] == {"config.alloy": text}
    manifest = (ALLOY / f"{variant}.yaml").read_text("utf-8")
    assert embed(manifest, text) == manifest, "write it with: make generate"
    changed = embed(manifest, text + "// more\n")
    assert changed.count("// more") == 1
    assert changed.split("checksum/config: ")[1][:64] != manifest.split("checksum/config: ")[1][:64]


def test_without_a_place_for_it_nothing_is_written() -> None:
    with pytest.raises(ValueError, match="ConfigMap"):
        embed("kind: ConfigMap\n", "x\n")


@pytest.mark.parametrize("variant", VARIANTS)
def test_all_is_in_its_namespace_and_belongs_together(variant: str) -> None:
    for manifest in manifests(variant):
        wanted = READ[variant] if manifest["kind"].startswith("Role") else {NAMESPACE[variant]}
        assert manifest["metadata"]["namespace"] in wanted
    for binding in (found for found in manifests(variant) if found["kind"] == "RoleBinding"):
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "alloy-backups", "namespace": NAMESPACE[variant]}
        ]
    daemon = one(variant, "DaemonSet")["spec"]
    labels = daemon["template"]["metadata"]["labels"]
    assert daemon["selector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_may_read_pods_and_logs_of_its_namespaces_and_nothing_else(variant: str) -> None:
    kinds = {manifest["kind"] for manifest in manifests(variant)}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding"}
    roles = [found for found in manifests(variant) if found["kind"] == "Role"]
    assert {role["metadata"]["namespace"] for role in roles} == READ[variant]
    rules = [rule for role in roles for rule in role["rules"]]
    assert {verb for rule in rules for verb in rule["verbs"]} <= {"get", "list", "watch"}
    assert {name for rule in rules for name in rule["resources"]} == {"pods", "pods/log"}


def test_the_exporter_is_read_where_the_plain_manifests_put_it() -> None:
    """The variant for MicroK8s goes with microk8s-observability.yaml, whose ServiceMonitor scrapes the exporter already."""
    for variant, plainly in (("full", "standard"), ("simple", "microk8s-observability")):
        text = (ALLOY.parent / "manifests" / f"{plainly}.yaml").read_text("utf-8")
        [pods] = [one for one in yaml.safe_load_all(text) if one and one["kind"] == "Deployment"]
        assert pods["metadata"]["namespace"] in READ[variant]
    config = (ALLOY / "simple.alloy").read_text("utf-8")
    [names] = re.findall(r"names = (\[.+\])", config)
    assert set(json.loads(names)) == READ["simple"]
    metrics = config[config.index('discovery.relabel "metrics"') : config.index("prometheus.scrape")]
    assert re.search(
        r'"__meta_kubernetes_namespace"\]\n\s+regex += "observability"\n\s+action += "drop"', metrics
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_pod_is_small_and_restricted(variant: str) -> None:
    spec = one(variant, "DaemonSet")["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "100m", "memory": "200Mi"},
        "limits": {"cpu": "500m", "memory": "500Mi"},
    }
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert {next(iter(volume.keys() - {"name"})) for volume in spec["volumes"]} == {"configMap", "emptyDir"}
    assert "hostNetwork" not in spec


def complaints(manifest: dict[str, Any], version: str) -> list[str]:
    """Return what the schema of a version of Kubernetes refuses."""
    group, _, api = manifest["apiVersion"].rpartition("/")
    name = f"io.k8s.api.{group.partition('.')[0] or 'core'}.{api}.{manifest['kind']}"
    definitions = read(f"kubernetes-{version}.json")
    assert name in definitions
    schema = {"$ref": f"#/definitions/{name}", "definitions": definitions}
    return [error.message for error in Draft7Validator(schema).iter_errors(manifest)]


@pytest.mark.e2e
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_manifests_are_valid(variant: str, version: str) -> None:
    for manifest in manifests(variant):
        assert complaints(manifest, version) == []


@pytest.mark.e2e
def test_a_wrong_manifest_is_refused() -> None:
    daemon = one("full", "DaemonSet")
    daemon["spec"]["replicas"] = 2
    assert any("replicas" in complaint for complaint in complaints(daemon, VERSIONS[0]))
