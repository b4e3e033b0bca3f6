"""The reflector against a real Kubernetes API server, also when it restarts, forgets and refuses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.kube.access import Access
from backup_sentinel.kube.change import Change
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.reflector import Reflector
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.kube.timing import Timing
from kube.following import VELERO_BACKUPS, brief
from kube.scripted import FakeClock, NameDecoder
from support.apiserver import ApiServer

pytestmark = pytest.mark.e2e

BACKUPS = ("velero.io", "v1", "backups")
TIMING = Timing(watch=(1, 1), margin=20.0)


def definition(plural: str = "backups") -> dict[str, Any]:
    opened = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.velero.io"},
        "spec": {
            "group": "velero.io",
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": plural[:-1], "kind": plural[:-1].title()},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": opened}],
        },
    }


@pytest.fixture(scope="module")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("apiserver"), check_namespaces=False) as running:
        running.apply_crd(definition())
        yield running


@pytest.fixture
def namespace(apiserver: ApiServer, request: pytest.FixtureRequest) -> str:
    name = str(request.node.name).replace("_", "-")[:60].rstrip("-")
    for number in range(5):
        put(apiserver, name, f"b{number}")
    return name


def put(server: ApiServer, namespace: str, name: str) -> None:
    server.create(*BACKUPS, namespace, {"kind": "Backup", "metadata": {"name": name, "namespace": namespace}})


class Follower:
    """Reads changes in short, one by one."""

    def __init__(self, changes: AsyncIterator[Change[str]]) -> None:
        self._changes = changes

    async def until(self, wanted: Callable[[str], bool]) -> list[str]:
        """Return what came up to the first wanted one."""
        seen: list[str] = []
        async with asyncio.timeout(30):
            async for change in self._changes:
                seen += brief([change])
                if wanted(seen[-1]):
                    return seen
        raise AssertionError(seen)


@pytest.fixture
async def follow(
    apiserver: ApiServer, namespace: str, tmp_path: Path
) -> AsyncIterator[Callable[..., Follower]]:
    opened: list[Any] = []
    clock = FakeClock()

    def start(token: str = "admin", **options: Any) -> Follower:
        settings = ClusterSettings(api_url=apiserver.url, token=token, ca_file=str(apiserver.ca_file))
        client = Client(Access(settings, clock), clock)
        fixed: dict[str, Any] = {
            "clock": clock,
            "gate": asyncio.Semaphore(4),
            "timing": TIMING,
            "namespace": namespace,
        }
        reflector = Reflector(client, VELERO_BACKUPS, NameDecoder(), **(fixed | options))
        changes = reflector.changes()
        opened.extend([changes, client])
        return Follower(changes)

    yield start
    for entry in opened:
        await (entry.aclose() if hasattr(entry, "aclose") else entry.close())
    await asyncio.sleep(0.05)  # TLS says goodbye, which asyncio does not wait for


def live(change: str) -> bool:
    return change == "."


async def test_streamed_list_then_watch(
    apiserver: ApiServer, namespace: str, follow: Callable[..., Follower]
) -> None:
    follower = follow()
    assert await follower.until(live) == ["[b0 b1 b2 b3 b4]", "."]
    await asyncio.to_thread(put, apiserver, namespace, "new")
    assert "+new" in await follower.until(lambda change: change.startswith("+"))
    await asyncio.to_thread(apiserver.delete, *BACKUPS, namespace, "b0")
    assert "-b0" in await follower.until(lambda change: change.startswith("-"))


async def test_pages(follow: Callable[..., Follower]) -> None:
    assert await follow(watch_list=False, page_size=2).until(live) == ["[b0 b1", "b2 b3", "b4]", "."]


async def test_watch_is_renewed_without_a_list(follow: Callable[..., Follower]) -> None:
    follower = follow()
    await follower.until(live)
    for _ in range(2):
        assert set(await follower.until(live)) == {"."}


async def test_expired_token_and_version(
    apiserver: ApiServer, namespace: str, follow: Callable[..., Follower]
) -> None:
    follower = follow(watch_list=False, page_size=2)
    assert await follower.until(lambda _: True) == ["[b0 b1"]
    await asyncio.to_thread(put, apiserver, namespace, "z")
    await asyncio.to_thread(apiserver.compact)
    seen = await follower.until(live)
    assert not any("!" in change for change in seen), seen
    assert "z" in "".join(seen)


async def test_without_the_right_to_watch_it_polls(
    apiserver: ApiServer, namespace: str, follow: Callable[..., Follower]
) -> None:
    rules: Any = [{"verbs": ["list"], "groups": ["velero.io"], "resources": ["backups"]}]
    apiserver.grant("reader", "reader", rules, groups=["system:authenticated"])
    follower = follow(token="reader")
    seen = await follower.until(lambda change: change.startswith("["))
    assert seen == ["[b0 b1 b2 b3 b4]"]
    assert await follower.until(lambda _: True) == ["[b0 b1 b2 b3 b4]"]


async def test_unknown_token(follow: Callable[..., Follower]) -> None:
    assert await follow(token="nobody").until(lambda _: True) == ["!unauthorized"]


async def test_restart_of_the_server(
    apiserver: ApiServer, namespace: str, follow: Callable[..., Follower]
) -> None:
    follower = follow()
    await follower.until(live)
    await asyncio.to_thread(apiserver.stop)
    assert (await follower.until(lambda change: change.startswith("!")))[-1] == "!unreachable"
    await asyncio.to_thread(apiserver.start)
    await asyncio.to_thread(put, apiserver, namespace, "after")
    seen = await follower.until(lambda change: "after" in change)
    assert not any(change.startswith("0") for change in seen)


async def test_installed_later_and_uninstalled(apiserver: ApiServer, follow: Callable[..., Follower]) -> None:
    await asyncio.to_thread(apiserver.delete_crd, "backups.velero.io")
    follower = follow()
    assert await follower.until(lambda _: True) == ["0"]
    await asyncio.to_thread(apiserver.apply_crd, definition())
    assert "[]" in await follower.until(live)
    await asyncio.to_thread(apiserver.delete_crd, "backups.velero.io")
    assert (await follower.until(lambda change: change == "0"))[-1] == "0"
    await asyncio.to_thread(apiserver.apply_crd, definition())
