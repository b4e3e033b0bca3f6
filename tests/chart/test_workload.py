"""The pods: how many, with which rights on the node, and how they are asked for their health."""

from __future__ import annotations

from typing import Any

import pytest

from backup_sentinel.config import parse
from backup_sentinel.fleet import Shard
from chart.rendering import (
    CASES,
    CHART,
    NAMESPACE,
    component_of,
    configuration,
    container,
    find,
    kinds,
    pod,
    render,
    template,
    text,
)


@pytest.mark.parametrize("case", CASES)
def test_each_process_takes_its_configuration(case: str) -> None:
    taken = []
    for component in ("exporter", "relay", "notify"):
        if any(
            component_of(one) == component and one["kind"] in {"ConfigMap", "Secret"} for one in render(case)
        ):
            parse(configuration(render(case), component), f"{case}-{component}")
            taken.append(component)
    assert taken == ["exporter", *(name for name in ("relay", "notify") if name == case)]


def test_the_configuration_arrives_as_it_was_written() -> None:
    config = parse(configuration(render("hub")))
    assert [cluster.name for cluster in config.clusters] == ["prod-eu", "prod-us"]
    assert config.secrets.namespaces == ("backups", "fleet")
    assert config.export.tombstone_seconds == 2592000
    assert config.export.promises[0].max_age == "1d12h"


def test_the_name_of_the_cluster_is_short_for_one_entry() -> None:
    (cluster,) = parse(configuration(render("operator"))).clusters
    assert (cluster.name, cluster.in_cluster, cluster.namespaces) == ("prod-eu", True, ())
    (cluster,) = parse(configuration(render("namespaced"))).clusters
    assert (cluster.name, cluster.in_cluster, cluster.namespaces) == ("", True, ("velero", "oadp"))


def test_a_configuration_with_a_token_is_a_secret() -> None:
    manifests = render("certificates")
    assert "config.yaml" in find(manifests, "Secret")["stringData"]
    assert "ConfigMap" not in kinds(manifests)
    volumes = {volume["name"]: volume for volume in pod(manifests)["volumes"]}
    assert volumes["config"]["secret"] == {"secretName": "watch-dog-backup-sentinel"}


def test_one_exporter_ends_before_the_next_begins() -> None:
    deployment = find(render(), "Deployment")
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert container(render())["args"] == ["export", "--config=/etc/backup-sentinel/config/config.yaml"]


def test_shards_are_a_stateful_set_that_agrees_on_their_number() -> None:
    manifests = render("shards")
    made = find(manifests, "StatefulSet")
    service = find(manifests, "Service", "-shards")
    assert "Deployment" not in kinds(manifests)
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == made["spec"]["selector"]["matchLabels"]
    assert made["spec"]["serviceName"] == service["metadata"]["name"]
    option = container(manifests)["args"][2].partition("=")[2]
    assert option == f"auto/{made['spec']['replicas']}"
    assert container(manifests)["env"][0]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    name = f"{made['metadata']['name']}-3"
    assert Shard.parse(option, {"POD_NAME": name}) == Shard(3, 4)


def test_the_service_stays_when_shards_come_or_go() -> None:
    """The API server refuses to take away the address of a Service, or to give one to a headless Service."""
    many = find(render("shards"), "Service", "sentinel")
    assert many["spec"] == find(render("shards", "--set=shards=1"), "Service")["spec"]
    assert "clusterIP" not in many["spec"]


PODS = [
    *((case, "exporter") for case in CASES if case not in {"everything", "quiet"}),
    *((case, "relay") for case in ("relay", "outbox")),
    ("notify", "notify"),
]


@pytest.mark.parametrize(("case", "component"), PODS)
def test_pods_pass_the_standard_restricted(case: str, component: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    spec = pod(render(case), component)
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == security["runAsGroup"] == 65534
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    for made in (*spec["containers"], *spec.get("initContainers", ())):
        assert made["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert all("hostPort" not in port for port in made.get("ports", ()))
    allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
    assert all(set(volume) - {"name"} <= allowed for volume in spec["volumes"])
    assert {"name": "tmp", "mountPath": "/tmp"} in spec["containers"][0]["volumeMounts"]


def test_openshift_gives_numbers_of_its_own() -> None:
    security = pod(render("default", "--api-versions=security.openshift.io/v1"))["securityContext"]
    assert security == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def probes(case: str, *more: str) -> dict[str, Any]:
    """Return the probes of a case."""
    made = container(render(case, *more))
    return {
        name: made[f"{name}Probe"] for name in ("liveness", "readiness", "startup") if f"{name}Probe" in made
    }


def test_probes_ask_whether_it_works_and_whether_it_has_read_everything() -> None:
    found = probes("default")
    assert found["liveness"]["httpGet"] == {"path": "/-/healthy", "port": "http", "scheme": "HTTP"}
    assert found["readiness"]["httpGet"] == {"path": "/-/ready", "port": "http", "scheme": "HTTP"}
    assert "startup" not in found


def test_probes_log_in_where_they_have_to() -> None:
    for probe in probes("web").values():
        assert probe["httpGet"]["scheme"] == "HTTPS"
        assert probe["httpGet"]["httpHeaders"] == [
            {"name": "Authorization", "value": "Basic cHJvYmU6cHJvYmU="}
        ]


@pytest.mark.parametrize("case", [("certificates",), ("web", "--set-json=webConfig.probeHeaders=[]")])
def test_probes_that_cannot_log_in_look_at_the_port(case: tuple[str, ...]) -> None:
    for probe in probes(*case).values():
        assert probe["tcpSocket"] == {"port": "http"}
        assert "httpGet" not in probe


def test_probes_are_what_the_values_say() -> None:
    assert probes("everything") == {
        "liveness": {
            "failureThreshold": 3,
            "initialDelaySeconds": 7,
            "periodSeconds": 10,
            "tcpSocket": {"port": "http"},
            "timeoutSeconds": 5,
        },
        "startup": {
            "failureThreshold": 30,
            "httpGet": {"path": "/-/healthy", "port": "http", "scheme": "HTTP"},
            "periodSeconds": 2,
        },
    }


def test_a_web_configuration_is_mounted_where_the_exporter_looks() -> None:
    manifests = render("web")
    mounts = {mount["name"]: mount["mountPath"] for mount in container(manifests)["volumeMounts"]}
    path = parse(configuration(manifests)).web.config_file
    assert path == f"{mounts['web']}/web.yaml"
    assert mounts["tls"] == "/etc/backup-sentinel/tls"
    volumes = {volume["name"]: volume.get("secret") for volume in pod(manifests)["volumes"]}
    assert volumes["web"] == {"secretName": "backup-sentinel-web"}
    assert volumes["tls"] == {"secretName": "backup-sentinel-tls"}


def test_the_port_is_that_of_the_configuration() -> None:
    assert container(render("certificates"))["ports"][0]["containerPort"] == 9999
    assert find(render("certificates"), "Service")["spec"]["ports"] == [
        {"name": "http", "nodePort": 30950, "port": 9950, "protocol": "TCP", "targetPort": "http"}
    ]


def checksum(*more: str) -> str:
    """Return the checksum that restarts the pods when it changes."""
    found: str = template(render("hub", *more))["metadata"]["annotations"]["checksum/config"]
    return found


def test_pods_restart_for_what_is_read_at_start_only() -> None:
    assert checksum("--set=config.clusters[0].label=EU") == checksum()
    assert checksum("--set=config.state.interval_seconds=60") != checksum()
    assert checksum("--set=config.secrets.enabled=false") != checksum()
    assert checksum("--set=webConfig.secretName=web") != checksum()
    always = "--set=restartOnConfigChange=true"
    assert checksum(always, "--set=config.clusters[0].label=EU") != checksum(always)


@pytest.mark.parametrize(
    ("more", "image"),
    [
        ((), "backup-sentinel:0.1.0"),
        (("--set=image.tag=main",), "backup-sentinel:main"),
        (("--set=image.registry=r.example.org",), "r.example.org/backup-sentinel:0.1.0"),
        (
            ("--set=image.registry=r.example.org", "--set=global.imageRegistry=g.example.org/"),
            "g.example.org/backup-sentinel:0.1.0",
        ),
    ],
)
def test_images(more: tuple[str, ...], image: str) -> None:
    assert container(render("default", *more))["image"] == image


def test_image_with_a_digest_and_secrets_to_fetch_it() -> None:
    digest = "0123456789abcdef" * 4
    assert container(render("everything"))["image"] == (
        f"registry.example.org/monitoring/backup-sentinel:0.1.0@sha256:{digest}"
    )
    assert pod(render("everything"))["imagePullSecrets"] == [
        {"name": "global-pull"},
        {"name": "pull"},
        {"name": "other-pull"},
    ]


def test_further_manifests_are_filled_in() -> None:
    extra = find(render("everything"), "ConfigMap", "-extra")
    plain = find(render("everything"), "ConfigMap", "-text")
    assert (extra["metadata"]["name"], extra["data"]) == ("watch-extra", {"cluster": NAMESPACE})
    assert plain["metadata"]["name"] == "watch-dog-text"


def test_nothing_is_rendered_that_is_off() -> None:
    assert sorted(set(kinds(render()))) == [
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "Deployment",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
    ]
    assert not find(render("quiet"), "Deployment")["spec"]["replicas"]


@pytest.mark.parametrize("case", CASES)
def test_the_text_is_clean(case: str) -> None:
    assert "<no value>" not in text(case)
    assert "map[" not in text(case)
    assert "%!" not in text(case)
    assert (CHART / "ci" / f"{case}-values.yaml").exists()
