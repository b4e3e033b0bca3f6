"""The relay: one pod with a volume, its secrets, who reaches it, and how it is scraped."""

from __future__ import annotations

from urllib.parse import urlsplit

import yaml

from backup_sentinel.config import parse
from chart.rendering import (
    NAMESPACE,
    component_of,
    configuration,
    container,
    find,
    kinds,
    pod,
    render,
    template,
    workload,
)

ON = "--set=relay.enabled=true"


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert "relay" not in {component_of(manifest) for manifest in render()}


def test_one_pod_owns_the_outbox() -> None:
    made = workload(render("default", ON), "relay")
    assert (made["kind"], made["spec"]["replicas"]) == ("StatefulSet", 1)
    service = find(render("default", ON), "Service", component="relay")
    assert made["spec"]["serviceName"] == service["metadata"]["name"] == "watch-dog-backup-sentinel-relay"


def test_the_outbox_lies_on_its_volume() -> None:
    for case, folder in (("relay", "/data"), ("outbox", "/var/lib/backup-sentinel")):
        mounts = {mount["name"]: mount for mount in container(render(case), "relay")["volumeMounts"]}
        assert mounts["outbox"] == {"name": "outbox", "mountPath": folder}
    path = parse(configuration(render("default", ON), "relay")).relay.outbox.path
    (mount,) = [
        mount
        for mount in container(render("default", ON), "relay")["volumeMounts"]
        if mount["name"] == "outbox"
    ]
    assert path.rpartition("/")[0] == mount["mountPath"]


def test_the_claim_is_what_the_values_say() -> None:
    (claim,) = workload(render("relay"), "relay")["spec"]["volumeClaimTemplates"]
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOncePod"],
        "storageClassName": "fast",
        "selector": {"matchLabels": {"disk": "local"}},
        "resources": {"requests": {"storage": "5Gi"}},
    }
    assert "helm.sh/chart" not in claim["metadata"]["labels"], "a claim template cannot be changed"
    plain = render("default", ON, "--set=relay.persistence.storageClass=-")
    assert workload(plain, "relay")["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] == ""


def test_the_volume_may_be_somebody_elses_or_none() -> None:
    existing = {volume["name"]: volume for volume in pod(render("outbox"), "relay")["volumes"]}
    assert existing["outbox"]["persistentVolumeClaim"] == {"claimName": "relay"}
    off = render("default", ON, "--set=relay.persistence.enabled=false")
    assert {"name": "outbox", "emptyDir": {}} in pod(off, "relay")["volumes"]
    for manifests in (render("outbox"), off):
        assert "volumeClaimTemplates" not in workload(manifests, "relay")["spec"]


def test_secrets_are_files() -> None:
    manifests = render("relay")
    config = yaml.safe_load(configuration(manifests, "relay"))
    mounts = {mount["name"]: mount["mountPath"] for mount in container(manifests, "relay")["volumeMounts"]}
    token = config["relay"]["intake"]["tokens"][0]["token"]["file"]
    assert token.rpartition("/")[0] == mounts["secret-0"]
    volumes = {volume["name"]: volume for volume in pod(manifests, "relay")["volumes"]}
    assert volumes["secret-0"]["secret"] == {"secretName": "backup-keys"}
    assert (
        volumes["config"]["secret"]["secretName"] == find(manifests, "Secret", "-relay")["metadata"]["name"]
    )


def test_a_configuration_of_ones_own_is_mounted_under_its_name() -> None:
    volumes = {volume["name"]: volume for volume in pod(render("outbox"), "relay")["volumes"]}
    assert volumes["config"]["secret"] == {
        "secretName": "relay-config",
        "items": [{"key": "relay.yaml", "path": "config.yaml"}],
    }
    assert "Secret" not in kinds(render("outbox"))


def test_it_restarts_with_its_configuration() -> None:
    def checksum(*more: str) -> str:
        return str(template(render("relay", *more), "relay")["metadata"]["annotations"]["checksum/config"])

    assert checksum("--set=relay.config.log.level=info") != checksum()
    assert checksum("--set=config.log.level=debug") == checksum()


def test_it_listens_where_it_is_asked() -> None:
    manifests = render("relay")
    made = container(manifests, "relay")
    assert made["args"][:3] == [
        "relay",
        "--config=/etc/backup-sentinel/config/config.yaml",
        "--listen=:8443",
    ]
    assert made["ports"] == [{"name": "http", "containerPort": 8443, "protocol": "TCP"}]
    (port,) = find(manifests, "Service", component="relay")["spec"]["ports"]
    assert (port["port"], port["targetPort"], port["nodePort"]) == (443, "http", 30951)
    assert container(render("default", ON), "relay")["ports"][0]["containerPort"] == 9951


def test_probes_ask_by_tls_where_it_is_on() -> None:
    made = container(render("relay"), "relay")
    for name, path in (("liveness", "/-/healthy"), ("readiness", "/-/ready"), ("startup", "/-/healthy")):
        assert made[f"{name}Probe"]["httpGet"] == {"path": path, "port": "http", "scheme": "HTTPS"}
    assert made["livenessProbe"]["periodSeconds"] == 20


def test_every_setting_of_the_pods_arrives() -> None:
    manifests = render("relay")
    spec, made = pod(manifests, "relay"), container(manifests, "relay")
    assert spec["terminationGracePeriodSeconds"] == 60
    assert spec["priorityClassName"] == "system-cluster-critical"
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert spec["tolerations"][0]["operator"] == "Exists"
    assert "podAntiAffinity" in spec["affinity"]
    assert [one["name"] for one in spec["initContainers"]] == ["wait"]
    assert [one["name"] for one in spec["containers"]] == ["relay", "beside"]
    assert made["args"][-1] == "--log-format=text"
    assert made["env"][-1]["name"] == "MAIL_PASSWORD"
    assert made["envFrom"] == [{"configMapRef": {"name": "proxies"}}]
    assert made["resources"]["requests"]["memory"] == "64Mi"
    metadata = template(manifests, "relay")["metadata"]
    assert metadata["labels"]["example.org/pod"] == metadata["annotations"]["example.org/pod"] == "1"
    assert workload(manifests, "relay")["metadata"]["annotations"]["example.org/workload"] == "1"
    account = find(manifests, "ServiceAccount", component="relay")["metadata"]
    assert (account["name"], spec["serviceAccountName"]) == ("courier", "courier")


def test_a_policy_lets_senders_in_and_the_relay_out_to_channels() -> None:
    policy = find(render("relay"), "NetworkPolicy", component="relay")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (ingress,) = policy["ingress"]
    assert ingress["ports"] == [{"port": "http", "protocol": "TCP"}]
    assert "namespaceSelector" in ingress["from"][0]
    dns, servers, channels = policy["egress"]
    assert [port["port"] for port in dns["ports"]] == [53, 53, 5353, 5353]
    assert [port["port"] for port in servers["ports"]] == [443, 6443], "enrichers ask them"
    assert [port["port"] for port in channels["ports"]] == [443, 587]
    alone = render(
        "relay", "--set-json=relay.config.relay.enrichers=[]", "--set-json=relay.config.relay.channels=[]"
    )
    assert len(find(alone, "NetworkPolicy", component="relay")["spec"]["egress"]) == 2
    unlimited = find(render("outbox"), "NetworkPolicy", component="relay")["spec"]
    assert unlimited["policyTypes"] == ["Ingress"]
    assert "egress" not in unlimited


def test_a_budget_may_keep_its_pod_on_its_node() -> None:
    budget = find(render("relay"), "PodDisruptionBudget", component="relay")["spec"]
    assert budget["maxUnavailable"] == 0
    assert budget["selector"] == workload(render("relay"), "relay")["spec"]["selector"]


def test_it_is_scraped_with_the_exporter_as_a_job_of_its_own() -> None:
    manifests = render("relay")
    monitor = find(manifests, "ServiceMonitor", component="relay")["spec"]
    labels = find(manifests, "Service", component="relay")["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"] == {"serverName": "relay.example.org"}
    assert endpoint["authorization"]["credentials"]["name"] == "scrape"
    assert endpoint["relabelings"] == [
        {"targetLabel": "team", "replacement": "platform"},
        {"targetLabel": "job", "replacement": "backup-sentinel-relay"},
    ]
    (other,) = find(manifests, "ServiceMonitor", component="exporter")["spec"]["endpoints"]
    assert "scheme" not in other
    assert find(render("outbox"), "PodMonitor", component="relay")
    off = render("relay", "--set=relay.monitor.enabled=false")
    assert kinds(off).count("ServiceMonitor") == 1


def test_alertmanager_sends_to_where_it_listens() -> None:
    manifests = render("relay")
    receivers = find(manifests, "AlertmanagerConfig")["spec"]["receivers"]
    (webhook,) = next(one for one in receivers if one["name"] == "backup-sentinel-relay")["webhookConfigs"]
    url = urlsplit(webhook["url"])
    service = find(manifests, "Service", component="relay")
    assert url.scheme == "https"
    assert url.hostname == f"{service['metadata']['name']}.{NAMESPACE}.svc"
    assert url.port == service["spec"]["ports"][0]["port"]
    assert url.path == "/alertmanager"
    assert webhook["sendResolved"] is True
    assert webhook["httpConfig"]["authorization"]["credentials"] == {
        "name": "backup-keys",
        "key": "relay-token",
    }
