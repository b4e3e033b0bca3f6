"""Names: long ones fit, and two releases in one namespace have nothing in common."""

from __future__ import annotations

import re

import pytest
import yaml

from backup_sentinel.config import parse
from chart.rendering import (
    CASES,
    CHART,
    NAMESPACE,
    WORKLOADS,
    Manifest,
    component_of,
    configuration,
    helm,
    values_of,
)

ALL_ON = (
    "--set=relay.enabled=true,notify.enabled=true,serviceMonitor.enabled=true,prometheusRule.enabled=true"
)
LONGEST = "a-release-of-the-longest-name-that-helm-takes-x53-abc"
"""Helm refuses more than 53 characters."""


def install(release: str, *more: str) -> list[Manifest]:
    """Return the manifests of a release."""
    done = helm("template", release, CHART, "--namespace", NAMESPACE, *more)
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def names(manifests: list[Manifest]) -> set[tuple[str, str, str]]:
    """Return kind, namespace and name of each."""
    return {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in manifests}


@pytest.mark.parametrize("case", [case for case in CASES if case != "everything"])
def test_two_releases_in_one_namespace_have_no_resource_in_common(case: str) -> None:
    given = f"--values={values_of(case)}"
    own = "--set=relay.serviceAccount.name=,notify.serviceAccount.name="
    first, second = install("first", given, own), install("second", given, own)
    assert names(first) & names(second) == set()


def test_two_releases_in_one_namespace_remember_apart() -> None:
    """Each may touch the state and the record that its configuration names, and no other's."""
    found = [install(release, ALL_ON) for release in ("first", "second")]
    states = [parse(configuration(manifests)).state.name for manifests in found]
    records = [parse(configuration(manifests, "notify")).notify.record.name for manifests in found]
    assert len({*states, *records}) == 4
    for manifests, state, record in zip(found, states, records, strict=True):
        touched = {
            name
            for manifest in manifests
            if manifest["kind"] == "Role"
            for rule in manifest["rules"]
            for name in rule.get("resourceNames", ())
        }
        expected = {f"{state}-{digit:x}" for digit in range(16)} | {record, "kasten-alerter-sent"}
        assert touched == expected


def test_two_releases_in_one_namespace_select_their_own_pods() -> None:
    for manifests in (install("first", ALL_ON), install("second", ALL_ON)):
        release = manifests[0]["metadata"]["labels"]["app.kubernetes.io/instance"]
        for manifest in manifests:
            spec = manifest.get("spec", {})
            selector = spec.get("selector")
            if manifest["kind"] in {"Deployment", "StatefulSet", "ServiceMonitor"}:
                selector = selector["matchLabels"]
            if selector:
                assert selector["app.kubernetes.io/instance"] == release


def test_the_longest_name_fits() -> None:
    """52 characters for a CronJob, and for a StatefulSet, behind whose name a label has a hash; 63 for a Service."""
    assert len(LONGEST) == 53
    manifests = install(LONGEST, ALL_ON, "--set=shards=2")
    workloads = [one for one in manifests if one["kind"] in WORKLOADS]
    assert {component_of(one) for one in workloads} == {"exporter", "relay", "notify"}
    for manifest in manifests:
        name = manifest["metadata"]["name"]
        limit = {"Service": 63, **dict.fromkeys(WORKLOADS, 52)}.get(manifest["kind"], 253)
        assert len(name) <= limit, name
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)


def test_long_names_stay_apart() -> None:
    """Two that differ only where a name is cut, in the parts whose names are cut further."""
    first = install("x", "--set=fullnameOverride=backups-of-all-clusters-of-the-company-in-europe-1", ALL_ON)
    second = install("x", "--set=fullnameOverride=backups-of-all-clusters-of-the-company-in-europe-2", ALL_ON)
    assert names(first) & names(second) == set()


def test_a_release_with_a_dot_in_its_name_can_be_installed() -> None:
    """Helm takes it, a Service does not: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/"""
    for release in ("prod.eu", "prod.backup-sentinel"):
        for manifest in install(release, ALL_ON, "--set=shards=2"):
            assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", manifest["metadata"]["name"])
