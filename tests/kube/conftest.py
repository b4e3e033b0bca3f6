import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.reflector import Reflector
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.kube.timing import Timing
from kube.certificates import Authority
from kube.following import VELERO_BACKUPS, MakeReflector
from kube.scripted import FakeClock, NameDecoder, Server


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    running = await Server().start()
    yield running
    await running.stop()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def client(server: Server, clock: FakeClock) -> AsyncIterator[Client]:
    settings = ClusterSettings(name="prod", api_url=server.url, token="t0p-secret")
    async with Client(Access(settings, clock), clock) as opened:
        yield opened


@pytest.fixture
def reflector(client: Client, clock: FakeClock) -> MakeReflector:
    def make(**options: Any) -> Reflector[str]:
        fixed: dict[str, Any] = {"clock": clock, "gate": asyncio.Semaphore(4), "rand": lambda: 0.5}
        return Reflector(client, VELERO_BACKUPS, NameDecoder(), **(fixed | options))

    return make


@pytest.fixture
def quick() -> dict[str, object]:
    """Timing with which silence is noticed at once."""
    return {"timing": Timing(watch=(0, 0), margin=0.2, list_read=0.2, stream_read=0.2)}


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority.create(tmp_path_factory.mktemp("authority"))
    made.sign("server", "server")
    made.sign("client", "client")
    return made


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
async def secure(authority: Authority) -> AsyncIterator[Server]:
    running = await Server().start(authority.server_context())
    yield running
    await running.stop()


@pytest.fixture
async def mutual(authority: Authority) -> AsyncIterator[Server]:
    """Accepts only clients that show a certificate."""
    running = await Server().start(authority.server_context(wants_client=True))
    yield running
    await running.stop()
