import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest

from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.cluster import SimulatedCluster
from backup_sentinel.fleet import Fleet, SecretSource
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.kube.timing import Timing
from backup_sentinel.model import Problem
from backup_sentinel.telemetry import JsonFormatter

HOME = "sentinel"
LABELS = {"backup-sentinel.io/cluster": "true"}
TOKENS = ("t0p-s3cret-one", "t0p-s3cret-two", "h0me-s3cret")

Wanted: TypeAlias = dict[str, ClusterSettings]


def manifest(called: str, namespace: str = HOME, /, **keys: str) -> dict[str, Any]:
    """Return a labelled Secret; the key `ca` stands for `ca.crt`."""
    metadata = {"name": called, "namespace": namespace, "labels": LABELS}
    data = {"ca.crt" if key == "ca" else key: encode(value) for key, value in keys.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def unlabelled(secret: dict[str, Any]) -> dict[str, Any]:
    return {**secret, "metadata": {**secret["metadata"], "labels": {}}}


def created(when: str, secret: dict[str, Any]) -> dict[str, Any]:
    return {**secret, "metadata": {**secret["metadata"], "creationTimestamp": when}}


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Follower:
    """Reads the sets a fleet wants."""

    def __init__(self, fleet: Fleet, problems: list[Problem]) -> None:
        self.fleet = fleet
        self.problems = problems
        self._changes = fleet.changes()

    async def next(self, seconds: float = 10) -> Wanted:
        async with asyncio.timeout(seconds):
            return await anext(self._changes)

    async def until(self, *names: str) -> Wanted:
        """Return the first set of exactly these names."""
        while True:
            wanted = await self.next()
            if set(wanted) == set(names):
                return wanted

    async def still(self, seconds: float = 0.3) -> None:
        """Assert that nothing changes for a while."""
        with pytest.raises(TimeoutError):
            await self.next(seconds)
        self._changes = self.fleet.changes()
        await self.next()

    async def close(self) -> None:
        await self._changes.aclose()


@pytest.fixture
async def home() -> AsyncIterator[SimulatedApiServer]:
    """The cluster whose Secrets are read."""
    cluster = SimulatedCluster("home")
    cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
    async with SimulatedApiServer(cluster) as server:
        yield server


Follow: TypeAlias = Callable[..., Any]


@pytest.fixture
def follow(home: SimulatedApiServer) -> Follow:
    """Run a fleet whose Secrets are on the simulated server; a context manager."""

    @asynccontextmanager
    async def start(
        configured: tuple[ClusterSettings, ...] = (), *namespaces: str, settle: bool = True, **options: Any
    ) -> AsyncIterator[Follower]:
        problems: list[Problem] = []
        source = SecretSource(
            ClusterSettings(api_url=home.url, token=TOKENS[2]),
            namespaces or (HOME,),
            timing=Timing(first_pause=0.2, longest_pause=0.2, discovery=0.2),
            problem=problems.append,
        )
        fleet = Fleet(configured, sources=[source], problem=problems.append, **options)
        running = asyncio.create_task(fleet.run())
        follower = Follower(fleet, problems)
        try:
            if settle:
                async with asyncio.timeout(10):
                    await fleet.settled()
            yield follower
        finally:
            await follower.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return start


class Log:
    """The lines as they would be written."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def matching(self, *words: str) -> list[str]:
        return [line for line in self.lines if all(word in line for word in words)]


@pytest.fixture(autouse=True)
def log() -> Iterator[Log]:
    """The log of a test, in which no token of any test may ever stand."""
    kept = Log()
    formatter = JsonFormatter()

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.lines.append(formatter.format(record))

    keeper = Keeper()
    root = logging.getLogger()
    level = root.level
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    try:
        yield kept
    finally:
        root.setLevel(level)
        root.removeHandler(keeper)
    said = "\n".join(kept.lines)
    assert not any(token in said or encode(token) in said for token in TOKENS)
