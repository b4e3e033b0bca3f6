from collections.abc import AsyncIterator

import aiohttp
import pytest

from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.cluster import SimulatedCluster
from demo.kit import BACKUPS, WITH_STATUS


@pytest.fixture
async def server() -> AsyncIterator[SimulatedApiServer]:
    async with SimulatedApiServer([BACKUPS, WITH_STATUS]) as running:
        yield running


@pytest.fixture
def cluster(server: SimulatedApiServer) -> SimulatedCluster:
    return server.cluster


@pytest.fixture
async def client(server: SimulatedApiServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url, timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session
