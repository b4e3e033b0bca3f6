"""One task finds out what a cluster serves, and waits for what it does not."""

import asyncio
from contextlib import aclosing

from backup_sentinel.kube.change import Outage
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.discovery import GROUPS, Discovery
from backup_sentinel.kube.resource import ResourceType, Served
from backup_sentinel.kube.scout import Scout
from backup_sentinel.kube.timing import Timing
from kube.following import VELERO_BACKUPS
from kube.scripted import GROUP, FakeClock, Server, discovery, groups, silence, status, text

OTHER = "/apis/other.io/v1"
OTHERS = ResourceType("other.io", ("v1",), "others")
NODES = ResourceType("", ("v1",), "nodes", namespaced=False)


def scout(client: Client, clock: FakeClock, **timing: float) -> Scout:
    return Scout(Discovery(client, clock), clock=clock, timing=Timing(**timing), rand=lambda: 0.5)  # type: ignore[arg-type]


async def seen(scout: Scout, *wanted: ResourceType, count: int) -> list[tuple[int, str]]:
    """Return the first things that are found out, in short, those of one look in the order of their places."""
    found: list[tuple[int, str]] = []
    async with asyncio.timeout(10), aclosing(scout.look(wanted)) as looks:
        async for place, what in looks:
            word = f"outage: {what.error.reason}" if isinstance(what, Outage) else type(what).__name__.lower()
            found.append((place, word))
            if len(found) == count:
                break
    return found


def paths(server: Server) -> list[str]:
    return [request.path for request in server.requests]


async def test_one_request_for_all_that_is_not_served(
    server: Server, client: Client, clock: FakeClock
) -> None:
    server.on(GROUPS, groups("apps/v1"))
    began = clock.now()
    found = await seen(scout(client, clock, discovery=120.0), VELERO_BACKUPS, OTHERS, count=4)
    assert found == [(0, "missing"), (1, "missing")] * 2
    assert paths(server) == [GROUPS] * 2
    assert 0.8 * 120 <= clock.now() - began <= 1.2 * 120


async def test_ends_when_all_is_served(server: Server, client: Client, clock: FakeClock) -> None:
    server.on(GROUPS, groups("velero.io/v1", "other.io/v1"))
    server.on(GROUP, discovery())
    server.on(OTHER, discovery(plural="others"))
    found = [place async for place, what in scout(client, clock).look([VELERO_BACKUPS, OTHERS])]
    assert sorted(found) == [0, 1]
    assert not clock.slept


async def test_later_installed_is_found_and_told_once(
    server: Server, client: Client, clock: FakeClock
) -> None:
    server.on(GROUPS, groups("velero.io/v1"), groups("velero.io/v1"), groups("velero.io/v1", "other.io/v1"))
    server.on(GROUP, discovery())
    server.on(OTHER, discovery(plural="others"))
    found = await seen(scout(client, clock), OTHERS, VELERO_BACKUPS, count=4)
    assert found == [(0, "missing"), (1, "served"), (0, "missing"), (0, "served")]
    assert paths(server) == [GROUPS, GROUP, GROUPS, GROUPS, OTHER]


async def test_a_group_that_hangs_holds_up_no_other(server: Server, client: Client, clock: FakeClock) -> None:
    server.on(GROUPS, groups("velero.io/v1", "other.io/v1"))
    server.on(GROUP, discovery())
    server.on(OTHER, silence())
    assert await seen(scout(client, clock), OTHERS, VELERO_BACKUPS, count=1) == [(1, "served")]


async def test_a_group_that_is_broken_is_an_outage_and_asked_again(
    server: Server, client: Client, clock: FakeClock
) -> None:
    server.on(GROUPS, groups("velero.io/v1", "other.io/v1"))
    server.on(GROUP, discovery())
    server.on(OTHER, status(503, "ServiceUnavailable", "no endpoints"), discovery(plural="others"))
    found = await seen(scout(client, clock), OTHERS, VELERO_BACKUPS, count=3)
    assert sorted(found[:2]) == [(0, "outage: server_error"), (1, "served")]
    assert found[2] == (0, "served")
    assert len(clock.slept) == 1
    assert clock.slept[0] <= Timing().longest_pause


async def test_where_all_groups_may_not_be_listed_each_is_asked(
    server: Server, client: Client, clock: FakeClock
) -> None:
    server.on(GROUPS, status(403, "Forbidden", "no"))
    server.on(GROUP, discovery())
    server.on(OTHER, text("404 page not found\n", 404))
    found = await seen(scout(client, clock), VELERO_BACKUPS, OTHERS, count=2)
    assert sorted(found) == [(0, "served"), (1, "missing")]
    assert set(paths(server)) == {GROUPS, GROUP, OTHER}


async def test_the_core_group_is_not_in_the_list_of_groups(
    server: Server, client: Client, clock: FakeClock
) -> None:
    server.on(GROUPS, groups("velero.io/v1"))
    server.on("/api/v1", discovery(plural="nodes"))
    assert await seen(scout(client, clock), NODES, count=1) == [(0, "served")]


async def test_a_cluster_that_does_not_answer_is_asked_once_per_look(
    server: Server, client: Client, clock: FakeClock
) -> None:
    server.on(GROUPS, status(503, "ServiceUnavailable", "etcd is away"))
    found = await seen(scout(client, clock), VELERO_BACKUPS, OTHERS, count=6)
    assert found == [(0, "outage: server_error"), (1, "outage: server_error")] * 3
    assert paths(server) == [GROUPS] * 3
    assert clock.slept[0] < clock.slept[1], "the pause grows"


async def test_served_says_how(server: Server, client: Client, clock: FakeClock) -> None:
    server.on(GROUPS, groups("velero.io/v1"))
    server.on(GROUP, discovery(verbs=["list"]))
    [(_, served)] = [found async for found in scout(client, clock).look([VELERO_BACKUPS])]
    assert isinstance(served, Served)
    assert served.path() == f"{GROUP}/backups"
    assert not served.watchable


async def test_an_end_in_the_middle_leaves_no_request_behind(
    server: Server, client: Client, clock: FakeClock
) -> None:
    server.on(GROUPS, groups("velero.io/v1", "other.io/v1"))
    server.on(GROUP, silence())
    server.on(OTHER, silence())

    async def wait() -> None:
        async for _ in scout(client, clock).look([VELERO_BACKUPS, OTHERS]):
            raise AssertionError

    waiting = asyncio.create_task(wait())
    await server.until_hanging(2)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await server.until_hanging(0)
