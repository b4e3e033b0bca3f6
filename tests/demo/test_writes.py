import json
from typing import Any

import aiohttp
import pytest

from backup_sentinel.demo.cluster import SimulatedCluster
from demo.kit import BACKUPS, backup, fetch, refusal

MAPS = "/api/v1/namespaces/ops/configmaps"
MERGE = {"Content-Type": "application/merge-patch+json"}


def config_map(name: str = "state", **metadata: object) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "binaryData": {"a": "eA=="},
    }


async def send(
    client: aiohttp.ClientSession, method: str, path: str, body: object, **options: Any
) -> tuple[int, dict[str, Any]]:
    async with client.request(method, path, data=json.dumps(body), **options) as response:
        return response.status, await response.json()


async def test_life_of_a_config_map(client: aiohttp.ClientSession) -> None:
    status, made = await send(client, "POST", MAPS, config_map())
    assert status == 201
    assert made["metadata"]["namespace"] == "ops"
    assert "generation" not in made["metadata"]
    status, again = await send(client, "POST", MAPS, config_map())
    assert (status, again["reason"]) == (409, "AlreadyExists")

    made["binaryData"]["a"] = "eQ=="
    status, second = await send(client, "PUT", f"{MAPS}/state", made)
    assert status == 200
    assert second["metadata"]["uid"] == made["metadata"]["uid"]
    status, stale = await send(client, "PUT", f"{MAPS}/state", made)
    assert (status, stale["reason"]) == (409, "Conflict")
    assert stale["details"] == {"name": "state", "group": "", "kind": "configmaps"}

    patch = {"metadata": {"labels": {"x": "1"}}, "binaryData": {"a": None, "b": "eg=="}}
    status, third = await send(client, "PATCH", f"{MAPS}/state", patch, headers=MERGE)
    assert (status, third["binaryData"], third["metadata"]["labels"]) == (200, {"b": "eg=="}, {"x": "1"})
    stale_patch = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}}
    assert (await send(client, "PATCH", f"{MAPS}/state", stale_patch, headers=MERGE))[0] == 409
    assert (
        await send(
            client, "PATCH", f"{MAPS}/state", {}, headers={"Content-Type": "application/json-patch+json"}
        )
    )[0] == 415

    condition = {"preconditions": {"resourceVersion": "1"}}
    assert (await send(client, "DELETE", f"{MAPS}/state", condition))[0] == 409
    status, gone = await send(client, "DELETE", f"{MAPS}/state", {})
    assert (status, gone["status"]) == (200, "Success")
    assert (await refusal(client, f"{MAPS}/state"))["reason"] == "NotFound"
    assert (await send(client, "PUT", f"{MAPS}/state", config_map()))[0] == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (config_map(namespace="elsewhere"), 400),
        ({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}, 400),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}, 422),
        (config_map(resourceVersion="12"), 400),
        ([], 400),
    ],
)
async def test_bad_creations(client: aiohttp.ClientSession, body: object, code: int) -> None:
    status, answer = await send(client, "POST", MAPS, body)
    assert (status, answer["kind"]) == (code, "Status")


async def test_names_are_generated(client: aiohttp.ClientSession) -> None:
    _, made = await send(
        client, "POST", MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "n-"}}
    )
    assert len(made["metadata"]["name"]) == 7


async def test_other_methods_are_405(client: aiohttp.ClientSession) -> None:
    assert (await refusal(client, MAPS, "DELETE"))["code"] == 405
    assert (await refusal(client, f"{MAPS}/state", "POST"))["code"] == 405


async def test_status_is_a_subresource_where_the_type_says_so(
    client: aiohttp.ClientSession, cluster: SimulatedCluster
) -> None:
    path = "/apis/example.io/v1/namespaces/ops/plans/p"
    plan = {
        "apiVersion": "example.io/v1",
        "kind": "Plan",
        "metadata": {"name": "p", "namespace": "ops"},
        "spec": {"a": 1},
    }
    cluster.put(plan)
    _, changed = await send(client, "PATCH", path, {"spec": {"a": 2}, "status": {"x": 1}}, headers=MERGE)
    assert (changed.get("status"), changed["spec"], changed["metadata"]["generation"]) == (None, {"a": 2}, 2)
    _, changed = await send(
        client, "PATCH", f"{path}/status", {"spec": {"a": 3}, "status": {"x": 1}}, headers=MERGE
    )
    assert (changed["status"], changed["spec"], changed["metadata"]["generation"]) == ({"x": 1}, {"a": 2}, 2)
    assert (await fetch(client, path)) == changed


def test_put_in_process() -> None:
    cluster = SimulatedCluster("c", [BACKUPS])
    first = cluster.put(backup("b", metadata={"creationTimestamp": "2026-01-01T00:00:00Z"}))
    assert cluster.put(backup("b"))["metadata"] == first["metadata"]
    other = cluster.put(backup("b", metadata={"uid": "recreated"}))
    assert cluster.get(BACKUPS, "ops", "b") == other
    log = cluster.shelf(BACKUPS).log
    assert [change.deleted for change in log] == [False, True, False]
    assert cluster.objects("backups") == [other]
    assert cluster.delete("backups", "ops", "b")
    assert not cluster.delete("backups", "ops", "b")
    with pytest.raises(KeyError):
        cluster.put({"apiVersion": "v1", "kind": "Nothing", "metadata": {"name": "x"}})
