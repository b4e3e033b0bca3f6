"""Why a run failed: volumes, Events and Velero's results file, out of a pretend cluster and a real server for the files."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.config import parse
from backup_sentinel.demo.access import Access, Grant
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.cluster import SimulatedCluster
from backup_sentinel.demo.faults import Answer
from backup_sentinel.demo.resources import ResourceType
from backup_sentinel.errors import DocumentError
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.relay.enrichers.root_cause import RootCauseSettings
from backup_sentinel.relay.enrichers.root_cause.inquiry import MANY, MANY_ITEMS
from backup_sentinel.relay.finding import AlertFinding, Finding, Findings, ItemError, VolumeFinding
from backup_sentinel.relay.message import Alert
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.relay.velero import ResultsSettings
from demo.kit import until
from kube.certificates import Authority
from relay.enrichers.kit import alert, asked, finding, message
from relay.enrichers.velero_kit import FAILED_ITEM, LOOK, NOW, RUN, SIGNATURE, Velero, event, packed, velero
from support.velero import backup, schedule, stamp

ALERT = alert(annotations={"run": RUN})
ITEMS = (
    ItemError(
        namespace="shop",
        name="pods/shop-0",
        error="Error backing up item: error executing custom action (groupResource=pods, namespace=shop, name=shop-0): "
        "timed out waiting for the condition",
    ),
    ItemError(namespace="web", name="web-1", error="hook failed"),
)


@pytest.fixture
async def cluster() -> AsyncIterator[Velero]:
    async with velero() as made:
        made.fail_in_part()
        yield made


def results(**changes: Any) -> ResultsSettings:
    return ResultsSettings(**{"enabled": True, "hosts": ("127.0.0.1",), "wait_seconds": 20.0, **changes})


def settings(cluster: Velero, **changes: Any) -> RootCauseSettings:
    return RootCauseSettings(**{"clusters": (cluster.settings,), "results": results(), **changes})


async def told(
    cluster: Velero, *about: Alert, facts: dict[str, Finding] | None = None, **changes: Any
) -> Findings:
    return await asked(settings(cluster, **changes), message(*(about or (ALERT,))), facts, cluster.look)


def only(findings: Findings) -> AlertFinding:
    [found] = finding(findings, "root_cause").alerts.values()
    return found


def note(findings: Findings) -> str:
    [sentence] = findings.notes["root_cause"]
    return sentence


async def test_everything_that_can_be_known(cluster: Velero) -> None:
    findings = await told(cluster)
    found = only(findings)
    assert found.failed_items == ITEMS
    assert found.events == ("BackupFailed: 2 errors, see the results file",)
    assert [(one.name, one.error) for one in found.failed_volumes] == [("data-shop-0", "connection refused")]
    assert (found.run, found.outcome, found.errors) == (RUN, "partial", 2)
    assert not findings.notes
    [request] = cluster.requests
    assert request["spec"] == {"target": {"kind": "BackupResults", "name": RUN}}
    assert request["metadata"]["namespace"] == "velero"
    assert not cluster.left()


async def test_what_was_told_before_is_not_told_again(cluster: Velero) -> None:
    known = AlertFinding(run=RUN, run_namespace="velero", outcome="partial", error="2 errors")
    findings = await told(cluster, facts={"backup_state": Finding(alerts={ALERT.fingerprint: known})})
    assert only(findings) == AlertFinding(
        events=("BackupFailed: 2 errors, see the results file",), failed_items=ITEMS
    )
    assert not cluster.server.journal.find("list", "backups"), "nobody looks twice"


async def test_a_run_that_is_known_without_a_reason_is_looked_at(cluster: Velero) -> None:
    silent = (VolumeFinding(namespace="shop", name="data-shop-0", outcome="failed"),)
    for volumes in ((), silent):
        known = AlertFinding(run=RUN, run_namespace="velero", outcome="partial", failed_volumes=volumes)
        findings = await told(cluster, facts={"backup_state": Finding(alerts={ALERT.fingerprint: known})})
        assert only(findings).failed_volumes[0].error == "connection refused"


async def test_a_restore_has_a_file_of_its_own(cluster: Velero) -> None:
    cluster.put(
        {
            **backup("test-1", "PartiallyFailed", startTimestamp=stamp(NOW), errors=1),
            "kind": "Restore",
            "spec": {"backupName": RUN},
        }
    )
    cluster.storage.files[cluster.path("test-1")] = packed(
        {"errors": {"cluster": ["cannot restore clusterroles/x"]}}
    )
    about = alert(
        schedule="", action="restore", alertname="KubeBackupRestoreFailed", annotations={"run": "test-1"}
    )
    found = only(await told(cluster, about))
    assert found.failed_items == (ItemError(error="cannot restore clusterroles/x"),)
    assert cluster.requests[0]["spec"]["target"]["kind"] == "RestoreResults"


async def test_validation_errors_of_a_run_and_of_a_schedule(cluster: Velero) -> None:
    cluster.put(
        schedule("web"),
        backup(
            "web-1",
            "FailedValidation",
            schedule="web",
            validationErrors=["no location `x`", "bad ttl"],
            startTimestamp=stamp(NOW),
        ),
    )
    found = only(await told(cluster, alert(schedule="web")))
    assert found.error == "no location `x`; bad ttl"


@pytest.mark.parametrize(
    "about",
    [alert(status="resolved", annotations={"run": RUN}), alert(schedule="fine"), alert(operator="")],
    ids=["resolved", "succeeded", "no operator"],
)
async def test_runs_that_did_not_fail_are_left_alone(cluster: Velero, about: Alert) -> None:
    cluster.put(schedule("fine"), backup("fine-1", "Completed", schedule="fine", startTimestamp=stamp(NOW)))
    findings = await told(cluster, about)
    assert not findings.facts
    assert not cluster.requests


async def test_only_so_many_runs_are_looked_into(cluster: Velero) -> None:
    alerts = [alert(target=str(number), annotations={"run": RUN}) for number in range(MANY + 3)]
    await told(cluster, *alerts)
    assert len(cluster.requests) == MANY
    assert not cluster.left()


async def test_nothing_is_asked_of_velero_unless_allowed(cluster: Velero) -> None:
    findings = await told(cluster, results=ResultsSettings())
    assert not only(findings).failed_items
    assert not cluster.requests
    assert not cluster.server.journal.find("create")


async def test_events_of_others_are_not_told_and_warnings_come_first(cluster: Velero) -> None:
    cluster.put(
        event("Started", "began", name="a"),
        {
            **event("Retried", "again", name="b", kind="Warning"),
            "count": 7,
            "lastTimestamp": stamp(NOW - 9_000),
        },
        event("Failed", "of another", name="c", about="other"),
    )
    found = only(await told(cluster, results=ResultsSettings()))
    assert found.events == (
        "BackupFailed: 2 errors, see the results file",
        "Retried: again (7 times)",
        "Started: began",
    )


async def test_events_are_not_read_where_they_are_not_wanted(cluster: Velero) -> None:
    assert not only(await told(cluster, events=False)).events
    assert not cluster.server.journal.find("list", "events")


def damaged() -> bytes:
    body = packed()
    return body[:12] + b"\xff" * 24 + body[36:]


FILES: dict[str, tuple[Any, str]] = {
    "gone": ((404, {}, SIGNATURE.encode()), "the results file cannot be fetched from 127.0.0.1: rejected"),
    "refused": (
        (403, {}, SIGNATURE.encode()),
        "the results file cannot be fetched from 127.0.0.1: unauthorized",
    ),
    "elsewhere": (
        (302, {"Location": "http://127.0.0.1:1/x"}, b""),
        "the results file cannot be fetched from 127.0.0.1: rejected",
    ),
    "broken": (
        (500, {}, SIGNATURE.encode()),
        "the results file cannot be fetched from 127.0.0.1: server_error",
    ),
    "too large": ((200, {}, b"x" * 5000), "the results file has more than 4096 bytes"),
    "no gzip": ((200, {}, b"<html>"), "the results file cannot be understood"),
    "cut": ((200, {}, packed()[:-9]), "the results file ends early"),
    "damaged": ((200, {}, damaged()), "the results file is damaged"),
    "bomb": ((200, {}, gzip.compress(b" " * (17 << 20), 9)[:4096]), "the results file"),
    "no object": ((200, {}, packed([1, 2])), "the results file cannot be understood"),
    "empty": ((200, {}, b""), "the results file cannot be understood"),
}


@pytest.mark.parametrize("case", FILES)
async def test_files_that_cannot_be_had_or_used_leave_a_note_without_the_signature(
    cluster: Velero, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer, wrong = FILES[case]
    cluster.storage.answers[cluster.path(RUN)] = answer
    findings = await told(cluster, results=results(max_bytes=4096))
    assert note(findings).startswith(wrong)
    assert only(findings).events, "one trace that is not there hides no other"
    assert findings.failed == ("root_cause",)
    assert not cluster.left()
    shown = repr(findings) + caplog.text + "".join(str(vars(one)) for one in caplog.records)
    assert SIGNATURE not in shown
    assert "X-Amz" not in shown


ANSWERS: dict[str, tuple[dict[str, Any] | None, str]] = {
    "nobody answers": (None, "Velero did not sign a URL within 0.5 s"),
    "new": ({"phase": "New"}, "Velero did not sign a URL within 0.5 s"),
    "odd": ({"phase": 7, "downloadURL": ["x"]}, "Velero did not sign a URL within 0.5 s"),
    "failed": (
        {"phase": "Failed", "message": f"GET https://s3.example/b?X-Amz-Signature={SIGNATURE} gave 404"},
        "Velero has no results file for this run: GET https://s3.example/b?*** gave 404",
    ),
    "another host": (
        {"phase": "Processed", "downloadURL": f"https://evil.example/x?X-Amz-Signature={SIGNATURE}"},
        "the results file is at evil.example, which `results.hosts` does not name",
    ),
    "metadata": (
        {"phase": "Processed", "downloadURL": "http://169.254.169.254/latest/meta-data"},
        "the address of the results file leads to 169.254.169.254, a link-local or metadata address; nothing is sent there",
    ),
    "no web": (
        {"phase": "Processed", "downloadURL": "file:///etc/passwd"},
        "the address of the results file must be an http:// or https:// URL with a host",
    ),
    "below": (
        {"phase": "Processed", "downloadURL": f"https://127.0.0.1.evil.example/x?sig={SIGNATURE}"},
        "the results file is at 127.0.0.1.evil.example, which `results.hosts` does not name",
    ),
    "beside": (
        {"phase": "Processed", "downloadURL": f"https://evils3.example/x?sig={SIGNATURE}"},
        "the results file is at evils3.example, which `results.hosts` does not name",
    ),
    "above": (
        {"phase": "Processed", "downloadURL": f"https://s3.example/x?sig={SIGNATURE}"},
        "the results file is at s3.example, which `results.hosts` does not name",
    ),
    "user": (
        {"phase": "Processed", "downloadURL": f"http://127.0.0.1@evil.example/x?sig={SIGNATURE}"},
        "the results file is at evil.example, which `results.hosts` does not name",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_answers_that_lead_nowhere(
    cluster: Velero, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    status, wrong = ANSWERS[case]
    cluster.status = lambda _: status
    findings = await told(cluster, results=results(wait_seconds=0.5, hosts=("127.0.0.1", "*.s3.example")))
    assert note(findings) == wrong
    assert not cluster.storage.asked
    assert not cluster.left()
    assert SIGNATURE not in repr(findings) + caplog.text


async def test_the_request_is_deleted_when_time_is_up(cluster: Velero) -> None:
    cluster.storage.slow.clear()
    known = AlertFinding(run=RUN, run_namespace="velero", outcome="partial", error="2 errors")
    facts = {"backup_state": Finding(alerts={ALERT.fingerprint: known})}
    findings = await told(cluster, facts=facts, timeout_seconds=3.0)
    assert note(findings) == "no answer within 3 s"
    assert cluster.requests
    assert not cluster.left()


async def test_the_request_is_deleted_when_nobody_waits_any_more(cluster: Velero) -> None:
    cluster.status = lambda _: None
    asking = asyncio.create_task(told(cluster))
    await cluster.server.journal.wait("create", "downloadrequests")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await cluster.server.journal.wait("delete", "downloadrequests")
    await until(lambda: not cluster.left())


ESCAPES = ("../../../secrets", "a/b", "a?b", "a%2fb", "..", "A", "a,b", "a" * 254, "a\n", ".a")


@pytest.mark.parametrize("name", ESCAPES)
async def test_what_an_alert_calls_a_run_leads_nowhere_else(cluster: Velero, name: str) -> None:
    for about in (alert(annotations={"run": name}), alert(resource_namespace=name, annotations={"run": RUN})):
        known = AlertFinding(run=about.annotations["run"], outcome="failed", error="x")
        facts = {"backup_state": Finding(alerts={about.fingerprint: known})}
        findings = await told(cluster, about, facts=facts)
        assert not findings.facts
        assert "is no name of an object" in note(findings)
    assert not cluster.server.journal.find()


async def test_a_request_that_cannot_be_deleted_is_left_to_velero(cluster: Velero) -> None:
    cluster.server.faults.add(Answer(verb="delete", code=403))
    assert only(await told(cluster)).failed_items == ITEMS


async def test_missing_rights_are_named(cluster: Velero) -> None:
    cluster.server.access = Access({"t": "relay"}, {"relay": [Grant(("get", "list"), ("*",))]})
    cluster.server.faults.add(Answer(verb="list", resource="events", code=403))
    allowed = (ClusterSettings(api_url=cluster.server.url, token="t"),)
    findings = await told(cluster, clusters=allowed)
    assert set(findings.notes["root_cause"]) == {
        "there is no right to read the Events of the run (events)",
        "there is no right to ask Velero for the results file (downloadrequests)",
    }
    assert only(findings).failed_volumes


async def test_a_cluster_without_velero_says_so(cluster: Velero) -> None:
    cluster.server.cluster.uninstall("downloadrequests.velero.io")
    cluster.left = list  # type: ignore[method-assign]
    assert note(await told(cluster)) == "the cluster does not know downloadrequests"


async def test_of_many_errors_the_first_are_told(cluster: Velero) -> None:
    many = {"errors": {"namespaces": {"shop": [f"error {number}" for number in range(MANY_ITEMS + 7)]}}}
    cluster.storage.files[cluster.path(RUN)] = packed(many)
    findings = await told(cluster)
    assert len(only(findings).failed_items) == MANY_ITEMS
    assert note(findings) == f"7 more errors stand in the results file of {RUN}"
    assert not findings.failed


async def test_secrets_in_a_results_file_are_not_told(cluster: Velero) -> None:
    url = f"https://b.s3.example/k?X-Amz-Credential=AKIAFAKEFAKEFAKEFAKE&X-Amz-Signature={SIGNATURE}"
    cluster.storage.files[cluster.path(RUN)] = packed(
        {"errors": {"velero": [f"PUT {url}: denied, password=fake-hunter2"]}}
    )
    [item] = only(await told(cluster)).failed_items
    assert item.error == "PUT https://b.s3.example/k?*** denied, password=***"


async def test_files_come_over_tls_from_an_authority_of_ones_own(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    authority.sign("server", "server")
    async with velero(authority.server_context()) as cluster:
        cluster.fail_in_part()
        trusted = results(tls=ClientTLS(ca_file=str(authority.ca)))
        assert only(await told(cluster, results=trusted)).failed_items == ITEMS
        assert note(await told(cluster)) == "the results file cannot be fetched from 127.0.0.1: tls"


KASTEN = (
    ResourceType("actions.kio.kasten.io", "v1alpha1", "backupactions", "BackupAction"),
    ResourceType("config.kio.kasten.io", "v1alpha1", "policies", "Policy"),
)


async def test_files_come_through_a_proxy(cluster: Velero) -> None:
    url = cluster.storage.sign(cluster.path(RUN)).replace(cluster.storage.url, "http://s3.example")
    cluster.status = lambda _: {"phase": "Processed", "downloadURL": url}
    proxy = cluster.storage.url.replace("://", "://relay:fake-hunter2@")
    proxied = results(hosts=("s3.example",), proxy_url=proxy)
    assert only(await told(cluster, results=proxied)).failed_items == ITEMS
    assert cluster.storage.asked == [url]
    assert "fake-hunter2" not in repr(proxied)
    cluster.storage.close()
    findings = await told(cluster, results=proxied)
    assert note(findings) == "the results file cannot be fetched from s3.example: unreachable"


async def test_nested_errors_of_kasten_come_out_of_their_wrapping() -> None:
    cause = {
        "message": "Failed to snapshot",
        "cause": {"message": "VolumeSnapshotClass csi-rbd does not exist"},
    }
    labels = {
        "policyName": "daily",
        "policyNamespace": "kasten-io",
        "appName": "shop",
        "appNamespace": "shop",
    }
    action = {
        "apiVersion": KASTEN[0].api_version,
        "kind": "BackupAction",
        "metadata": {
            "name": "shop-1",
            "namespace": "shop",
            "creationTimestamp": stamp(NOW),
            "labels": {f"k10.kasten.io/{name}": value for name, value in labels.items()},
        },
        "status": {
            "state": "Failed",
            "startTime": stamp(NOW),
            "endTime": stamp(NOW + 5),
            "error": {"message": "Job failed", "cause": json.dumps(cause)},
        },
    }
    policy = {
        "apiVersion": KASTEN[1].api_version,
        "kind": "Policy",
        "metadata": {"name": "daily", "namespace": "kasten-io"},
        "spec": {"frequency": "@daily", "actions": [{"action": "backup"}]},
    }
    about = alert(operator="kasten", resource_namespace="kasten-io", schedule="daily", target="shop")
    async with SimulatedApiServer(SimulatedCluster("k", KASTEN)) as server:
        server.cluster.put(policy)
        server.cluster.put(action)
        server.cluster.put(
            {**event("Failed", "gave up", about="shop-1"), "metadata": {"name": "e", "namespace": "shop"}}
        )
        enricher = RootCauseSettings(clusters=(ClusterSettings(api_url=server.url),))
        found = only(await asked(enricher, message(about), look=LOOK))
    assert found.error == "VolumeSnapshotClass csi-rbd does not exist"
    assert found.events == ("Failed: gave up",), "of the namespace in which the action is"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{enabled: true}", "`hosts` must name the hosts"),
        ("{enabled: true, hosts: ['*']}", "is no host"),
        ("{enabled: true, hosts: ['https://s3.example']}", "is no host"),
        ("{enabled: true, hosts: ['minio*']}", "is no host"),
        ("{enabled: true, hosts: ['s3.*.example']}", "is no host"),
        ("{enabled: true, hosts: [s3.example], max_bytes: 1}", "max_bytes"),
    ],
)
def test_settings_that_cannot_be_are_refused(text: str, wrong: str) -> None:
    with pytest.raises(DocumentError, match=wrong):
        parse(f"relay:\n  enrichers:\n  - type: root_cause\n    results: {text}\n", "config.yaml")


def test_the_example_of_an_item_is_velero_s() -> None:
    assert "resource: /pods name: /shop-0 message: /" in FAILED_ITEM
