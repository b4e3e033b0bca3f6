"""The API server of the tests behaves as that of a cluster."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.apiserver import ApiError, ApiServer, Object, Rule, resource_path, write_kubeconfig
from support.process import ServerError, require, wait_until

pytestmark = pytest.mark.e2e

WIDGETS = ("example.org", "v1", "widgets")
READ_WIDGETS: Rule = {"verbs": ["get", "list", "watch"], "groups": ["example.org"], "resources": ["widgets"]}
INITIAL_EVENTS: dict[str, str | int | bool] = {
    "sendInitialEvents": True,
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": True,
}


def crd(plural: str = "widgets", *, status: bool = True) -> Object:
    kind = plural.removesuffix("s").capitalize()
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    if status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [version],
        },
    }


def widget(name: str, kind: str = "Widget", **parts: object) -> Object:
    return {"kind": kind, "metadata": {"name": name}, **parts}


def names(listing: Object) -> list[str]:
    return [item["metadata"]["name"] for item in listing["items"]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("apiserver")) as running:
        running.apply_crd(crd())
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ApiServer]:
    with ApiServer(tmp_path / "server") as running:
        running.apply_crd(crd())
        yield running


def test_crd_is_served_in_discovery_and_can_be_deleted(server: ApiServer) -> None:
    server.apply_crd(crd("gadgets"))
    groups = server.request("GET", "/apis").json()["groups"]
    assert {"apiextensions.k8s.io", "batch", "example.org"} <= {group["name"] for group in groups}
    resources = server.request("GET", "/apis/example.org/v1").json()["resources"]
    assert {"gadgets", "gadgets/status", "widgets"} <= {resource["name"] for resource in resources}
    aggregated = server.request(
        "GET",
        "/apis",
        headers={"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"},
    ).json()
    assert "example.org" in [item["metadata"]["name"] for item in aggregated["items"]]
    assert server.request("GET", "/api").json()["versions"] == ["v1"]
    assert "apis/example.org/v1" in server.request("GET", "/openapi/v3").json()["paths"]

    server.create("example.org", "v1", "gadgets", "default", widget("a", "Gadget"))
    server.delete_crd("gadgets.example.org")
    with pytest.raises(ApiError) as refused:
        server.list_objects("example.org", "v1", "gadgets")
    assert refused.value.status == 404


def test_crd_can_be_replaced(server: ApiServer) -> None:
    server.apply_crd(crd("gizmos", status=False))
    server.apply_crd(crd("gizmos", status=True))
    wait_until(
        lambda: "gizmos/status" in str(server.request("GET", "/apis/example.org/v1").json()),
        "the subresource",
    )


def test_version_is_that_of_a_release(server: ApiServer) -> None:
    answer = server.request("GET", "/version").json()
    assert answer["gitVersion"].startswith(f"v{answer['major']}.{answer['minor']}.")


def test_status_is_written_with_and_without_subresource(server: ApiServer) -> None:
    server.apply_crd(crd("plains", status=False))
    for plural, kind in (("widgets", "Widget"), ("plains", "Plain")):
        created = server.create(
            "example.org", "v1", plural, "status", widget("a", kind, status={"phase": "New"})
        )
        assert created["status"] == {"phase": "New"}
        patched = server.patch_status("example.org", "v1", plural, "status", "a", {"phase": "Completed"})
        assert patched["status"] == {"phase": "Completed"}
    ignored = server.patch(*WIDGETS, "status", "a", {"status": {"phase": "Ignored"}})
    assert ignored["status"] == {"phase": "Completed"}


def test_list_in_pages(server: ApiServer) -> None:
    wanted = [f"w{i:04}" for i in range(1000)]
    server.create_many(*WIDGETS, "pages", [widget(name) for name in wanted])

    found: list[str] = []
    versions = set()
    query: dict[str, str | int | bool] = {"limit": 300}
    while True:
        page = server.list_objects(*WIDGETS, "pages", query)
        found += names(page)
        versions.add(page["metadata"]["resourceVersion"])
        if not page["metadata"].get("continue"):
            break
        query["continue"] = page["metadata"]["continue"]
    assert found == wanted
    assert len(versions) == 1


def test_watch_list_sends_initial_events_and_their_end(server: ApiServer) -> None:
    server.create(*WIDGETS, "watchlist", widget("a"))
    server.create(*WIDGETS, "watchlist", widget("b"))
    with server.watch(*WIDGETS, "watchlist", INITIAL_EVENTS) as events:
        first = [next(events), next(events)]
        assert [(e["type"], e["object"]["metadata"]["name"]) for e in first] == [
            ("ADDED", "a"),
            ("ADDED", "b"),
        ]
        bookmark = next(events)
        assert bookmark["type"] == "BOOKMARK"
        assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        server.patch(*WIDGETS, "watchlist", "a", {"spec": {"x": 1}})
        server.delete(*WIDGETS, "watchlist", "b")
        later = [next(events), next(events)]
        assert [(e["type"], e["object"]["metadata"]["name"]) for e in later] == [
            ("MODIFIED", "a"),
            ("DELETED", "b"),
        ]


def test_watch_list_is_refused_where_its_gate_is_off(tmp_path: Path) -> None:
    with ApiServer(tmp_path, feature_gates={"WatchList": False}) as server:
        server.apply_crd(crd())
        with pytest.raises(ApiError) as refused, server.watch(*WIDGETS, query=INITIAL_EVENTS):
            pass
        assert (refused.value.status, refused.value.reason) == (422, "Invalid")


@pytest.mark.parametrize("watch_cache", [True, False])
def test_compaction_expires_watches_and_continue_tokens(tmp_path: Path, *, watch_cache: bool) -> None:
    with ApiServer(tmp_path, watch_cache=watch_cache) as server:
        server.apply_crd(crd())
        server.create(*WIDGETS, "default", widget("a"))
        page = server.list_objects(*WIDGETS, query={"limit": 1})
        old = page["metadata"]["resourceVersion"]
        for name in ("b", "c"):
            server.create(*WIDGETS, "default", widget(name))
        page = server.list_objects(*WIDGETS, query={"limit": 1})
        with server.watch(*WIDGETS, query={"resourceVersion": old}) as events:
            assert [next(events)["object"]["metadata"]["name"] for _ in range(2)] == ["b", "c"]

            before = server.revision()
            assert server.compact() > before

            server.create(*WIDGETS, "default", widget("d"))
            assert next(events)["object"]["metadata"]["name"] == "d", "an open watch goes on"

        with server.watch(*WIDGETS, query={"resourceVersion": old}) as events:
            only = list(events)
        assert [(e["type"], e["object"]["code"], e["object"]["reason"]) for e in only] == [
            ("ERROR", 410, "Expired")
        ]

        with pytest.raises(ApiError) as refused:
            server.list_objects(*WIDGETS, query={"limit": 1, "continue": page["metadata"]["continue"]})
        assert (refused.value.status, refused.value.reason) == (410, "Expired")
        assert refused.value.body["metadata"]["continue"]

        # The last write before the compaction can still be watched from.
        with server.watch(*WIDGETS, query={"resourceVersion": str(before)}) as events:
            assert next(events)["object"]["metadata"]["name"] == "d"


def test_unknown_tokens_are_unauthorized_and_rights_can_change(own_server: ApiServer) -> None:
    server, path = own_server, resource_path(*WIDGETS)

    unauthorized = server.request("GET", path, token="nobody")
    assert unauthorized.status == 401
    status = json.loads(unauthorized.body)
    assert (status["kind"], status["reason"], status["message"]) == ("Status", "Unauthorized", "Unauthorized")

    anonymous = server.request("GET", path, token=None)
    assert anonymous.status == 403
    assert server.request("GET", "/readyz", token=None).status == 200

    server.grant("t1", "reader")
    forbidden = server.request("GET", path, token="t1")
    assert forbidden.status == 403
    assert json.loads(forbidden.body)["message"] == (
        'widgets.example.org is forbidden: User "reader" cannot list resource "widgets" in API group '
        '"example.org" at the cluster scope'
    )
    assert server.request("GET", "/apis/example.org/v1", token="t1").status == 200, (
        "discovery is for everyone"
    )

    server.grant("t1", "reader", [READ_WIDGETS])
    assert server.request("GET", path, token="t1").status == 200
    assert server.request("POST", resource_path(*WIDGETS, "default"), widget("x"), token="t1").status == 403

    server.grant("t2", "reader", [READ_WIDGETS])
    server.revoke("t1")
    assert server.request("GET", path, token="t1").status == 401
    assert server.request("GET", path, token="t2").status == 200

    server.grant("t2", "reader", [{**READ_WIDGETS, "namespaces": ["one"]}])
    assert server.request("GET", path, token="t2").status == 403
    assert server.request("GET", resource_path(*WIDGETS, "one"), token="t2").status == 200
    assert server.request("GET", resource_path(*WIDGETS, "two"), token="t2").status == 403

    review = {"spec": {"resourceAttributes": {"verb": "list", "group": "example.org", "resource": "widgets"}}}
    reviews = resource_path("authorization.k8s.io", "v1", "selfsubjectaccessreviews")
    assert not server.request("POST", reviews, review, token="t2").json()["status"].get("allowed")
    review["spec"]["resourceAttributes"]["namespace"] = "one"
    assert server.request("POST", reviews, review, token="t2").json()["status"]["allowed"]


def test_a_crash_loses_nothing(own_server: ApiServer) -> None:
    server = own_server
    url = server.url
    server.create_many(*WIDGETS, "default", [widget(f"w{i}") for i in range(50)])
    before = server.list_objects(*WIDGETS)
    server.kill()
    with pytest.raises(OSError, match="refused"):
        server.list_objects(*WIDGETS)

    server.start()
    assert server.url == url
    assert server.request("GET", resource_path(*WIDGETS)).status in {200, 429}
    after = server.list_objects(*WIDGETS)
    assert after["items"] == before["items"]
    assert int(after["metadata"]["resourceVersion"]) >= int(before["metadata"]["resourceVersion"])

    server.restart()
    assert server.list_objects(*WIDGETS)["items"] == before["items"]


def test_shutdown_ends_open_watches(own_server: ApiServer) -> None:
    with own_server.watch(*WIDGETS, query=INITIAL_EVENTS) as events:
        assert next(events)["type"] == "BOOKMARK"
        started = time.monotonic()
        own_server.stop()
        assert time.monotonic() - started < 10
        assert [event for event in events if event["type"] != "BOOKMARK"] == []


def test_config_maps(server: ApiServer) -> None:
    maps = ("", "v1", "configmaps", "default")
    created = server.create(*maps, {"metadata": {"name": "state"}, "data": {"a": "1"}})
    assert (created["kind"], created["apiVersion"]) == ("ConfigMap", "v1")
    updated = server.replace(*maps, {**created, "data": {"a": "2"}})
    assert updated["metadata"]["resourceVersion"] != created["metadata"]["resourceVersion"]
    with pytest.raises(ApiError) as conflict:
        server.replace(*maps, {**created, "data": {"a": "3"}})
    assert (conflict.value.status, conflict.value.reason) == (409, "Conflict")
    with pytest.raises(ApiError) as exists:
        server.create(*maps, {"metadata": {"name": "state"}})
    assert (exists.value.status, exists.value.reason) == (409, "AlreadyExists")

    assert server.patch(*maps, "state", {"data": {"b": "4", "a": None}})["data"] == {"b": "4"}
    for body, complaint in (({"a b": "1"}, "a valid config key"), ({"a": "x" * (1 << 20) + "x"}, "Too long")):
        with pytest.raises(ApiError, match=complaint) as invalid:
            server.patch(*maps, "state", {"data": body})
        assert (invalid.value.status, invalid.value.reason) == (422, "Invalid")

    with server.watch(*maps, {"fieldSelector": "metadata.name=state", **INITIAL_EVENTS}) as events:
        assert next(events)["object"]["data"] == {"b": "4"}
        server.delete(*maps, "state")
        assert [next(events)["type"] for _ in range(2)] == ["BOOKMARK", "DELETED"]


def test_secrets_by_label(server: ApiServer) -> None:
    secrets = ("", "v1", "secrets", "default")
    for name in ("one", "two"):
        server.create(
            *secrets, {"metadata": {"name": name, "labels": {"for": name}}, "stringData": {"token": name}}
        )
    found = server.list_objects(*secrets, {"labelSelector": "for=one", "fieldSelector": "type=Opaque"})
    assert names(found) == ["one"]
    assert found["items"][0]["data"] == {"token": "b25l"}
    assert "stringData" not in found["items"][0]
    with pytest.raises(ApiError, match="field is immutable"):
        server.patch(*secrets, "one", {"type": "other"})


def test_namespaces_events_jobs_and_cron_jobs(server: ApiServer) -> None:
    assert {"default", "kube-system"} <= set(names(server.list_objects("", "v1", "namespaces")))
    server.ensure_namespace("work")
    space = server.get("", "v1", "namespaces", None, "work")
    assert (space["status"]["phase"], space["metadata"]["labels"]) == (
        "Active",
        {"kubernetes.io/metadata.name": "work"},
    )
    missing = server.request(
        "POST", resource_path("", "v1", "configmaps", "nowhere"), {"metadata": {"name": "a"}}
    )
    assert missing.status == 404

    template = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": []}}}}
    server.create(
        "batch",
        "v1",
        "cronjobs",
        "work",
        {"metadata": {"name": "c"}, "spec": {"schedule": "@daily", "jobTemplate": template}},
    )
    job = server.create(
        "batch", "v1", "jobs", "work", {"metadata": {"name": "j"}, **template, "status": {"failed": 1}}
    )
    assert (job["status"], job["metadata"]["generation"]) == ({"failed": 1}, 1)
    kept = server.patch(
        "batch", "v1", "jobs", "work", "j", {"spec": {"suspend": True}, "status": {"failed": 2}}
    )
    assert (kept["status"], kept["metadata"]["generation"]) == ({"failed": 1}, 2)

    event = {
        "involvedObject": {"kind": "Job", "name": "j", "namespace": "work"},
        "reason": "Failed",
        "type": "Warning",
    }
    server.create("", "v1", "events", "work", {"metadata": {"generateName": "j-"}, **event})
    for selector, count in (("involvedObject.name=j,type=Warning", 1), ("involvedObject.name=k", 0)):
        assert (
            len(server.list_objects("", "v1", "events", None, {"fieldSelector": selector})["items"]) == count
        )

    server.delete("", "v1", "namespaces", None, "work")
    assert "work" not in names(server.list_objects("", "v1", "namespaces"))


def test_kubeconfig_leads_to_the_server(server: ApiServer, tmp_path: Path) -> None:
    content = json.loads(write_kubeconfig(tmp_path / "config", server.kubeconfig()).read_text())
    cluster = content["clusters"][0]["cluster"]
    request = urllib.request.Request(
        cluster["server"] + "/api",
        headers={"Authorization": f"Bearer {content['users'][0]['user']['token']}"},
    )
    context = ssl.create_default_context(cafile=cluster["certificate-authority"])
    with urllib.request.urlopen(request, context=context) as response:
        assert response.status == 200


def test_failure_to_start_shows_the_log(tmp_path: Path) -> None:
    server = ApiServer(tmp_path, feature_gates={"NoSuchGate": True})
    with pytest.raises(ServerError, match="unrecognized feature gate: NoSuchGate"):
        server.start()


def test_server_ends_with_a_parent_that_crashes(tmp_path: Path) -> None:
    require("apiserver")
    program = (
        "import sys; from pathlib import Path; from support.apiserver import ApiServer; "
        "server = ApiServer(Path(sys.argv[1])).start(); print(server.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
    wait_until(lambda: not Path(f"/proc/{child}").exists(), "the server is gone")
