"""The chart grants what the exporter needs with these values, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from backup_sentinel import service
from backup_sentinel.config import Config
from backup_sentinel.export.archive import ConfigMaps
from backup_sentinel.generate import rbac, remote
from chart.rendering import CASES, Manifest, configuration, find, kinds, render

READING = {"get", "list", "watch"}


def roles(manifests: Sequence[Manifest]) -> list[tuple[str, str, str, list[dict[str, Any]]]]:
    """Return kind, name, namespace and rules of the roles."""
    return [
        (
            manifest["kind"],
            manifest["metadata"]["name"],
            manifest["metadata"].get("namespace", ""),
            manifest["rules"],
        )
        for manifest in manifests
        if manifest["kind"] in {"Role", "ClusterRole"}
    ]


def rights(rules: Sequence[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Return group, resource and verb of everything that rules grant."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_by_default_the_profiles_are_read_everywhere_and_the_state_is_kept_at_home() -> None:
    found = {(kind, name): rules for kind, name, _, rules in roles(render())}
    assert list(found) == [
        ("ClusterRole", "watch-dog-backup-sentinel"),
        ("ClusterRole", "watch-dog-backup-sentinel-identity"),
        ("Role", "watch-dog-backup-sentinel-state"),
    ]
    granted, needed = (
        found["ClusterRole", "watch-dog-backup-sentinel"],
        rbac.rules(service.profiles(Config())),
    )
    assert rights(granted) == rights(needed)
    assert found["ClusterRole", "watch-dog-backup-sentinel-identity"] == [
        {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}
    ]


def test_state_is_written_to_the_config_maps_of_the_exporter_only() -> None:
    create, change = find(render(), "Role", "-state")["rules"]
    assert create == {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}
    assert change["resources"] == ["configmaps"]
    assert change["verbs"] == ["get", "patch"]
    archive = ConfigMaps(None, "monitoring")  # type: ignore[arg-type] # asked for names only
    assert {archive._map(f"cluster-{number}") for number in range(500)} == set(change["resourceNames"])


@pytest.mark.parametrize("case", CASES)
def test_only_the_state_is_ever_written(case: str) -> None:
    for _, name, _, rules in roles(render(case)):
        for rule in rules:
            assert "*" not in [*rule["resources"], *rule["apiGroups"], *rule["verbs"]]
            assert set(rule["verbs"]) <= READING or name.endswith("-state")


@pytest.mark.parametrize("case", CASES)
def test_each_role_is_bound_to_the_account_of_the_pods(case: str) -> None:
    manifests = render(case)
    bound = []
    for manifest in manifests:
        if manifest["kind"] in {"RoleBinding", "ClusterRoleBinding"}:
            (subject,) = manifest["subjects"]
            account = find(manifests, "ServiceAccount")["metadata"]
            assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])
            kind = manifest["kind"].removesuffix("Binding")
            assert manifest["roleRef"]["kind"] == kind
            bound.append((kind, manifest["roleRef"]["name"], manifest["metadata"].get("namespace", "")))
    assert sorted(bound) == sorted(found[:3] for found in roles(manifests))


def test_watched_namespaces_need_no_cluster_role() -> None:
    manifests = render("namespaced")
    assert not {"ClusterRole", "ClusterRoleBinding"} & set(kinds(manifests))
    assert [(kind, place) for kind, _, place, _ in roles(manifests)] == [("Role", "oadp"), ("Role", "velero")]


def test_namespaces_of_all_entries_about_the_own_cluster_count() -> None:
    places = [place for kind, name, place, _ in roles(render("everything")) if name == "watch"]
    assert places == ["oadp", "velero"]
    assert not any(
        kind == "ClusterRole" and name == "watch" for kind, name, _, _ in roles(render("everything"))
    )


def test_one_entry_without_namespaces_means_all() -> None:
    more = "--set-json=config.clusters[0].namespaces=[]"
    found = [kind for kind, name, _, _ in roles(render("everything", more)) if name == "watch"]
    assert found == ["ClusterRole"]


def test_identity_without_a_cluster_role() -> None:
    manifests = render("namespaced", "--set=config.state.backend=configmap")
    assert ("Role", "kube-system") in [(kind, place) for kind, _, place, _ in roles(manifests)]
    assert "ClusterRole" not in kinds(manifests)


def test_a_cluster_that_is_not_watched_is_not_read() -> None:
    names = [name for _, name, _, _ in roles(render("hub"))]
    suffixes = ("-clusters", "-clusters", "-identity", "-state")
    assert sorted(names) == [f"watch-dog-backup-sentinel{suffix}" for suffix in suffixes]


def test_secrets_are_read_where_clusters_are_looked_for() -> None:
    places = {place: rules for _, name, place, rules in roles(render("hub")) if name.endswith("-clusters")}
    assert set(places) == {"backups", "fleet"}
    assert places["fleet"] == remote.secret_reader()[0]["rules"]
    assert find(render("shards"), "Role", "-clusters")["metadata"]["namespace"] == "monitoring"
    assert not any(name.endswith("-clusters") for _, name, _, _ in roles(render()))


def test_the_state_may_be_elsewhere() -> None:
    assert find(render("everything"), "Role", "-state")["metadata"]["namespace"] == "state"
    assert "backend" not in configuration(render("everything"))


def test_only_the_operators_that_are_asked_for_are_read() -> None:
    rules = find(
        render(
            "default",
            "--set=config.export.operators={other}",
            "--set=rbac.extraRules[0].verbs={get}",
            "--set=rbac.extraRules[0].apiGroups={other}",
            "--set=rbac.extraRules[0].resources={runs}",
        ),
        "ClusterRole",
        "sentinel",
    )["rules"]
    assert rules == [{"apiGroups": ["other"], "resources": ["runs"], "verbs": ["get"]}]


def test_nothing_is_granted_where_somebody_else_does() -> None:
    assert roles(render("quiet")) == []
    assert "ServiceAccount" not in kinds(render("quiet"))
