"""Memory on real servers: ConfigMaps of a real API server, and processes that are ended, killed and started again."""

from __future__ import annotations

import asyncio
import base64
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from backup_sentinel.errors import ApiError
from backup_sentinel.export.archive import ConfigMaps
from backup_sentinel.export.archive.configmaps import KEPT, LABELS, LIMIT
from backup_sentinel.export.archive.envelope import ForeignStateError, pack, slot
from backup_sentinel.export.store import SavedCluster
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.settings import ClusterSettings
from export.archive.documents import document
from kube.scripted import FakeClock
from support.apiserver import ApiError as Refused
from support.apiserver import ApiServer, Rule
from support.exporter import Exporter
from support.process import wait_until
from support.velero import GROUP, VERSION, backup, location, schedule, stamp

from .conftest import cluster

pytestmark = pytest.mark.e2e

CONFIGMAPS = ("", "v1", "configmaps")
SECRETS = ("", "v1", "secrets")
VELERO: Rule = {"verbs": ["get", "list", "watch"], "groups": ["velero.io"], "resources": ["*"]}
HOME: Rule = {"verbs": ["get"], "groups": [""], "resources": ["namespaces"], "names": ["kube-system"]}
FAST = {
    "export": {"operators": ["velero"], "discovery_interval_seconds": 0.5, "render_interval_seconds": 0.1}
}
RUNS = "kube_backup_runs_total"

INSIDE = """
import sys
from pathlib import Path
from backup_sentinel.cli import main
from backup_sentinel.export.archive import settings
from backup_sentinel.kube import credentials

account = Path(sys.argv.pop(1))
settings.ACCOUNT = account
credentials.load.__kwdefaults__["account"] = account
sys.exit(main())
"""
"""Starts the program as in a pod whose service account is mounted elsewhere than in pods."""


def keep(namespace: str) -> list[Rule]:
    """Return the rights that keeping state takes."""
    verbs = ["get", "create", "patch"]
    return [
        HOME,
        {"verbs": verbs, "groups": [""], "resources": ["configmaps"], "namespaces": [namespace]},
    ]


def maps(server: ApiServer, namespace: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.list_objects(*CONFIGMAPS, namespace)["items"]
    return [item for item in items if item["metadata"]["name"].startswith("backup-sentinel-state-")]


# ConfigMaps ------------------------------------------------------------------------------------------------


@pytest.fixture
async def archive(
    apiserver: ApiServer, request: pytest.FixtureRequest
) -> AsyncIterator[Callable[[], ConfigMaps]]:
    apiserver.ensure_namespace("kube-system")
    namespace = str(request.node.name).replace("_", "-")[:60].rstrip("-")
    apiserver.grant(namespace, namespace, keep(namespace))
    opened: list[ConfigMaps] = []

    def open_() -> ConfigMaps:
        settings = ClusterSettings(api_url=apiserver.url, token=namespace, ca_file=str(apiserver.ca_file))
        clock = FakeClock()
        opened.append(ConfigMaps(Client(Access(settings, clock), clock), namespace, clock=clock))
        return opened[-1]

    yield open_
    for one in opened:
        await one.close()
    await asyncio.sleep(0.05)  # TLS says goodbye, which asyncio does not wait for


Open = Callable[[], ConfigMaps]


async def test_what_one_process_writes_the_next_one_reads(apiserver: ApiServer, archive: Open) -> None:
    known = document(schedules=1000)
    writer = archive()
    assert await writer.load("prod") is None
    await writer.save(document())
    _, size = await writer.save(known)
    assert size < LIMIT / 7
    assert await archive().load("prod") == known
    [made] = maps(apiserver, writer._namespace)
    assert made["metadata"]["labels"] == LABELS


async def test_writers_merge_on_conflict_and_outlive_a_deletion(apiserver: ApiServer, archive: Open) -> None:
    one, other = archive(), archive()
    ahead, behind = document(schedules=2, counted=3), document(schedules=1, counted=1)
    await one.save(behind)
    assert await other.load("prod") == behind
    await one.save(ahead)
    merged, _ = await other.save(behind)
    assert [stream.totals for stream in merged.streams] == [stream.totals for stream in ahead.streams]
    [made] = maps(apiserver, one._namespace)
    apiserver.delete(*CONFIGMAPS, one._namespace, made["metadata"]["name"])
    await one.save(ahead)
    assert await archive().load("prod") == ahead


async def test_neighbours_share_an_object_without_harm(apiserver: ApiServer, archive: Open) -> None:
    names = [name for name in (f"cluster-{number}" for number in range(200)) if slot(name)[0] == "0"][:4]
    await asyncio.gather(*(archive().save(SavedCluster(version=1, cluster=name)) for name in names))
    reader = archive()
    assert [(await reader.load(name) or document()).cluster for name in names] == names
    assert len(maps(apiserver, reader._namespace)) == 1


async def test_what_a_restore_brought_from_another_cluster_is_not_used(
    apiserver: ApiServer, archive: Open
) -> None:
    writer = archive()
    foreign = base64.b64encode(pack(document(), "uid-of-another-kube-system")).decode()
    made = {
        "kind": "ConfigMap",
        "metadata": {"name": f"backup-sentinel-state-{slot('prod')[0]}"},
        "binaryData": {slot("prod"): foreign},
    }
    apiserver.create(*CONFIGMAPS, writer._namespace, made)
    with pytest.raises(ForeignStateError, match="belongs to another cluster"):
        await writer.load("prod")
    own = document(counted=2)
    await writer.save(own)
    assert await archive().load("prod") == own


async def test_a_missing_right_names_what_is_missing(apiserver: ApiServer, archive: Open) -> None:
    writer = archive()
    apiserver.grant(writer._namespace, writer._namespace, [HOME])
    with pytest.raises(ApiError, match=r"configmaps.*is forbidden"):
        await writer.save(document())


async def test_the_limit_is_that_of_the_server(apiserver: ApiServer) -> None:
    def create(name: str, size: int) -> None:
        data = {"state": base64.b64encode(b"\0" * size).decode()}
        apiserver.create(
            *CONFIGMAPS, "limit", {"kind": "ConfigMap", "metadata": {"name": name}, "binaryData": data}
        )

    create("full", LIMIT)
    with pytest.raises(Refused, match="Too long"):
        create("over", LIMIT + 1)


async def test_in_a_full_object_what_nobody_wrote_for_long_makes_room(
    apiserver: ApiServer, archive: Open
) -> None:
    old, fresh = [name for name in (f"cluster-{number}" for number in range(99)) if slot(name)[0] == "0"][:2]
    writer = archive()
    name = f"backup-sentinel-state-{slot(old)[0]}"
    long_ago = pack(document(old), "", FakeClock().now() - KEPT - 1)
    data = {slot(old): long_ago, "f" * 40: b"\0" * (LIMIT - len(long_ago))}
    full = {key: base64.b64encode(value).decode() for key, value in data.items()}
    apiserver.create(
        *CONFIGMAPS,
        writer._namespace,
        {"kind": "ConfigMap", "metadata": {"name": name}, "binaryData": full},
    )
    await writer.save(SavedCluster(version=1, cluster=fresh))
    [made] = maps(apiserver, writer._namespace)
    assert made["binaryData"].keys() == {slot(fresh), "f" * 40}


# Processes -------------------------------------------------------------------------------------------------


class House:
    """A namespace of Velero in the server, and what happens there."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self.server = server
        self.namespace = namespace

    def create(self, plural: str, obj: dict[str, Any]) -> None:
        self.server.create(GROUP, VERSION, plural, self.namespace, obj)

    def ran(self, name: str, phase: str = "Completed") -> None:
        now = time.time()
        times = {"startTimestamp": stamp(now), "completionTimestamp": stamp(now + 1)}
        self.create("backups", backup(name, phase, schedule="shop", namespace=self.namespace, **times))

    def counted(self, exporter: Exporter) -> dict[str, float]:
        found = exporter.samples(RUNS, schedule="shop", resource_namespace=self.namespace)
        return {labels["outcome"]: value for labels, value in found if value}


@pytest.fixture
def house(apiserver: ApiServer, request: pytest.FixtureRequest) -> House:
    name = re.sub(r"[^a-z0-9]+", "-", str(request.node.name))[-60:].strip("-")
    made = House(apiserver, name)
    made.create("backupstoragelocations", location(namespace=name))
    made.create("schedules", schedule("shop", namespace=name))
    made.ran("history")
    return made


def settings_of(house: House, directory: Path, state: dict[str, Any]) -> dict[str, Any]:
    house.server.grant(f"reader-{house.namespace}", house.namespace, [VELERO])
    entry = cluster(house.server, f"reader-{house.namespace}", directory, namespaces=[house.namespace])
    return {"clusters": [entry], "state": {"interval_seconds": 1, **state}, **FAST}


def equals(get: Callable[[], object], wanted: object) -> Callable[[], bool | None]:
    return lambda: get() == wanted or None


def inside(house: House, directory: Path) -> Exporter:
    """Return an exporter that takes itself for one in a pod of this cluster."""
    account = directory / "account"
    account.mkdir(parents=True)
    token = f"keeper-{house.namespace}"
    (account / "token").write_text(token)
    (account / "ca.crt").write_bytes(house.server.ca_file.read_bytes())
    (account / "namespace").write_text(house.namespace)
    house.server.ensure_namespace("kube-system")
    house.server.grant(token, token, keep(house.namespace))
    (directory / "inside.py").write_text(INSIDE)
    host = urlsplit(house.server.url)
    command: list[str | Path] = [
        "env",
        f"KUBERNETES_SERVICE_HOST={host.hostname}",
        f"KUBERNETES_SERVICE_PORT={host.port}",
        sys.executable,
        directory / "inside.py",
        account,
    ]
    return Exporter(directory, settings_of(house, directory, {"backend": "auto"}), command=command)


@pytest.mark.parametrize("backend", ["file", "configmap"])
def test_a_process_that_is_ended_writes_and_the_next_one_counts_on(
    house: House, backend: str, tmp_path: Path
) -> None:
    state = {"backend": "file", "path": str(tmp_path / "state"), "interval_seconds": 3600}
    if backend == "file":
        exporter = Exporter(tmp_path / "exporter", settings_of(house, tmp_path, state))
    else:
        exporter = inside(house, tmp_path / "exporter")
        exporter.settings["state"]["interval_seconds"] = 3600
    with exporter:
        exporter.wait_ready()
        house.ran("first")
        wait_until(
            lambda: exporter.samples("kube_backup_existing_runs", outcome="succeeded")[0][1] == 2,
            "it is seen",
        )
        assert house.counted(exporter) == {}, "what is not saved is not shown"
        house.create("backups", backup("open", "InProgress", schedule="shop", namespace=house.namespace))
        wait_until(lambda: exporter.value("kube_backup_running", schedule="shop") == 1, "it is running")
    assert exporter.lines()[-1]["level"] != "error"
    house.ran("second", "Failed")
    house.server.patch(
        GROUP, VERSION, "backups", house.namespace, "open", {"status": {"phase": "PartiallyFailed"}}
    )
    with exporter:
        exporter.wait_ready()
        wait_until(lambda: house.counted(exporter).get("succeeded") == 1, "what was saved is shown")
    with exporter:
        exporter.wait_ready()
        wait_until(
            equals(lambda: house.counted(exporter), {"succeeded": 1, "failed": 1, "partial": 1}),
            "all are shown",
        )
        assert not [line for line in exporter.lines() if line["level"] in {"warning", "error"}]


def test_a_process_that_is_killed_loses_nothing_that_was_shown(house: House, tmp_path: Path) -> None:
    exporter = inside(house, tmp_path / "exporter")
    wanted: dict[str, float] = {}
    for life in range(4):
        exporter.start()
        exporter.wait_ready()
        wait_until(equals(lambda: house.counted(exporter), dict(wanted)), f"life {life} knows all")
        house.ran(f"shown-{life}")
        wanted["succeeded"] = wanted.get("succeeded", 0) + 1
        wait_until(equals(lambda: house.counted(exporter), dict(wanted)), "it is counted")
        exporter.signal(signal.SIGKILL)
        wait_until(lambda: exporter._process is not None and not exporter._process.running, "it is dead")
        exporter._process = None
        house.ran(f"missed-{life}", "Failed")
        wanted["failed"] = wanted.get("failed", 0) + 1


def test_memory_is_served_while_the_api_server_is_away(house: House, tmp_path: Path) -> None:
    state = {"backend": "file", "path": str(tmp_path / "state")}
    exporter = Exporter(tmp_path / "exporter", settings_of(house, tmp_path, state))
    names = ("schedule_deadline", "schedule_next_due", "last_success", "last_recovery_point")
    with exporter:
        exporter.wait_ready()
        house.ran("first")
        wait_until(lambda: house.counted(exporter) == {"succeeded": 1}, "it is counted")
        before = {
            name: exporter.value(f"kube_backup_{name}_timestamp_seconds", schedule="shop") for name in names
        }
    house.server.stop()
    try:
        with exporter:
            wait_until(lambda: exporter.value("backup_sentinel_cluster_up") == 0, "the outage is seen")
            for name in names:
                assert (
                    exporter.value(f"kube_backup_{name}_timestamp_seconds", schedule="shop") == before[name]
                )
            assert house.counted(exporter) == {"succeeded": 1}
            house.server.start()
            wait_until(lambda: exporter.value("backup_sentinel_cluster_up") == 1, "it is back", 60)
            house.ran("second")
            wait_until(lambda: house.counted(exporter) == {"succeeded": 2}, "it is counted", 60)
    finally:
        if house.server._process is None:
            house.server.start()


def test_a_right_that_is_missing_is_said_once_and_counters_stand_still(house: House, tmp_path: Path) -> None:
    exporter = inside(house, tmp_path / "exporter")
    token = f"keeper-{house.namespace}"
    house.server.grant(token, token, [])
    with exporter:
        exporter.wait_ready()
        failures = "backup_sentinel_state_save_failures_total"
        wait_until(lambda: (exporter.value(failures) or 0) > 2, "several attempts have failed")
        house.ran("first")
        wait_until(
            lambda: exporter.samples("kube_backup_existing_runs", outcome="succeeded")[0][1] == 2,
            "it is seen",
        )
        assert not exporter.samples(RUNS)
        [line] = [line for line in exporter.lines() if line["level"] == "error"]
        assert "is forbidden" in line["message"]
        assert "state.backend" in line["message"]
        house.server.grant(token, token, keep(house.namespace))
        wait_until(lambda: exporter.samples(RUNS, schedule="shop"), "counters are shown")
        wait_until(lambda: house.counted(exporter) == {"succeeded": 1}, "and move")


def test_a_pod_watches_its_own_cluster_and_those_of_labelled_secrets_and_remembers_both(
    house: House, tmp_path: Path
) -> None:
    server, namespace = house.server, house.namespace
    exporter = inside(house, tmp_path / "exporter")
    token = f"keeper-{namespace}"
    secrets: Rule = {"verbs": ["get", "list", "watch"], "groups": [""], "resources": ["secrets"]}
    server.grant(
        token,
        token,
        [*keep(namespace), VELERO, {**secrets, "namespaces": [namespace]}],
        groups=["system:authenticated"],
    )
    exporter.settings = {
        "clusters": [{"name": "home", "in_cluster": True, "namespaces": [namespace]}],
        "secrets": {"enabled": True},
        "state": {"backend": "auto", "interval_seconds": 1},
        **FAST,
    }

    def counted() -> dict[str, float]:
        return {
            labels["cluster"]: value
            for labels, value in exporter.samples(RUNS, schedule="shop", outcome="succeeded")
            if labels["resource_namespace"] == namespace
        }

    data = {
        "name": "remote",
        "server": server.url,
        "token": f"reader-{namespace}",
        "ca.crt": server.ca_file.read_text(),
    }
    secret = {
        "kind": "Secret",
        "metadata": {"name": "remote", "labels": {"backup-sentinel.io/cluster": "true"}},
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in data.items()},
    }
    with exporter:
        wait_until(equals(counted, {"home": 0}), "the own cluster is watched")
        server.create(*SECRETS, namespace, secret)
        wait_until(equals(counted, {"home": 0, "remote": 0}), "the Secret's is watched too")
        house.ran("first")
        wait_until(equals(counted, {"home": 1, "remote": 1}), "it is counted for both")
    keys = {key for made in maps(server, namespace) for key in made["binaryData"]}
    assert keys == {slot("home"), slot("remote")}
    house.ran("second")
    with exporter:
        wait_until(equals(counted, {"home": 2, "remote": 2}), "both have been remembered")
        server.delete(*SECRETS, namespace, "remote")
        wait_until(equals(counted, {"home": 2}), "the cluster went with its Secret")
    assert f"reader-{namespace}" not in exporter.log.read_text(encoding="utf-8")
