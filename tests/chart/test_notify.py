"""The CronJob that notifies without Prometheus."""

from __future__ import annotations

from backup_sentinel import commands
from backup_sentinel.config import parse
from chart.rendering import component_of, configuration, container, find, pod, render, template, workload

ON = "--set=notify.enabled=true"


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert "notify" not in {component_of(manifest) for manifest in render()}


def test_it_looks_once_an_hour_and_never_twice_at_a_time() -> None:
    spec = workload(render("default", ON), "notify")["spec"]
    assert (spec["schedule"], spec["concurrencyPolicy"]) == ("0 * * * *", "Forbid")
    assert "timeZone" not in spec
    assert spec["startingDeadlineSeconds"] == 1800
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 600, "one that hangs keeps no other away"
    assert pod(render("default", ON), "notify")["restartPolicy"] == "Never"


def test_its_command_is_one_that_is_understood() -> None:
    for case, lookback in (("default", "2h"), ("notify", "1d2h")):
        arguments = container(render(case, ON), "notify")["args"]
        parsed = commands.parser().parse_args(arguments)
        assert parsed.once is True
        assert parsed.lookback == lookback
    silent = container(render("default", ON, "--set=notify.lookback="), "notify")["args"]
    assert commands.parser().parse_args(silent).lookback is None


def test_it_reads_the_clusters_of_the_exporter() -> None:
    """With their tokens, and with what is promised there."""
    manifests = render("notify")
    config, exporter = (parse(configuration(manifests, name)) for name in ("notify", "exporter"))
    assert config.clusters == exporter.clusters
    assert config.secrets == exporter.secrets
    assert config.export == exporter.export
    mounts = {mount["name"]: mount["mountPath"] for mount in container(manifests, "notify")["volumeMounts"]}
    token = config.clusters[1].token_file
    assert token is not None
    assert token.rpartition("/")[0] == mounts["prod-us"]
    names = [variable["name"] for variable in container(manifests, "notify")["env"]]
    assert names == ["POD_NAME", "POD_NAMESPACE", "HTTPS_PROXY", "ALERT_SUBJECT_PREFIX"]


def test_it_tells_the_channels_and_keeps_a_record_of_its_own() -> None:
    config = parse(configuration(render("notify"), "notify"))
    assert [channel.name for channel in config.relay.channels] == ["mail"]
    assert config.notify.repeat == "never"
    assert config.notify.record.name == "watch-dog-backup-sentinel-sent"
    named = render("notify", "--set=notify.config.notify.record.name=sent")
    assert parse(configuration(named, "notify")).notify.record.name == "sent"
    assert find(named, "Role", "-sent")["rules"][1]["resourceNames"] == ["sent"]


def test_secrets_are_files() -> None:
    manifests = render("notify")
    mounts = {mount["name"]: mount["mountPath"] for mount in container(manifests, "notify")["volumeMounts"]}
    assert mounts["secret-0"] == "/etc/backup-sentinel/secrets/mail"
    volumes = {volume["name"]: volume for volume in pod(manifests, "notify")["volumes"]}
    assert volumes["secret-0"]["secret"] == {"secretName": "mail"}
    assert volumes["config"]["secret"] == {"secretName": "watch-dog-backup-sentinel-notify"}


def test_nothing_asks_it_for_its_health() -> None:
    made = container(render("notify"), "notify")
    assert not {"ports", "livenessProbe", "readinessProbe", "startupProbe"} & set(made)


def test_every_setting_arrives() -> None:
    manifests = render("notify")
    spec, made = workload(manifests, "notify")["spec"], container(manifests, "notify")
    assert (spec["schedule"], spec["timeZone"], spec["suspend"]) == ("30 6 * * *", "Europe/Rome", True)
    assert spec["concurrencyPolicy"] == "Replace"
    assert "startingDeadlineSeconds" not in spec
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (0, 5)
    job = spec["jobTemplate"]["spec"]
    assert (job["activeDeadlineSeconds"], job["backoffLimit"]) == (300, 0)
    pods = pod(manifests, "notify")
    assert pods["terminationGracePeriodSeconds"] == 60
    assert pods["priorityClassName"] == "system-cluster-critical"
    assert pods["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert pods["tolerations"][0]["operator"] == "Exists"
    assert "podAntiAffinity" in pods["affinity"]
    assert made["resources"] == {"limits": {"memory": "256Mi"}}
    assert made["envFrom"] == [{"configMapRef": {"name": "alerter"}}]
    assert {"name": "ca", "configMap": {"name": "ca"}} in pods["volumes"]
    metadata = template(manifests, "notify")["metadata"]
    assert metadata["labels"]["example.org/pod"] == metadata["annotations"]["example.org/pod"] == "1"
    account = find(manifests, "ServiceAccount", component="notify")["metadata"]
    assert (account["name"], pods["serviceAccountName"]) == ("herald", "herald")


def test_a_policy_lets_it_out_to_api_servers_and_channels_only() -> None:
    policy = find(render("notify"), "NetworkPolicy", component="notify")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    _, servers, channels = policy["egress"]
    assert servers["to"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
    assert channels == {"ports": [{"port": 587}]}


def test_it_needs_no_exporter() -> None:
    assert workload(render("notify"))["spec"]["replicas"] == 0
