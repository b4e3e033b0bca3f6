"""The rendered manifests meet a real API server: it takes them, and the rights in them are enough and no more."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from backup_sentinel.clock import Clock
from backup_sentinel.config import parse
from backup_sentinel.export.archive import ConfigMaps
from backup_sentinel.export.profile import load_profiles
from backup_sentinel.export.store import SavedCluster
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.settings import ClusterSettings
from chart import plain
from chart.rendering import CASES, NAMESPACE, Manifest, configuration, pod, render
from chart.strictness import definitions_of_all_operators
from support.apiserver import ApiServer, Rule
from support.crds import definitions
from support.exporter import Exporter
from support.velero import GROUP, VERSION, backup, schedule, stamp

pytestmark = pytest.mark.e2e

PLURALS = {
    "AlertmanagerConfig": ("monitoring.coreos.com", "v1alpha1", "alertmanagerconfigs"),
    "ConfigMap": ("", "v1", "configmaps"),
    "CronJob": ("batch", "v1", "cronjobs"),
    "GrafanaDashboard": ("grafana.integreatly.org", "v1beta1", "grafanadashboards"),
    "PodMonitor": ("monitoring.coreos.com", "v1", "podmonitors"),
    "PrometheusRule": ("monitoring.coreos.com", "v1", "prometheusrules"),
    "Secret": ("", "v1", "secrets"),
    "ServiceMonitor": ("monitoring.coreos.com", "v1", "servicemonitors"),
}


DEFAULTED = {"CronJob", "PodMonitor", "ServiceMonitor"}
"""Kinds in which the server adds what was left out."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("apiserver"), check_namespaces=False) as running:
        for definition in definitions_of_all_operators().values():
            running.apply_crd(definition)
        [velero] = load_profiles(operators=("velero",))
        for definition in definitions(velero).values():
            running.apply_crd(definition)
        yield running


def place_of(manifest: Manifest) -> tuple[str, str, str]:
    """Return kind, namespace and name of a role."""
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def granted(manifests: Sequence[Manifest], component: str = "exporter") -> list[Rule]:
    """Return the rights that a chart gives to the account of a component's pods."""
    account = pod(manifests, component)["serviceAccountName"]
    bound = {
        (one["roleRef"]["kind"], one["metadata"].get("namespace", ""), one["roleRef"]["name"])
        for one in manifests
        if one["kind"] in {"RoleBinding", "ClusterRoleBinding"}
        and account in {subject["name"] for subject in one["subjects"]}
    }
    rules: list[Rule] = []
    for manifest in manifests:
        if place_of(manifest) not in bound:
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


def apply(server: ApiServer, manifests: Sequence[Manifest], prefix: str) -> list[str]:
    """Create what the server knows, in namespaces of its own; return the kinds. Nothing may be changed on the way."""
    taken = []
    for manifest in manifests:
        if manifest["kind"] in PLURALS:
            place = f"{prefix}-{manifest['metadata'].get('namespace', NAMESPACE)}"
            metadata = {**manifest["metadata"], "namespace": place}
            made = server.create(*PLURALS[manifest["kind"]], place, {**manifest, "metadata": metadata})
            if manifest["kind"] not in DEFAULTED:
                assert made.get("spec") == manifest.get("spec")
            taken.append(manifest["kind"])
    return taken


@pytest.mark.parametrize("case", CASES)
def test_the_server_takes_what_it_knows(case: str, server: ApiServer) -> None:
    assert apply(server, render(case), case)


@pytest.mark.parametrize("variant", sorted(plain.NAMESPACES))
def test_the_server_takes_plain_manifests(variant: str, server: ApiServer) -> None:
    text = (plain.FOLDER / f"{variant}.yaml").read_text("utf-8")
    manifests = [manifest for manifest in yaml.safe_load_all(text) if manifest]
    assert apply(server, manifests, variant)


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


def test_the_rights_are_enough_to_notify(server: ApiServer, tmp_path: Path) -> None:
    """`notify --once` with the rights of the CronJob's account, and the record that its configuration names."""
    manifests = render("notify")
    server.grant("notify", "notify", granted(manifests, "notify"))
    server.ensure_namespace(NAMESPACE)
    now = time.time()  # what ended before it was created came from elsewhere
    times = {"startTimestamp": stamp(now), "completionTimestamp": stamp(now + 1)}
    server.create(GROUP, VERSION, "schedules", "velero", schedule("x"))
    server.create(GROUP, VERSION, "backups", "velero", backup("x1", "Failed", schedule="x", **times))
    rendered = parse(configuration(manifests, "notify"))
    record = rendered.notify.record.name
    cluster = {"name": "prod", "api_url": server.url, "token": "notify", "ca_file": str(server.ca_file)}
    config = {
        "clusters": [cluster],
        "export": {"operators": rendered.export.operators},
        "notify": {
            "record": {"backend": "configmap", "cluster": "prod", "namespace": NAMESPACE, "name": record}
        },
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    command = [sys.executable, "-m", "backup_sentinel", "notify", "--once", f"--config={path}"]
    for _ in range(2):  # The first creates the record, the second changes it.
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
    kept = server.get("", "v1", "configmaps", NAMESPACE, record)
    assert "x1" in json.dumps(kept["data"])
    assert status(server, "notify", "GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/other") == 403
    assert status(server, "notify", "GET", "/apis/velero.io/v1/backups") == 200
    assert status(server, "notify", "POST", "/apis/velero.io/v1/namespaces/velero/backups") == 403


def test_the_relay_may_do_what_its_enrichers_and_channels_do(server: ApiServer) -> None:
    server.grant("relay", "relay", granted(render("relay"), "relay"))
    assert status(server, "relay", "GET", "/apis/velero.io/v1/backups") == 200
    assert status(server, "relay", "GET", "/api/v1/namespaces/velero/events") == 200
    assert status(server, "relay", "POST", "/api/v1/namespaces/velero/events") != 403
    asking = "/apis/velero.io/v1/namespaces/velero/downloadrequests"
    assert status(server, "relay", "POST", asking) != 403
    for method, path in (
        ("GET", asking),
        ("POST", "/apis/velero.io/v1/namespaces/velero/backups"),
        ("DELETE", "/api/v1/namespaces/velero/events/x"),
        ("GET", "/api/v1/namespaces/velero/secrets"),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps"),
    ):
        assert status(server, "relay", method, path) == 403, (method, path)


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
