"""What the relay may do for its enrichers, and the CronJob that notifies."""

from __future__ import annotations

import pytest
import yaml

from backup_sentinel.config import parse
from backup_sentinel.generate.chart_rights import units
from chart.granting import rights, roles
from chart.rendering import CHART, component_of, configuration, find, pod, render


def test_files_of_velero_are_asked_for_with_the_option_only() -> None:
    off = render("relay", "--set=relay.config.relay.enrichers[1].results.enabled=false")
    for manifests, expected in ((render("relay"), True), (off, False)):
        granted = rights(find(manifests, "ClusterRole", "-relay")["rules"])
        assert (("velero.io", "downloadrequests", "create") in granted) is expected


def asking(*enrichers: str) -> str:
    """Return the argument that gives the relay these enrichers and one channel, which asks no cluster."""
    held = f'{{"channels":[{{"type":"log","name":"log"}}],"enrichers":[{",".join(enrichers)}]}}'
    return f"--set-json=relay.config.relay={held}"


def test_the_relay_has_no_rights_without_an_enricher_that_needs_some() -> None:
    manifests = render("relay", asking('{"type":"links"}'))
    account = find(manifests, "ServiceAccount", component="relay")
    assert account["automountServiceAccountToken"] is False
    assert pod(manifests, "relay")["automountServiceAccountToken"] is False
    assert not [one for one in manifests if "Role" in one["kind"] and component_of(one) == "relay"]
    assert "clusters" not in yaml.safe_load(configuration(manifests, "relay"))


def test_the_relay_reads_for_its_enrichers_and_channels() -> None:
    """What the profiles read, but for the watches, and what the enrichers declare."""
    manifests = render("relay")
    granted = rights(find(manifests, "ClusterRole", "-relay")["rules"])
    reading = {
        one for one in rights(find(manifests, "ClusterRole", "sentinel")["rules"]) if one[2] != "watch"
    }
    declared = {
        (right.group, resource, verb)
        for kind in (units()["enrichers"]["root_cause"], units()["channels"]["kubernetes_event"])
        for right in kind.rights
        for resource in right.resources
        for verb in right.verbs
    }
    assert declared
    assert granted == reading | declared
    assert pod(manifests, "relay")["automountServiceAccountToken"] is True


def test_an_exporter_that_is_asked_needs_no_rights() -> None:
    asked = '{"type":"backup_state","exporter":{"url":"http://exporter.example.org:9950"}}'
    manifests = render("relay", asking(asked))
    assert not [one for one in manifests if "Role" in one["kind"] and component_of(one) == "relay"]


def test_the_relay_asks_the_clusters_of_the_exporter() -> None:
    (cluster,) = parse(configuration(render("relay"), "relay")).clusters
    assert (cluster.name, cluster.in_cluster) == ("prod-eu", True)


def test_the_relay_reads_in_the_namespaces_that_are_watched() -> None:
    manifests = render("relay", "--set=namespaces={velero,oadp}")
    places = {place for kind, name, place, _ in roles(manifests) if name.endswith("-relay")}
    assert places == {"oadp", "velero"}


def test_clusters_elsewhere_need_no_rights_here() -> None:
    elsewhere = '[{"name":"prod-us","api_url":"https://prod-us.example.org:6443"}]'
    manifests = render("relay", f"--set-json=relay.config.clusters={elsewhere}")
    assert not [name for _, name, _, _ in roles(manifests) if name.endswith("-relay")]
    assert pod(manifests, "relay")["automountServiceAccountToken"] is False


def test_rights_of_units_are_those_they_declare() -> None:
    known = yaml.safe_load((CHART / "files" / "rights.yaml").read_text("utf-8"))
    for section, kinds_ in units().items():
        for name, kind in kinds_.items():
            needs = known[section].get(name, {"operators": False, "rights": []})
            assert needs["operators"] is kind.reads_operators
            rules = [entry["rule"] for entry in needs["rights"]]
            assert rules == [
                {"apiGroups": [right.group], "resources": [*right.resources], "verbs": [*right.verbs]}
                for right in kind.rights
            ]


def test_who_notifies_reads_what_the_exporter_reads_and_keeps_its_record() -> None:
    manifests = render("notify")
    record = parse(configuration(manifests, "notify")).notify.record
    create, change, inherit = find(manifests, "Role", "-sent")["rules"]
    assert create["verbs"] == ["create"]
    assert (change["resourceNames"], change["verbs"]) == ([record.name], ["get", "patch"])
    assert (inherit["resourceNames"], inherit["verbs"]) == (["other-alerter-sent"], ["get"])
    assert record.name == "watch-dog-backup-sentinel-sent"
    assert not [place for _, name, place, _ in roles(manifests) if name.endswith("-notify")]


def test_a_record_that_is_kept_elsewhere_needs_no_rights_here() -> None:
    for more in (
        "--set=notify.config.notify.record.cluster=prod-us",
        '--set-json=notify.config.notify.record={"backend":"file","path":"/data/sent.json"}',
    ):
        assert not [name for _, name, _, _ in roles(render("notify", more)) if name.endswith("-sent")]


@pytest.mark.parametrize("part", ["relay", "notify"])
@pytest.mark.parametrize("name", ["", "somebody"])
def test_the_account_may_be_somebody_elses(part: str, name: str) -> None:
    more = (f"--set={part}.enabled=true", f"--set={part}.serviceAccount.create=false")
    manifests = render("default", *more, f"--set={part}.serviceAccount.name={name}")
    assert pod(manifests, part)["serviceAccountName"] == (name or "default")
    assert part not in {component_of(one) for one in manifests if one["kind"] == "ServiceAccount"}


def test_a_configuration_in_a_secret_needs_its_rules_given() -> None:
    manifests = render("outbox")
    assert rights(find(manifests, "ClusterRole", "-relay")["rules"]) == {
        ("velero.io", "backups", "get"),
        ("velero.io", "backups", "list"),
    }
    assert pod(manifests, "relay")["automountServiceAccountToken"] is True
    fixed = render("outbox", "--set=relay.serviceAccount.automountServiceAccountToken=false")
    assert pod(fixed, "relay")["automountServiceAccountToken"] is False
