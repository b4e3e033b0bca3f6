"""Enrichers and the channel of Events against a real API server, with the rights that they declare and no other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

from backup_sentinel.config import Config, parse
from backup_sentinel.export.profile import load_profiles
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.looking import Lookout
from backup_sentinel.relay.channels.kubernetes_event import KubernetesEventSettings
from backup_sentinel.relay.enrichers.backup_state import BackupStateSettings
from backup_sentinel.relay.enrichers.root_cause import RootCauseSettings
from backup_sentinel.relay.finding import ItemError
from backup_sentinel.relay.rendering import Rendering, samples
from backup_sentinel.relay.velero import ResultsSettings
from backup_sentinel.rights import Right
from relay.channels.suite import renew, send
from relay.enrichers.kit import alert, asked, finding, message
from relay.enrichers.velero_kit import NOW, RUN, SIGNATURE, Storage, event, packed
from support.apiserver import ApiServer, Rule
from support.crds import definitions
from support.velero import backup, location, schedule, stamp

pytestmark = pytest.mark.e2e

TOKEN = "relay-token"
ALERT = alert(annotations={"run": RUN, "summary": "It failed in part."})
REQUESTS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "downloadrequests.velero.io"},
    "spec": {
        "group": "velero.io",
        "scope": "Namespaced",
        "names": {"plural": "downloadrequests", "singular": "downloadrequest", "kind": "DownloadRequest"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}


def declared(rights: tuple[Right, ...]) -> list[Rule]:
    return [
        Rule(verbs=right.verbs, groups=[right.group], resources=right.resources, namespaces=["velero"])
        for right in rights
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    [profile] = load_profiles(operators=["velero"])
    with ApiServer(tmp_path_factory.mktemp("apiserver")) as running:
        for definition in (*definitions(profile).values(), REQUESTS):
            running.apply_crd(definition)
        running.ensure_namespace("velero")
        reading = [
            Rule(verbs=["get", "list"], groups=[one.type.group], resources=[one.type.plural])
            for one in profile.resources
        ]
        wanted = declared((*RootCauseSettings.rights, *KubernetesEventSettings.rights))
        running.grant(
            TOKEN,
            "relay",
            [*reading, *wanted, Rule(verbs=["get"], paths=["/api", "/api/*", "/apis", "/apis/*"])],
        )
        begun = {"startTimestamp": stamp(NOW - 3600), "completionTimestamp": stamp(NOW - 3000)}
        for plural, manifest in (
            ("schedules", schedule("shop")),
            ("backupstoragelocations", location()),
            ("backups", backup(RUN, "PartiallyFailed", schedule="shop", errors=2, **begun)),
        ):
            running.create("velero.io", "v1", plural, "velero", manifest)
        running.create("", "v1", "events", "velero", event("BackupFailed", "2 errors", kind="Warning"))
        running.create("", "v1", "events", "velero", event("Other", "not ours", about="other"))
        yield running


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as running:
        running.files["/results.gz"] = packed()
        yield running


def cluster(server: ApiServer) -> tuple[ClusterSettings, ...]:
    return (ClusterSettings(api_url=server.url, ca_file=str(server.ca_file), token=TOKEN),)


@contextlib.asynccontextmanager
async def signing(server: ApiServer, storage: Storage) -> AsyncIterator[list[dict[str, Any]]]:
    """Do what Velero does with requests for files."""
    seen: list[dict[str, Any]] = []

    def sign() -> None:
        for one in server.list_objects("velero.io", "v1", "downloadrequests", "velero")["items"]:
            if "status" not in one:
                seen.append(one)
                status = {"phase": "Processed", "downloadURL": storage.sign("/results.gz")}
                name = one["metadata"]["name"]
                server.patch("velero.io", "v1", "downloadrequests", "velero", name, {"status": status})

    async def work() -> None:
        while True:
            await asyncio.to_thread(sign)
            await asyncio.sleep(0.05)

    working = asyncio.create_task(work())
    try:
        yield seen
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_the_cause_comes_out_of_objects_events_and_the_results_file(
    server: ApiServer, storage: Storage
) -> None:
    settings = RootCauseSettings(
        clusters=cluster(server), results=ResultsSettings(enabled=True, hosts=("127.0.0.1",))
    )
    async with signing(server, storage) as seen:
        findings = await asked(settings, message(ALERT), look=Lookout(Config()))
    assert not findings.notes
    found = finding(findings, "root_cause").alerts[ALERT.fingerprint]
    assert (found.run, found.outcome, found.errors) == (RUN, "partial", 2)
    assert found.events == ("BackupFailed: 2 errors",)
    assert [(one.namespace, one.name) for one in found.failed_items] == [
        ("shop", "pods/shop-0"),
        ("web", "web-1"),
    ]
    assert isinstance(found.failed_items[0], ItemError)
    assert len(seen) == 1
    assert not server.list_objects("velero.io", "v1", "downloadrequests", "velero")["items"]
    assert SIGNATURE not in repr(findings)


async def test_the_state_takes_no_more_than_listing(server: ApiServer) -> None:
    findings = await asked(
        BackupStateSettings(clusters=cluster(server)), message(ALERT), look=Lookout(Config())
    )
    assert not findings.notes
    found = finding(findings, "backup_state").alerts[ALERT.fingerprint]
    assert (found.phase, found.next_run is not None) == ("PartiallyFailed", True)


async def test_rights_that_are_missing_leave_a_note(server: ApiServer) -> None:
    server.grant("poor", "poor")
    poor = (ClusterSettings(api_url=server.url, ca_file=str(server.ca_file), token="poor"),)
    findings = await asked(BackupStateSettings(clusters=poor), message(ALERT), look=Lookout(Config()))
    assert not findings.facts
    assert findings.notes["backup_state"]


async def test_an_event_is_written_once_on_the_object(server: ApiServer) -> None:
    [read] = parse(
        "relay: {channels: [{type: kubernetes_event, name: events}]}", "config.yaml"
    ).relay.channels
    settings = msgspec.structs.replace(read, clusters=cluster(server))
    channel = settings.open(Rendering())
    delivery = msgspec.structs.replace(renew(samples()[0], 1), message=message(ALERT))
    await send(channel, delivery)
    await send(channel, delivery)
    await channel.close()
    written = [
        one
        for one in server.list_objects("", "v1", "events", "velero")["items"]
        if one.get("source", {}).get("component") == "backup-sentinel"
    ]
    run = server.get("velero.io", "v1", "backups", "velero", RUN)
    [one] = written
    assert one["involvedObject"]["uid"] == run["metadata"]["uid"]
    assert one["message"] == "It failed in part."
