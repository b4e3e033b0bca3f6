import asyncio

import pytest

from backup_sentinel.errors import ApiError
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.discovery import Discovery
from backup_sentinel.kube.resource import ResourceType
from kube.following import VELERO_BACKUPS
from kube.scripted import GROUP, Answer, FakeClock, Server, body, discovery, groups, status, text


async def test_served(server: Server, client: Client, clock: FakeClock) -> None:
    server.on(GROUP, discovery(verbs=["get", "list"]))
    served = await Discovery(client, clock).find(VELERO_BACKUPS)
    assert served is not None
    assert (served.version, served.kind, served.watchable) == ("v1", "Backup", False)
    assert served.path() == f"{GROUP}/backups"
    assert served.path("n") == f"{GROUP}/namespaces/n/backups"


async def test_first_version_that_is_served_wins(server: Server, client: Client, clock: FakeClock) -> None:
    wanted = ResourceType("velero.io", ("v3", "v2", "v1"), "backups")
    server.on("/apis/velero.io/v2", discovery(plural="others"))
    server.on(GROUP, discovery())
    served = await Discovery(client, clock).find(wanted)
    assert served is not None
    assert served.version == "v1"


async def test_core_group_and_cluster_scope(server: Server, client: Client, clock: FakeClock) -> None:
    wanted = ResourceType("", ("v1",), "nodes", namespaced=False)
    server.on("/api/v1", discovery(plural="nodes"))
    served = await Discovery(client, clock).find(wanted)
    assert served is not None
    assert served.path("ignored") == "/api/v1/nodes"
    assert (str(wanted), str(VELERO_BACKUPS)) == ("nodes", "backups.velero.io")


@pytest.mark.parametrize(
    "answer",
    [
        text("404 page not found\n", 404),
        status(404, "NotFound", "the server could not find the requested resource"),
        discovery(plural="schedules"),
        body({"kind": "APIResourceList", "resources": None}),
        body({"kind": "APIResourceList", "resources": []}),
    ],
)
async def test_not_installed(server: Server, client: Client, clock: FakeClock, answer: Answer) -> None:
    server.on(GROUP, answer)
    assert await Discovery(client, clock).find(VELERO_BACKUPS) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (text("service unavailable", 503), "server_error"),
        (status(503, http=200), "server_error"),
        (body({"kind": "Other", "resources": []}), "bad_answer"),
        (body({"kind": "APIResourceList"}), "bad_answer"),
        (text("not here", 404), "bad_answer"),
        (status(403), "forbidden"),
    ],
)
async def test_cannot_tell(
    server: Server, client: Client, clock: FakeClock, answer: Answer, reason: str
) -> None:
    server.on(GROUP, answer)
    with pytest.raises(ApiError) as caught:
        await Discovery(client, clock).find(VELERO_BACKUPS)
    assert caught.value.reason == reason


async def test_one_question_for_all_resources_of_a_group(
    server: Server, client: Client, clock: FakeClock
) -> None:
    server.on(GROUP, discovery())
    shared = Discovery(client, clock)
    others = [ResourceType("velero.io", ("v1",), plural) for plural in ("backups", "schedules", "restores")]
    found = await asyncio.gather(*(shared.find(wanted) for wanted in others))
    assert [served is not None for served in found] == [True, False, False]
    assert [seen.path for seen in server.requests] == ["/apis", GROUP]
    clock.time += 21
    await shared.find(VELERO_BACKUPS)
    shared.forget(VELERO_BACKUPS)
    await shared.find(VELERO_BACKUPS)
    assert [seen.path for seen in server.requests] == ["/apis", GROUP] * 3


async def test_a_group_that_is_not_offered_is_not_asked_for(
    server: Server, client: Client, clock: FakeClock
) -> None:
    server.on("/apis", groups("apps/v1", "velero.io/v1"))
    server.on(GROUP, discovery())
    shared = Discovery(client, clock)
    assert await shared.find(VELERO_BACKUPS) is not None
    assert await shared.find(ResourceType("velero.io", ("v2", "v1"), "backups")) is not None
    assert await shared.find(ResourceType("other.io", ("v1",), "backups")) is None
    assert [seen.path for seen in server.requests] == ["/apis", GROUP]


@pytest.mark.parametrize(
    "answer",
    [status(403, "Forbidden", "no"), body({"kind": "APIGroupList", "groups": []}), text("<html>", 200)],
)
async def test_where_groups_cannot_be_asked_for_each_is(
    server: Server, client: Client, clock: FakeClock, answer: Answer
) -> None:
    server.on("/apis", answer)
    server.on(GROUP, discovery())
    assert await Discovery(client, clock).find(VELERO_BACKUPS) is not None


async def test_error_is_not_remembered(server: Server, client: Client, clock: FakeClock) -> None:
    server.on(GROUP, status(503), discovery())
    shared = Discovery(client, clock)
    with pytest.raises(ApiError):
        await shared.find(VELERO_BACKUPS)
    assert await shared.find(VELERO_BACKUPS)
