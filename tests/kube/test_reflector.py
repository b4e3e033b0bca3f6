"""The loop as a whole: what is served, how it waits, what it leaves behind."""

import asyncio
from collections import Counter

import pytest

from backup_sentinel.kube.access import Access
from backup_sentinel.kube.change import Observer, Outage
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.reflector import Reflector
from backup_sentinel.kube.resource import Served
from backup_sentinel.kube.settings import ClusterSettings
from kube.following import VELERO_BACKUPS, MakeReflector, brief, take
from kube.scripted import (
    BACKUPS,
    GROUP,
    FakeClock,
    NameDecoder,
    Server,
    added,
    backup,
    bookmark,
    discovery,
    event,
    page,
    silence,
    status,
    status_object,
    stream,
    text,
)


async def test_lists_in_pages_then_watches(server: Server, reflector: MakeReflector) -> None:
    server.serve()
    server.on(BACKUPS, page("a", "b", token="next"), page("c"), kind="list")
    server.on(
        BACKUPS,
        stream(
            added("d", 11),
            event("MODIFIED", backup("a", 12)),
            event("DELETED", backup("b", 13)),
            bookmark(20),
        ),
        stream(then="hang"),
        kind="watch",
    )

    assert brief(await take(reflector(), 8)) == ["[a b", "c]", ".", "+d", "+a", "-b", ".", "."]

    lists, watches = server.asked(kind="list"), server.asked(kind="watch")
    assert [seen.query for seen in lists] == [{"limit": "500"}, {"limit": "500", "continue": "next"}]
    assert [seen.query["resourceVersion"] for seen in watches] == ["10", "20"]
    assert all(seen.query["allowWatchBookmarks"] == "true" for seen in watches)
    assert all(240 <= int(seen.query["timeoutSeconds"]) <= 300 for seen in watches)


async def test_not_installed_is_asked_again(
    server: Server, reflector: MakeReflector, clock: FakeClock
) -> None:
    server.on(GROUP, text("404 page not found\n", 404), discovery(plural="others"), discovery())
    server.on(BACKUPS, page("a"), kind="list")
    server.on(BACKUPS, status(422), kind="stream")
    assert brief(await take(reflector(), 3)) == ["0", "0", "[a]"]
    assert clock.slept == [120, 120]


async def test_backend_of_an_aggregated_api_that_is_down_is_an_outage(
    server: Server, reflector: MakeReflector
) -> None:
    server.on(GROUP, text("service unavailable", 503))
    assert brief(await take(reflector(), 2)) == ["!server_error", "!server_error"]


async def test_uninstalled_while_watching(server: Server, reflector: MakeReflector) -> None:
    server.on(GROUP, discovery(), text("404 page not found\n", 404))
    server.on(BACKUPS, status(422), kind="stream")
    server.on(BACKUPS, page("a"), kind="list")
    server.on(BACKUPS, stream(), status(404, "NotFound", "not found"), kind="watch")
    assert brief(await take(reflector(), 3)) == ["[a]", ".", "0"]


async def test_404_of_what_discovery_promises_becomes_an_outage(
    server: Server, reflector: MakeReflector
) -> None:
    server.serve()
    server.on(BACKUPS, status(404, "NotFound", "not found"), kind="any")
    assert brief(await take(reflector(), 1)) == ["!not_served"]
    assert len(server.asked(GROUP)) == 2


async def test_404_of_somebody_else_is_not_missing(server: Server, reflector: MakeReflector) -> None:
    server.on(GROUP, text("default backend - 404", 404))
    assert brief(await take(reflector(), 1)) == ["!bad_answer"]


async def test_without_the_verb_watch_it_polls(
    server: Server, reflector: MakeReflector, clock: FakeClock
) -> None:
    server.serve(verbs=["get", "list"])
    server.on(BACKUPS, page("a"), kind="list")
    follower = reflector()
    assert brief(await take(follower, 3)) == ["[a]"] * 3
    assert clock.slept == [60, 60]
    assert server.asked(kind="stream") == []


async def test_polls_where_told_to(server: Server, reflector: MakeReflector, clock: FakeClock) -> None:
    server.serve()
    server.on(BACKUPS, page("a"), status(500), page("a"), kind="list")
    follower = reflector(poll_interval=300.0)
    assert brief(await take(follower, 3)) == ["[a]", "!server_error", "[a]"]
    assert clock.slept[0] == 300
    assert 300 * 1.1 < follower.max_silence < 450


async def test_one_namespace(server: Server, reflector: MakeReflector) -> None:
    path = f"{GROUP}/namespaces/velero/backups"
    server.on(GROUP, discovery())
    server.on(path, status(422), kind="stream")
    server.on(path, page("a"), kind="list")
    server.on(path, stream(added("b", 11), then="hang"), kind="watch")
    assert brief(await take(reflector(namespace="velero"), 3)) == ["[a]", ".", "+b"]


async def test_streams_that_end_without_a_word_are_no_sign_of_life_and_no_hot_loop(
    server: Server, reflector: MakeReflector, clock: FakeClock
) -> None:
    server.serve()
    server.on(BACKUPS, page("a"), kind="list")
    server.on(BACKUPS, stream(), kind="watch")
    started = clock.now()
    assert brief(await take(reflector(), 92)) == ["[a]", ".", *["!bad_answer"] * 90]
    assert len(server.asked(kind="watch")) == 99
    assert clock.now() - started > 90 * 15


async def test_no_hot_loop_between_list_and_expired_watch(
    server: Server, reflector: MakeReflector, clock: FakeClock
) -> None:
    server.serve()
    server.on(BACKUPS, page("a"), kind="list")
    server.on(BACKUPS, status(410, "Expired"), kind="watch")
    started = clock.now()
    await take(reflector(), 50)
    assert clock.now() - started > 40 * 15


async def test_outage_keeps_the_version_and_does_not_list_again(
    server: Server, reflector: MakeReflector, clock: FakeClock
) -> None:
    server.serve()
    server.on(BACKUPS, page("a"), kind="list")
    server.on(BACKUPS, stream(added("b", 11)), *[status(500)] * 20, stream(then="hang"), kind="watch")
    changes = brief(await take(reflector(), 24))
    assert changes == ["[a]", ".", "+b"] + ["!server_error"] * 20 + ["."]
    assert len(server.asked(kind="list")) == 1
    assert server.asked(kind="watch")[-1].query["resourceVersion"] == "11"
    assert 15 <= max(clock.slept) <= 30


async def test_healthy_stream_forgets_earlier_failures(
    server: Server, reflector: MakeReflector, clock: FakeClock
) -> None:
    server.serve()
    server.on(BACKUPS, page("a"), kind="list")
    server.on(BACKUPS, *[status(500)] * 8, stream(bookmark(20)), stream(then="hang"), kind="watch")
    changes = reflector().changes()
    for _ in range(10):
        await anext(changes)
    clock.time += 31
    await anext(changes)
    await anext(changes)
    await changes.aclose()
    assert clock.slept[-2] > 10
    assert clock.slept[-1] < 1


@pytest.mark.parametrize(("header", "least"), [("7", 7), ("100000", 300), ("nonsense", 0)])
async def test_waits_as_long_as_the_server_asks(
    server: Server, reflector: MakeReflector, clock: FakeClock, header: str, least: float
) -> None:
    server.serve()
    server.on(BACKUPS, text("Too many requests", 429, Retry_After=header), page("a"), kind="list")
    assert brief(await take(reflector(), 2)) == ["!throttled", "[a]"]
    assert least < clock.slept[0] < least + 30


async def test_waits_as_long_as_an_error_event_asks(
    server: Server, reflector: MakeReflector, clock: FakeClock
) -> None:
    server.serve()
    busy = status_object(429, "TooManyRequests") | {"details": {"retryAfterSeconds": 9}}
    server.on(BACKUPS, page("a"), kind="list")
    server.on(BACKUPS, stream(event("ERROR", busy)), stream(then="hang"), kind="watch")
    assert brief(await take(reflector(), 4)) == ["[a]", ".", "!throttled", "."]
    assert clock.slept[-1] > 9


async def test_gate_limits_lists_over_all_clusters(server: Server, reflector: MakeReflector) -> None:
    server.serve()
    server.on(BACKUPS, silence(), kind="list")
    gate = asyncio.Semaphore(2)
    tasks = [asyncio.create_task(take(reflector(gate=gate), 1)) for _ in range(6)]
    await server.until_hanging(2)
    await asyncio.sleep(0.05)
    assert len(server.asked(kind="list")) == 2
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not gate.locked()


@pytest.mark.parametrize("kind", ["list", "stream", "watch"])
async def test_cancelling_closes_the_connection_and_leaves_no_task(
    server: Server, reflector: MakeReflector, kind: str
) -> None:
    server.serve()
    server.on(BACKUPS, page("a"), kind="list")
    server.on(BACKUPS, silence() if kind == "list" else stream(then="hang"), kind=kind)
    before = asyncio.all_tasks()

    task = asyncio.create_task(take(reflector(), 100))
    await server.until_hanging(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.until_hanging(0)
    ours = {left for left in asyncio.all_tasks() - before if "RequestHandler" not in repr(left)}
    assert ours == set()


async def test_broken_credentials_are_an_outage_of_this_cluster(clock: FakeClock, server: Server) -> None:
    settings = ClusterSettings(name="prod", api_url=server.url, token_file="/nowhere/token")
    async with Client(Access(settings, clock), clock) as client:
        follower = Reflector(client, VELERO_BACKUPS, NameDecoder(), clock=clock, gate=asyncio.Semaphore(1))
        (change,) = await take(follower, 1)
    assert isinstance(change, Outage)
    assert change.error.reason == "credentials"
    assert "/nowhere/token" in str(change.error)
    assert server.requests == []


class Counting(Observer):
    def __init__(self) -> None:
        self.seen: Counter[tuple[str, ...]] = Counter()

    def listed(self, resource: str, result: str) -> None:
        self.seen["listed", resource, result] += 1

    def watched(self, resource: str, result: str) -> None:
        self.seen["watched", resource, result] += 1

    def event(self, resource: str, kind: str) -> None:
        self.seen["event", resource, kind] += 1


async def test_observer_is_told(server: Server, reflector: MakeReflector) -> None:
    server.serve()
    server.on(BACKUPS, status(500), page("a"), kind="list")
    server.on(BACKUPS, stream(added("b", 11), bookmark(12)), status(401), stream(then="hang"), kind="watch")
    observer = Counting()
    await take(reflector(observer=observer), 7)
    assert observer.seen == {
        ("listed", "backups.velero.io", "server_error"): 1,
        ("listed", "backups.velero.io", "success"): 1,
        ("event", "backups.velero.io", "ADDED"): 1,
        ("event", "backups.velero.io", "BOOKMARK"): 1,
        ("watched", "backups.velero.io", "success"): 1,
        ("watched", "backups.velero.io", "unauthorized"): 1,
    }


async def test_max_silence_covers_a_watch_and_its_renewal(reflector: MakeReflector) -> None:
    follower = reflector()
    follower._served = Served(VELERO_BACKUPS, "v1", "Backup", frozenset({"watch"}))
    assert 300 + 30 + 30 < follower.max_silence < 600
