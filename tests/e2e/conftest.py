"""One API server with Velero's resources for all tests of a file; each test has its own namespace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_sentinel.export.profile import load_profiles
from support.apiserver import ApiServer
from support.crds import definitions


@pytest.fixture(scope="module")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("apiserver"), check_namespaces=False) as server:
        [velero] = load_profiles(operators=("velero",))
        for name, manifest in definitions(velero).items():
            if not name.startswith("data"):
                server.apply_crd(manifest)
        yield server


@pytest.fixture
def data_crds() -> dict[str, dict[str, object]]:
    [velero] = load_profiles(operators=("velero",))
    return {name: manifest for name, manifest in definitions(velero).items() if name.startswith("data")}


def cluster(server: ApiServer, token: str, directory: Path, **more: object) -> dict[str, object]:
    del directory
    return {"name": "prod", "api_url": server.url, "token": token, "ca_file": str(server.ca_file), **more}
