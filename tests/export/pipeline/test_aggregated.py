"""An API server behind the main one: polled, without versions or pages, gone for a while, not installed at first."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from backup_sentinel.export.pipeline import Pipeline
from backup_sentinel.export.profile import load_profiles
from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.export.store import Feed
from backup_sentinel.kube.discovery import Discovery
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.kube.timing import Timing
from backup_sentinel.telemetry import Telemetry
from kube.scripted import Answer, Server, body, status

ACTIONS = "/apis/actions.kio.kasten.io/v1alpha1"
CONFIG = "/apis/config.kio.kasten.io/v1alpha1"
BACKUPS = f"{ACTIONS}/backupactions"
QUICK = Timing(discovery=0.02, first_pause=0.01, longest_pause=0.05)
PATIENCE = 20.0


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let answers of the discovery live shorter than these tests."""
    defaults = Discovery.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "life", 0.02)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    running = await Server().start()
    yield running
    await running.stop()


def served(*plurals: str, verbs: tuple[str, ...] = ("get", "list")) -> Answer:
    resources = [{"name": name, "kind": "K", "namespaced": True, "verbs": list(verbs)} for name in plurals]
    return body({"kind": "APIResourceList", "groupVersion": "g/v1", "resources": resources})


def listed(kind: str, *items: dict[str, Any]) -> Answer:
    """Answer with everything at once, and with nothing that other API servers say of a list."""
    return body({"kind": f"{kind}List", "metadata": {}, "items": list(items)})


def action(name: str, state: str = "Complete", **more: Any) -> dict[str, Any]:
    labels = {
        "k10.kasten.io/policyName": "daily",
        "k10.kasten.io/policyNamespace": "kasten-io",
        "k10.kasten.io/appName": "shop",
    }
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "creationTimestamp": "2026-03-05T00:00:00Z",
            "labels": labels,
        },
        "status": {"state": state, "startTime": "2026-03-05T00:00:01Z", **more},
    }


POLICY = {
    "metadata": {"name": "daily", "namespace": "kasten-io", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {"frequency": "@daily", "actions": [{"action": "backup"}]},
    "status": {"validation": "Success"},
}


class Running:
    """A pipeline that reads one cluster."""

    def __init__(self, server: Server, *operators: str) -> None:
        cluster = ClusterSettings(name="prod", api_url=server.url, token="no-secret", poll_interval=0.02)
        self.pipeline = Pipeline(
            [cluster], load_profiles(operators=operators), ExportSettings(), telemetry=Telemetry(), timing=QUICK
        )  # fmt: skip

    def feed(self, resource: str) -> Feed:
        [feed] = [feed for key, feed in self.pipeline.store.feeds.items() if key.resource == resource]
        return feed

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(server: Server, *operators: str) -> AsyncIterator[Running]:
    run = Running(server, *operators)
    task = asyncio.create_task(run.pipeline.watch())
    try:
        yield run
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_polled_without_versions(server: Server) -> None:
    server.on(ACTIONS, served("backupactions"))
    server.on(
        BACKUPS, listed("BackupAction", action("one", "Running")), listed("BackupAction", action("one"))
    )
    async with running(server, "kasten") as run:
        feed = run.feed("backupactions.actions.kio.kasten.io")
        await run.until(lambda: feed.lists.success >= 3)
        assert len(feed) == 1
        assert feed.up is True
        assert not [seen for seen in server.asked(BACKUPS) if seen.is_watch]
        assert server.asked(BACKUPS)[0].query["limit"]


@pytest.mark.parametrize("way", ["503", "404 of the group", "503 of the group", "group without resources"])
async def test_an_api_that_is_away_is_stale_and_not_empty(server: Server, way: str) -> None:
    server.on(ACTIONS, served("backupactions"))
    server.on(BACKUPS, listed("BackupAction", action("one", "Failed", error={"message": "bucket is full"})))
    async with running(server, "kasten") as run:
        feed = run.feed("backupactions.actions.kio.kasten.io")
        await run.until(lambda: feed.synced)
        contact = feed.last_contact
        away = status(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        gone = status(404, "NotFound", "the server could not find the requested resource")
        server.on(BACKUPS, gone if "group" in way else away)
        server.on(
            ACTIONS,
            {"503": served("backupactions"), "404 of the group": gone, "503 of the group": away}.get(
                way, served()
            ),
        )
        await run.until(lambda: feed.up is False)
        assert len(feed) == 1
        streams = [
            stream for known in run.pipeline.store.installations() for stream in known.streams.values()
        ]
        assert [stream.memory.newest.message for stream in streams if stream.memory.newest] == [
            "bucket is full"
        ]
        assert contact is not None
        server.on(ACTIONS, served("backupactions"))
        server.on(BACKUPS, listed("BackupAction", action("two")))
        await run.until(lambda: feed.up is True and bool(feed.get("shop", "two")))
        assert not feed.get("shop", "one")


async def test_an_operator_that_appears_later_is_picked_up(server: Server) -> None:
    """Until then only the discovery of its groups is asked for, and nothing is listed."""
    async with running(server, "kasten") as run:
        policies = run.feed("policies.config.kio.kasten.io")
        await run.until(lambda: len(server.asked(CONFIG)) >= 2)
        assert policies.up is None
        assert {seen.path for seen in server.requests} <= {"/apis"} | {
            f"/apis/{group}.kio.kasten.io/v1alpha1" for group in ("actions", "config", "repositories")
        }
        server.on(CONFIG, served("policies", verbs=("get", "list", "watch")))
        server.on(f"{CONFIG}/policies", listed("Policy", POLICY))
        await run.until(lambda: policies.synced)
        [owner] = run.pipeline.store.installations()
        assert {key.action for key in owner.streams} == {"backup", "run"}


async def test_events_are_read_only_where_their_operator_is_installed(server: Server) -> None:
    group = "/apis/kubedr.catalogicsoftware.com/v1alpha1"
    server.on("/api/v1", served("events", verbs=("get", "list", "watch")))
    server.on("/api/v1/events", listed("Event"))
    async with running(server, "kubedr") as run:
        await run.until(lambda: len(server.asked(group)) >= 3)
        assert not server.asked("/api/v1/events")
        server.on(group, served("metadatabackuppolicies"))
        server.on(f"{group}/metadatabackuppolicies", listed("MetadataBackupPolicy"))
        await run.until(lambda: bool(server.asked("/api/v1/events")))
        assert (
            server.asked("/api/v1/events")[0].query["fieldSelector"].startswith("involvedObject.kind!=Pod,")
        )


async def test_jobs_are_chosen_by_the_server(server: Server) -> None:
    server.on("/apis/batch/v1", served("jobs", "cronjobs"))
    for plural, kind in (("jobs", "Job"), ("cronjobs", "CronJob")):
        server.on(f"/apis/batch/v1/{plural}", listed(kind))
    async with running(server, "jobs") as run:
        await run.until(lambda: all(server.asked(f"/apis/batch/v1/{name}") for name in ("jobs", "cronjobs")))
        assert server.asked("/apis/batch/v1/jobs")[0].query["labelSelector"] == "backup-sentinel.io/backup"
        assert "labelSelector" not in server.asked("/apis/batch/v1/cronjobs")[0].query
