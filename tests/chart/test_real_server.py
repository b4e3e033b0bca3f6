"""The rendered manifests meet a real API server: it takes them, and the rights in them are enough and no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from backup_sentinel.clock import Clock
from backup_sentinel.config import parse
from backup_sentinel.export.archive import ConfigMaps
from backup_sentinel.export.profile import load_profiles
from backup_sentinel.export.store import SavedCluster
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.settings import ClusterSettings
from chart.rendering import CASES, NAMESPACE, Manifest, configuration, render
from chart.strictness import definitions_of_all_operators
from support.apiserver import ApiServer, Rule
from support.crds import definitions
from support.exporter import Exporter

pytestmark = pytest.mark.e2e

PLURALS = {
    "AlertmanagerConfig": ("monitoring.coreos.com", "v1alpha1", "alertmanagerconfigs"),
    "ConfigMap": ("", "v1", "configmaps"),
    "GrafanaDashboard": ("grafana.integreatly.org", "v1beta1", "grafanadashboards"),
    "PodMonitor": ("monitoring.coreos.com", "v1", "podmonitors"),
    "PrometheusRule": ("monitoring.coreos.com", "v1", "prometheusrules"),
    "Secret": ("", "v1", "secrets"),
    "ServiceMonitor": ("monitoring.coreos.com", "v1", "servicemonitors"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("apiserver"), check_namespaces=False) as running:
        for definition in definitions_of_all_operators().values():
            running.apply_crd(definition)
        [velero] = load_profiles(operators=("velero",))
        for definition in definitions(velero).values():
            running.apply_crd(definition)
        yield running


def granted(manifests: Sequence[Manifest]) -> list[Rule]:
    """Return the rights that the roles of a chart give."""
    rules: list[Rule] = []
    for manifest in manifests:
        if manifest["kind"] not in {"Role", "ClusterRole"}:
            continue
        for rule in manifest["rules"]:
            made: Rule = {
                "verbs": rule["verbs"],
                "groups": rule["apiGroups"],
                "resources": rule["resources"],
            }
            if "resourceNames" in rule:
                made["names"] = rule["resourceNames"]
            if manifest["kind"] == "Role":
                made["namespaces"] = [manifest["metadata"]["namespace"]]
            rules.append(made)
    return rules


@pytest.mark.parametrize("case", CASES)
def test_the_server_takes_what_it_knows(case: str, server: ApiServer) -> None:
    taken = []
    for manifest in render(case):
        if manifest["kind"] in PLURALS:
            place = f"{case}-{manifest['metadata'].get('namespace', NAMESPACE)}"
            metadata = {**manifest["metadata"], "namespace": place}
            made = server.create(*PLURALS[manifest["kind"]], place, {**manifest, "metadata": metadata})
            assert made.get("spec") == manifest.get("spec") or manifest["kind"].endswith("Monitor")
            taken.append(manifest["kind"])
    assert taken


def status(server: ApiServer, token: str, method: str, path: str) -> int:
    """Return how a request is answered."""
    return server.request(method, path, {} if method == "POST" else None, token=token).status


@pytest.mark.parametrize("case", ["default", "operator", "shards"])
def test_the_rights_are_enough_to_watch_and_to_remember(case: str, server: ApiServer, tmp_path: Path) -> None:
    server.grant(case, case, granted(render(case)))
    settings = {"name": "prod", "api_url": server.url, "token": case, "ca_file": str(server.ca_file)}
    with Exporter(tmp_path, {"clusters": [settings]}) as exporter:
        exporter.wait_ready()
        assert exporter.value("backup_sentinel_cluster_up", cluster="prod") == 1
        readable = exporter.samples("backup_sentinel_resource_up", cluster="prod")
    # What the server has: the resources of Velero, and Jobs and CronJobs, which every cluster has.
    present = load_profiles(operators=("velero", "jobs"))
    wanted = {resource.name for profile in present for resource in profile.resources}
    assert {labels["resource"] for labels, _ in readable} == wanted
    assert {value for _, value in readable} == {1}


async def test_the_rights_are_enough_for_the_state(server: ApiServer) -> None:
    server.grant("state", "state", granted(render()))
    home = ClusterSettings(api_url=server.url, token="state", ca_file=str(server.ca_file))
    server.ensure_namespace("kube-system")
    server.ensure_namespace(NAMESPACE)
    name = parse(configuration(render())).state.name
    for _ in range(2):  # The first creates the object, the second changes it.
        archive = ConfigMaps(Client(Access(home, Clock()), Clock()), NAMESPACE, name)
        try:
            await archive.load("prod")
            await archive.save(SavedCluster(version=1, cluster="prod"))
            assert await archive.load("prod") is not None
        finally:
            await archive.close()


def test_the_rights_are_no_more(server: ApiServer) -> None:
    server.grant("narrow", "narrow", granted(render()))
    assert status(server, "narrow", "GET", "/apis/velero.io/v1/backups") == 200
    for method, path in (
        ("POST", "/apis/velero.io/v1/namespaces/velero/backups"),
        ("DELETE", "/apis/velero.io/v1/namespaces/velero/backups/x"),
        ("GET", "/api/v1/secrets"),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets"),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps"),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/another"),
        ("DELETE", f"/api/v1/namespaces/{NAMESPACE}/configmaps/watch-dog-backup-sentinel-state-0"),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/another-release-backup-sentinel-state-0"),
        ("POST", "/api/v1/namespaces/default/configmaps"),
        ("GET", "/api/v1/namespaces"),
        ("GET", "/api/v1/namespaces/default"),
    ):
        assert status(server, "narrow", method, path) == 403, (method, path)
