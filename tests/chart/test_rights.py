"""The chart grants what the exporter needs with these values, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from backup_sentinel import service
from backup_sentinel.config import Config, parse
from backup_sentinel.export.archive import ConfigMaps
from backup_sentinel.generate import rbac, remote
from chart.granting import rights, roles
from chart.rendering import (
    CASES,
    Manifest,
    component_of,
    configuration,
    find,
    kinds,
    pod,
    render,
    workload,
)

READING = {"get", "list", "watch"}


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
    name = parse(configuration(render())).state.name
    assert name == "watch-dog-backup-sentinel-state"
    archive = ConfigMaps(None, "monitoring", name)  # type: ignore[arg-type] # asked for names only
    assert {archive._map(f"cluster-{number}") for number in range(500)} == set(change["resourceNames"])


@pytest.mark.parametrize("case", CASES)
def test_only_what_is_remembered_is_ever_written(case: str) -> None:
    """Besides, a channel writes Events, and an enricher asks Velero for a file, which an option of its own switches on."""
    for _, name, _, rules in roles(render(case)):
        for rule in rules:
            assert "*" not in [*rule["resources"], *rule["apiGroups"], *rule["verbs"]]
            if rule["resources"] == ["downloadrequests"]:
                assert (case, rule["verbs"]) == ("relay", ["create", "get", "delete"])
            elif rule["resources"] == ["events"] and rule["verbs"] == ["create"]:
                assert case == "relay"
            else:
                assert set(rule["verbs"]) <= READING or name.endswith(("-state", "-sent"))


@pytest.mark.parametrize("case", CASES)
def test_each_role_is_bound_to_the_accounts_of_its_pods(case: str) -> None:
    manifests = render(case)
    bound = []
    for manifest in manifests:
        if manifest["kind"] in {"RoleBinding", "ClusterRoleBinding"}:
            component = component_of(manifest)
            accounts = [(pod_account(manifests, component), namespace_of(manifests, component))]
            if component == "exporter" and manifest["roleRef"]["name"].endswith(("sentinel", "-clusters")):
                accounts += [
                    (pod_account(manifests, "notify"), namespace_of(manifests, "notify"))
                    for one in manifests
                    if one["kind"] == "CronJob"
                ]
            assert [(one["name"], one["namespace"]) for one in manifest["subjects"]] == accounts
            kind = manifest["kind"].removesuffix("Binding")
            assert manifest["roleRef"]["kind"] == kind
            bound.append((kind, manifest["roleRef"]["name"], manifest["metadata"].get("namespace", "")))
    assert sorted(bound) == sorted(found[:3] for found in roles(manifests))


def pod_account(manifests: Sequence[Manifest], component: str) -> str:
    """Return the account that the pods of a component have."""
    found: str = pod(manifests, component)["serviceAccountName"]
    return found


def namespace_of(manifests: Sequence[Manifest], component: str) -> str:
    """Return where a component runs."""
    found: str = workload(manifests, component)["metadata"]["namespace"]
    return found


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


def test_namespaces_may_be_given_for_what_the_chart_cannot_know() -> None:
    manifests = render("default", "--set=rbac.namespaces={velero,oadp,velero}")
    places = [place for kind, name, place, _ in roles(manifests) if name.endswith("sentinel")]
    assert places == ["oadp", "velero"]


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


def test_a_state_may_have_another_name() -> None:
    change = find(render("default", "--set=config.state.name=old"), "Role", "-state")["rules"][1]
    assert change["resourceNames"] == [f"old-{digit:x}" for digit in range(16)]


def test_the_operators_that_are_asked_for_narrow_the_rights() -> None:
    (rule,) = find(render("default", "--set=config.export.operators={velero}"), "ClusterRole", "sentinel")[
        "rules"
    ]
    assert rule["apiGroups"] == ["velero.io"]
    assert set(rule["verbs"]) == READING


HOME = "--set-json=config.clusters[0]=" + json.dumps({"name": "prod-eu", "in_cluster": True})


@pytest.mark.parametrize("operators", [(), ("records", "velero"), ("velero",)])
def test_profiles_in_the_configuration_are_granted(operators: tuple[str, ...]) -> None:
    """As `backup-sentinel generate rbac` grants them: watched, or polled only."""
    more = (HOME, f"--set-json=config.export.operators={json.dumps(operators)}")
    manifests = render("hub", *more)
    granted = rights(find(manifests, "ClusterRole", "sentinel")["rules"])
    assert granted == rights(rbac.rules(service.profiles(parse(configuration(manifests)))))
    assert (("records.example.com", "dumps", "watch") in granted) is (operators != ("velero",))
    assert ("records.example.com", "copies", "watch") not in granted


def test_nothing_that_may_hold_secrets_is_read_for_the_operators() -> None:
    granted = rights(find(render(), "ClusterRole", "sentinel")["rules"])
    core = {resource for group, resource, _ in granted if group == ""}
    assert core == {"events"}, "the README says what is read of the core group, and why"


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
