"""Operators beside Velero on a real API server: what they write when a backup fails becomes an alert, and ends it.

The objects are those of the demo's operators; they are copied into the server as its operators would write them. The
rules are the shipped ones, with 0.4 seconds for a minute.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.demo.beats import perform
from backup_sentinel.demo.operators import OPERATORS
from backup_sentinel.demo.resources import ResourceType
from backup_sentinel.demo.story import Story
from backup_sentinel.demo.storyfile import Beat, parse_story
from backup_sentinel.export.profile import load_profiles
from support.apiserver import ApiServer, Rule
from support.crds import definitions
from support.exporter import Exporter
from support.process import wait_until
from support.prometheus import Prometheus
from support.rules import hurried

pytestmark = pytest.mark.e2e

NAMES = sorted(path.stem for path in OPERATORS.glob("*.yaml"))
STORY = """
name: operators
history: "0"
slots: false
clusters:
  prod:
    sites:
      - namespace: databases
        operator: cloudnative-pg
        locations: [{name: barman, bucket: postgres}]
        schedules: [{name: ledger, schedule: daily -2h, location: barman, options: {cluster: ledger}}]
      - namespace: wiki
        operator: k8up
        schedules: [{name: wiki, schedule: daily -2h}]
      - namespace: kasten-io
        operator: kasten
        locations: [{name: vault, bucket: k10}]
        schedules:
          - name: gold
            schedule: daily -2h
            location: vault
            options: {frequency: "@daily"}
            volumes: [{namespace: shop, name: data-shop-0}, {namespace: cart, name: data-cart-0}]
      - namespace: kubedr-system
        operator: kubedr
        locations: [{name: control-plane, bucket: etcd}]
        schedules: [{name: etcd, schedule: daily -2h, location: control-plane, volumes: [{namespace: kube-system, name: etcd}]}]
      - namespace: longhorn-system
        operator: longhorn
        locations: [{name: default, bucket: "nfs://nas.example.com:/backups"}]
        schedules: [{name: nightly, schedule: daily -2h, volumes: [{namespace: git, name: git-0}, {namespace: mail, name: mail-0}]}]
      - namespace: media
        operator: volsync
        schedules: [{name: photos, schedule: daily -2h}]
"""
SCHEDULES = {
    "cloudnative-pg": "ledger",
    "k8up": "wiki",
    "kasten": "gold",
    "kubedr": "etcd",
    "longhorn": "nightly",
    "volsync": "photos",
}
CAUSES = {
    "cloudnative-pg": ("network", "network"),
    "k8up": ("", "unknown"),
    "kasten": ("credentials", "credentials"),
    "kubedr": ("lock", "conflict"),
    "longhorn": ("capacity", "capacity"),
    "volsync": ("lock", "conflict"),
}
"""What goes wrong in the story, and the reason that is told of it."""

GIVEN = {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "finalizers"}
"""Metadata that a server gives, or that an operator has to take away."""


class Copier:
    """Writes the objects of a story into a real API server, as often as it is told to."""

    def __init__(self, server: ApiServer) -> None:
        self.story = Story(parse_story(STORY))
        self._server = server
        self._there: dict[tuple[ResourceType, str, str], dict[str, Any]] = {}

    def copy(self) -> None:
        """Bring the server up to date."""
        cluster = self.story.clusters["prod"]
        found = {
            (kind, value["metadata"].get("namespace", ""), value["metadata"]["name"]): _plain(value)
            for kind in cluster.types
            if kind.plural != "namespaces"
            for value in cluster.objects(kind)
        }
        for place, value in found.items():
            kind, namespace, name = place
            at = (kind.group, kind.version, kind.plural, namespace or None)
            if place not in self._there:
                self._server.create(*at, value)
            elif value != self._there[place]:
                live = self._server.get(*at, name)
                self._server.replace(*at, {**value, "metadata": {**live["metadata"], **value["metadata"]}})
        for kind, namespace, name in self._there.keys() - found.keys():
            self._server.delete(kind.group, kind.version, kind.plural, namespace or None, name)
        self._there = found

    def do(self, beat: Beat) -> None:
        """Let something happen."""
        self.story.stage.now = self.story.clock.now()
        perform(self.story.stage, beat)
        self.copy()

    def run(self, outcomes: dict[str, tuple[str, str]]) -> None:
        """Let runs of schedules begin and end, with these outcomes and causes; their objects are of another second."""
        second = int(time.time())
        wait_until(lambda: int(time.time()) > second or None, "the next second")
        for schedule, (outcome, cause) in outcomes.items():
            self.do(Beat(do="slot", schedule=schedule, outcome=outcome, cause=cause))
        while self.story.stage.open:
            self.story.step()
            self.copy()


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: given for name, given in value["metadata"].items() if name not in GIVEN}
    return {**value, "metadata": metadata}


WHERE = {name: "polled" if name == "kasten" else "watched" for name in NAMES}
"""Some operators answer by an API server of their own, which is asked rather seldom; one cluster is asked each second."""


def firing(alert: str, operator: str, **labels: str) -> str:
    """Return the query for the firing alerts of a name about an operator."""
    wanted = {"alertname": alert, "alertstate": "firing", "operator": operator, "cluster": WHERE[operator]}
    return f"ALERTS{{{','.join(f'{name}={value!r}' for name, value in (wanted | labels).items())}}}"


def newest(word: str, operator: str) -> str:
    """Return the query for the newest success or failure of an operator's schedule."""
    wanted = f'operator="{operator}",cluster="{WHERE[operator]}",schedule="{SCHEDULES[operator]}"'
    return f"kube_backup_last_{word}_timestamp_seconds{{{wanted}}}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with ApiServer(tmp_path / "apiserver", check_namespaces=False) as server:
        for profile in load_profiles(operators=NAMES):
            for name, manifest in definitions(profile).items():
                if "." in name:  # those of the core group are there
                    server.apply_crd(manifest)
        yield server


@pytest.fixture
def copier(server: ApiServer) -> Copier:
    copier = Copier(server)
    copier.copy()
    return copier


@pytest.fixture
def prometheus(server: ApiServer, copier: Copier, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus with the rules, which scrapes an exporter that watches the server."""
    groups = sorted({kind.group for kind in copier.story.clusters["prod"].types})
    rules: list[Rule] = [{"verbs": ["get", "list", "watch"], "groups": groups, "resources": ["*"]}]
    server.grant("reader", "reader", rules)
    access = {"api_url": server.url, "token": "reader", "ca_file": str(server.ca_file)}
    settings = {
        "clusters": [{"name": "watched", **access}, {"name": "polled", "poll_interval": 1, **access}],
        "export": {
            "operators": NAMES,
            "discovery_interval_seconds": 0.5,
            "render_interval_seconds": 0.1,
        },
    }
    with Exporter(tmp_path / "exporter", settings) as exporter:
        exporter.wait_ready()
        target = exporter.url.removeprefix("http://")
        with Prometheus(
            tmp_path / "prometheus",
            [{"job_name": "backup-sentinel", "static_configs": [{"targets": [target]}]}],
            rule_files={"backup-sentinel": hurried()},
            settings={"global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"}},
        ) as prometheus:
            yield prometheus
        assert not [line for line in exporter.lines() if line["level"] != "info"]


def test_what_fails_alerts_and_what_recovers_ends_it(copier: Copier, prometheus: Prometheus) -> None:
    all_good = dict.fromkeys(SCHEDULES.values(), ("completed", ""))
    copier.run(all_good)
    for operator in NAMES:
        prometheus.wait_for(newest("success", operator))
    began = time.time()

    copier.run({SCHEDULES[operator]: ("failed", cause) for operator, (cause, _) in CAUSES.items()})
    for operator, (_, reason) in CAUSES.items():
        found = prometheus.wait_for(firing("KubeBackupFailed", operator))
        assert {one.labels["schedule"] for one in found} == {SCHEDULES[operator]}
        told = f'operator="{operator}",cluster="{WHERE[operator]}",outcome="failed",action="backup"'
        found = prometheus.wait_for(f"kube_backup_last_run_info{{{told}}}")
        assert {one.labels["reason"] for one in found} == {reason}, operator
    # Each volume of a Longhorn job, and each application of a K10 policy, has an alert of its own.
    for operator in ("kasten", "longhorn"):
        alerts = firing("KubeBackupFailed", operator, action="backup")
        prometheus.wait_for(alerts, lambda found: len({one.labels.get("target") for one in found}) == 2)
    told = 'kube_backup_events_total{cluster="watched",operator="kubedr",reason="BackupFailed"}'
    assert [one.value for one in prometheus.query(told)] == [1]

    places = {"kubedr-system": "control-plane", "longhorn-system": "default"}
    for namespace, location in places.items():
        copier.do(Beat(do="unavailable", namespace=namespace, location=location, message="Access Denied"))
    for operator in ("kubedr", "longhorn"):
        prometheus.wait_for(firing("KubeBackupLocationUnavailable", operator))
    for namespace, location in places.items():
        copier.do(Beat(do="available", namespace=namespace, location=location))

    copier.run(all_good | {"gold": ("partial", "snapshot")})
    prometheus.wait_for(firing("KubeBackupPartiallyFailed", "kasten"))
    for operator in sorted({*NAMES} - {"kasten"}):
        prometheus.wait_for(f"{newest('success', operator)} > {began - 2}")
    copier.run({"gold": ("completed", "")})
    left = 'ALERTS{alertname=~"KubeBackup.*",alertstate="firing"}'
    prometheus.wait_for(left, lambda found: not found, 60)
    # Nor does any begin that had to wait for its time.
    later = time.time() + 8
    wait_until(lambda: time.time() > later or prometheus.query(left) or None, "the longest `for` is over")
    assert not prometheus.query(left)
