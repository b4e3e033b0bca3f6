import gzip
import http.client
import json
from urllib.parse import urlsplit

import aiohttp
import pytest

from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.cluster import SimulatedCluster
from demo.kit import BACKUPS, PATH, backup, fetch, fill, names, refusal


async def pages(client: aiohttp.ClientSession, limit: int, path: str = PATH) -> list[dict[str, object]]:
    found = [await fetch(client, path, limit=limit)]
    while token := found[-1]["metadata"].get("continue"):
        found.append(await fetch(client, path, **{"limit": limit, "continue": token}))
    return found


async def test_custom_resources_are_listed_with_sorted_keys(
    client: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    cluster.put(backup("b", metadata={"labels": {"z": "1", "a": "2"}}))
    async with client.get(PATH) as response:
        text = await response.text()
        assert response.content_type == "application/json"
    assert text.startswith(
        '{"apiVersion":"example.io/v1","items":[{"apiVersion":"example.io/v1","kind":"Backup","metadata":{"creation'
    )
    assert text.endswith('"kind":"BackupList","metadata":{"resourceVersion":"1003"}}\n')
    assert '"labels":{"a":"2","z":"1"},"name":"b","namespace":"ops","resourceVersion":"1003"' in text


async def test_core_resources_are_listed_without_type_in_their_items(
    client: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    cluster.put(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "c", "namespace": "ops"},
            "data": {"k": "v"},
        }
    )
    async with client.get("/api/v1/namespaces/ops/configmaps") as response:
        text = await response.text()
    assert text.startswith(
        '{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"1003"},"items":[{"metadata":{'
    )
    one = await fetch(client, "/api/v1/namespaces/ops/configmaps/c")
    assert list(one)[:2] == ["kind", "apiVersion"]
    assert one["data"] == {"k": "v"}


async def test_pages_share_a_revision_while_objects_change(
    client: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    fill(cluster, 10)
    first = await fetch(client, PATH, limit=4)
    assert first["metadata"]["remainingItemCount"] == 6
    cluster.delete(BACKUPS, "ops", "b000005")
    cluster.put(backup("b000004", spec={"changed": True}))
    cluster.put(backup("b0000045"))
    second = await fetch(client, PATH, **{"limit": 4, "continue": first["metadata"]["continue"]})
    third = await fetch(client, PATH, **{"limit": 4, "continue": second["metadata"]["continue"]})
    assert names(second) + names(third) == [f"b{number:06}" for number in range(4, 10)]
    assert second["items"][0]["spec"] == {}
    assert {page["metadata"]["resourceVersion"] for page in (first, second, third)} == {str(1002 + 10)}
    assert "continue" not in third["metadata"]
    assert len(names(await fetch(client, PATH))) == 10


async def test_a_token_expires_with_compaction(
    client: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    fill(cluster, 5)
    token = (await fetch(client, PATH, limit=2))["metadata"]["continue"]
    cluster.put(backup("b0000015"))
    cluster.compact()
    status = await refusal(client, PATH, params={"limit": "2", "continue": token})
    assert (status["code"], status["reason"]) == (410, "Expired")
    rest = await fetch(client, PATH, **{"continue": status["metadata"]["continue"]})
    assert names(rest) == ["b000002", "b000003", "b000004"]
    assert (await refusal(client, PATH, params={"continue": "nonsense"}))["code"] == 400


async def test_namespaces_and_selectors(client: aiohttp.ClientSession, cluster: SimulatedCluster) -> None:
    for number, space in enumerate(("a", "a-b", "b", "a")):
        cluster.put(backup(f"n{number}", space, metadata={"labels": {"tier": str(number % 2)}}))
    cluster.put(backup("bare", "a"))
    assert names(await fetch(client, "/apis/example.io/v1/namespaces/a/backups")) == ["bare", "n0", "n3"]
    assert names(await fetch(client, "/apis/example.io/v1/namespaces/a-b/backups")) == ["n1"]
    assert names(await fetch(client, "/apis/example.io/v1/namespaces/none/backups")) == []
    assert sorted(names(await fetch(client, PATH, labelSelector="tier=1"))) == ["n1", "n3"]
    assert sorted(names(await fetch(client, PATH, labelSelector="tier,tier!=1"))) == ["n0", "n2"]
    assert names(await fetch(client, PATH, labelSelector="!tier")) == ["bare"]
    assert names(await fetch(client, PATH, fieldSelector="metadata.name=n2")) == ["n2"]
    assert names(
        await fetch(client, PATH, fieldSelector="metadata.namespace==a,metadata.name!=n0,metadata.name!=n3")
    ) == ["bare"]
    cluster.put(backup("typed", "c", spec={"type": {"of": "full"}}))
    assert names(await fetch(client, PATH, fieldSelector="spec.type.of=full")) == ["typed"]
    assert "typed" not in names(await fetch(client, PATH, fieldSelector="spec.type.of!=full"))
    assert (await refusal(client, PATH, params={"fieldSelector": "spec.other=1"}))["code"] == 400
    assert (await refusal(client, PATH, params={"labelSelector": "tier in (1)"}))["code"] == 400
    chosen = await fetch(client, PATH, labelSelector="tier=0", limit=1)
    assert "remainingItemCount" not in chosen["metadata"]
    more = await fetch(
        client, PATH, **{"labelSelector": "tier=0", "continue": chosen["metadata"]["continue"]}
    )
    assert names(chosen) + names(more) == ["n2", "n0"] or names(chosen) + names(more) == ["n0", "n2"]


async def test_revisions_of_lists(client: aiohttp.ClientSession, cluster: SimulatedCluster) -> None:
    fill(cluster, 3)
    assert len(names(await fetch(client, PATH, resourceVersion=0, limit=1))) == 3
    exact = await fetch(client, PATH)
    cluster.put(backup("later"))
    at = exact["metadata"]["resourceVersion"]
    assert names(await fetch(client, PATH, resourceVersion=at, resourceVersionMatch="Exact")) == names(exact)
    assert len(names(await fetch(client, PATH, resourceVersion=at))) == 4
    status = await refusal(client, PATH, params={"resourceVersion": "999999"})
    assert (status["code"], status["details"]["causes"][0]["reason"]) == (504, "ResourceVersionTooLarge")


async def test_big_lists_are_compressed_when_asked(server: SimulatedApiServer) -> None:
    fill(server.cluster, 800)
    async with aiohttp.ClientSession(server.url, auto_decompress=False) as client:
        async with client.get(PATH, headers={"Accept-Encoding": "gzip"}) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert len(json.loads(gzip.decompress(await response.read()))["items"]) == 800
        async with client.get(PATH, headers={"Accept-Encoding": "identity"}) as response:
            assert "Content-Encoding" not in response.headers
        async with client.get(f"{PATH}?limit=2", headers={"Accept-Encoding": "gzip"}) as response:
            assert "Content-Encoding" not in response.headers


async def test_people_get_it_pretty(client: aiohttp.ClientSession) -> None:
    async with client.get(PATH, headers={"User-Agent": "curl/8.1"}) as response:
        assert '\n  "items": []' in await response.text()


async def test_discovery(client: aiohttp.ClientSession, cluster: SimulatedCluster) -> None:
    assert (await fetch(client, "/api"))["versions"] == ["v1"]
    assert {entry["name"] for entry in (await fetch(client, "/api/v1"))["resources"]} == {
        "namespaces",
        "configmaps",
        "secrets",
        "events",
    }
    groups = (await fetch(client, "/apis"))["groups"]
    assert [group["name"] for group in groups] == ["example.io"]
    assert groups[0].items() <= (await fetch(client, "/apis/example.io")).items()
    listed = {entry["name"]: entry for entry in (await fetch(client, "/apis/example.io/v1"))["resources"]}
    assert set(listed) == {"backups", "plans", "plans/status"}
    assert listed["backups"]["shortNames"] == ["bak"]
    assert (await fetch(client, "/version"))["gitVersion"] == cluster.version
    assert (await refusal(client, "/apis/other.io/v1"))["code"] == 404
    async with client.get("/readyz") as response:
        assert await response.text() == "ok"


async def test_uninstalled_types_are_404(client: aiohttp.ClientSession, cluster: SimulatedCluster) -> None:
    cluster.put(backup("b"))
    cluster.uninstall(BACKUPS)
    assert (await refusal(client, PATH))["reason"] == "NotFound"
    with pytest.raises(KeyError):
        cluster.put(backup("b"))
    cluster.install(BACKUPS)
    assert names(await fetch(client, PATH)) == []


async def test_plain_http_client(server: SimulatedApiServer) -> None:
    """A client from another world, in a thread, sees the same."""
    import asyncio

    fill(server.cluster, 2)

    def ask() -> tuple[int, dict[str, object]]:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=5)
        connection.request("GET", PATH)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        return answer.status, body

    status, body = await asyncio.to_thread(ask)
    assert (status, len(body["items"])) == (200, 2)  # type: ignore[arg-type]


async def test_journal(server: SimulatedApiServer, client: aiohttp.ClientSession) -> None:
    await fetch(client, PATH, limit=7)
    entry = server.journal.find("list", "backups.example.io")[0]
    assert (entry.query, entry.status, entry.path) == ({"limit": "7"}, 200, PATH)
    assert entry.user_agent.startswith("Python/")
    assert server.journal.find("list", "backups") == [entry]
    with pytest.raises(TimeoutError):
        await server.journal.wait("watch", seconds=0.01)


async def test_a_hundred_thousand_objects(client: aiohttp.ClientSession, cluster: SimulatedCluster) -> None:
    fill(cluster, 100_000)
    found = await pages(client, 20_000)
    assert [len(page["items"]) for page in found] == [20_000] * 5  # type: ignore[arg-type]
