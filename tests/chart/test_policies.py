"""What stands around the pods: labels and selectors, network policies, budgets, namespaces."""

from __future__ import annotations

import json

import pytest

from chart.rendering import CASES, NAMESPACE, component_of, find, pod, render, template, workload


@pytest.mark.parametrize("case", CASES)
def test_everything_is_labelled_and_the_selectors_agree(case: str) -> None:
    manifests = render(case)
    components = {
        component_of(manifest) for manifest in manifests if manifest["kind"] in {"Deployment", "StatefulSet"}
    }
    for component in components:
        selector = workload(manifests, component)["spec"]["selector"]["matchLabels"]
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(selector)
        assert selector.items() <= template(manifests, component)["metadata"]["labels"].items()
        assert find(manifests, "Service", component=component)["spec"]["selector"] == selector
        for manifest in manifests:
            if (
                manifest["kind"] in {"NetworkPolicy", "PodDisruptionBudget"}
                and component_of(manifest) == component
            ):
                spec = manifest["spec"]
                assert (spec.get("podSelector") or spec["selector"])["matchLabels"] == selector
    for manifest in manifests:
        if manifest["metadata"]["name"].endswith(("-extra", "-text")):
            continue
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "watch-dog"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["helm.sh/chart"].startswith("backup-sentinel-")


@pytest.mark.parametrize("case", CASES)
def test_names_are_given_once(case: str) -> None:
    names = [
        (manifest["kind"], manifest["metadata"].get("namespace"), manifest["metadata"]["name"])
        for manifest in render(case)
    ]
    assert len(set(names)) == len(names)


def test_common_labels_and_annotations_are_everywhere() -> None:
    for manifest in render("everything"):
        if not manifest["metadata"]["name"].endswith(("-extra", "-text")):
            assert manifest["metadata"]["labels"]["team"] == "platform"
            assert manifest["metadata"]["annotations"]["example.org/owner"] == "platform"


def test_the_namespace_may_be_another() -> None:
    places = {manifest["metadata"].get("namespace") for manifest in render("hub")}
    assert places == {None, "backups", "fleet"}
    assert {manifest["metadata"].get("namespace") for manifest in render()} == {None, NAMESPACE}


def test_spread_pods_are_those_of_the_workload_unless_said_otherwise() -> None:
    (own,) = pod(render("shards"))["topologySpreadConstraints"]
    assert own["labelSelector"] == find(render("shards"), "StatefulSet")["spec"]["selector"]
    (given,) = pod(render("everything"))["topologySpreadConstraints"]
    assert given["labelSelector"] == {"matchLabels": {"team": "platform"}}


def test_a_policy_lets_prometheus_in_and_the_exporter_out_to_api_servers() -> None:
    policy = find(render("hub"), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    dns, servers = policy["egress"]
    assert [(port["port"], port["protocol"]) for port in dns["ports"]] == [
        (53, "UDP"),
        (53, "TCP"),
        (5353, "UDP"),
        (5353, "TCP"),
    ]
    assert servers == {
        "ports": [{"port": 6443, "protocol": "TCP"}],
        "to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
    }
    assert find(render("quiet"), "NetworkPolicy")["spec"]["policyTypes"] == ["Ingress"]
    (rule,) = find(render("operator"), "NetworkPolicy")["spec"]["ingress"]
    assert rule["from"][0]["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "monitoring"
    }


def test_a_policy_lets_out_to_the_addresses_of_the_configuration() -> None:
    """Their ports, and those of proxies; what stands there without one is 443, as it is by default."""
    clusters = [
        {"name": "a", "api_url": "https://a.example.org:8443"},
        {
            "name": "b",
            "api_url": "https://[fd00::1]:16443/",
            "proxy_url": "http://me:1234@proxy.example.org:3128",
        },
        {"name": "c", "api_url": "https://[fd00::2]"},
    ]
    more = "--set=networkPolicy.enabled=true,networkPolicy.egress.ports={443}"
    manifests = render("default", more, f"--set-json=config.clusters={json.dumps(clusters)}")
    _, servers = find(manifests, "NetworkPolicy")["spec"]["egress"]
    assert [port["port"] for port in servers["ports"]] == [443, 8443, 16443, 3128]


def test_disruption_budgets() -> None:
    assert find(render("shards"), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    spec = find(render("everything"), "PodDisruptionBudget")["spec"]
    assert spec["minAvailable"] == "50%"
    assert "maxUnavailable" not in spec
    zero = render("shards", "--set=podDisruptionBudget.minAvailable=0")
    assert find(zero, "PodDisruptionBudget")["spec"]["minAvailable"] == 0
