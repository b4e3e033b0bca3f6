"""From a labelled Secret on a real API server to what a remote cluster shows, with the rights that are generated."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.clock import Clock
from backup_sentinel.errors import ApiError, OutageReason
from backup_sentinel.export.profile import load_profiles
from backup_sentinel.fleet import Fleet, SecretSource
from backup_sentinel.generate import rbac, remote
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.kube.timing import Timing
from fleet.conftest import HOME, TOKENS, Follower, Log, manifest
from support.apiserver import ApiServer
from support.crds import definitions

pytestmark = pytest.mark.e2e

ONE, TWO, OWN = TOKENS
SECRETS = ("", "v1", "secrets", HOME)
BACKUPS = "/apis/velero.io/v1/backups"


@pytest.fixture
def apiserver(tmp_path: Path) -> Iterator[ApiServer]:
    with ApiServer(tmp_path / "apiserver", check_namespaces=False) as server:
        yield server


def granted(rules: list[dict[str, Any]], *namespaces: str) -> list[Any]:
    """Turn rules of RBAC into those of the test's server."""
    scope = {"namespaces": namespaces} if namespaces else {}
    return [
        {"verbs": r["verbs"], "groups": r["apiGroups"], "resources": r["resources"], **scope} for r in rules
    ]


def secret(trusted: ApiServer, called: str, /, **keys: str) -> dict[str, Any]:
    return manifest(called, ca=trusted.ca_file.read_text(), **keys)


async def test_from_secret_to_backups(apiserver: ApiServer, log: Log) -> None:
    do = asyncio.to_thread
    [velero] = load_profiles(operators=("velero",))
    await do(apiserver.apply_crd, definitions(velero)["backups.velero.io"])
    await do(
        apiserver.create,
        "velero.io",
        "v1",
        "backups",
        "velero",
        {"kind": "Backup", "metadata": {"name": "b"}},
    )
    anybody = ["system:authenticated"]
    [reader, _] = remote.secret_reader(HOME)
    apiserver.grant(ONE, "remote", granted(rbac.rules([velero])), groups=anybody)
    apiserver.grant(OWN, "own", groups=anybody)
    await do(apiserver.create, *SECRETS, secret(apiserver, "prod", server=apiserver.url, token=ONE))

    home = ClusterSettings(api_url=apiserver.url, token=OWN, ca_file=str(apiserver.ca_file))
    source = SecretSource(home, (HOME,), timing=Timing(watch=(2, 2), first_pause=0.2, longest_pause=0.2))
    fleet = Fleet((), sources=[source])
    running = asyncio.create_task(fleet.run())
    follower = Follower(fleet, [])
    try:
        async with asyncio.timeout(10):
            await fleet.settled()
        assert log.matching("cannot read Secrets", "is forbidden", "grant get, list and watch")
        apiserver.grant(OWN, "own", granted(reader["rules"], HOME), groups=anybody)

        wanted = await follower.until("prod")
        async with Client(Access(wanted["prod"], Clock()), Clock()) as client:
            [found] = json.loads(await client.get(BACKUPS))["items"]
            assert found["metadata"]["name"] == "b"
            with pytest.raises(ApiError) as forbidden:
                await client.get("/api/v1/secrets")
            assert forbidden.value.reason is OutageReason.FORBIDDEN
            apiserver.revoke(ONE)
            with pytest.raises(ApiError, match="token of cluster prod is invalid or expired"):
                await client.get(BACKUPS)

        apiserver.grant(TWO, "remote", granted(rbac.rules([velero])), groups=anybody)
        await do(apiserver.replace, *SECRETS, secret(apiserver, "prod", server=apiserver.url, token=TWO))
        changed = (await follower.next(30))["prod"]
        async with Client(Access(changed, Clock()), Clock()) as client:
            assert json.loads(await client.get(BACKUPS))["items"]

        kubeconfig = apiserver.kubeconfig(TWO)
        kubeconfig["clusters"][0]["cluster"].pop("certificate-authority")
        await do(apiserver.create, *SECRETS, secret(apiserver, "lab", kubeconfig=json.dumps(kubeconfig)))
        lab = (await follower.until("prod", "lab"))["lab"]
        async with Client(Access(lab, Clock()), Clock()) as client:
            assert json.loads(await client.get(BACKUPS))["items"]

        await do(apiserver.restart)
        await do(apiserver.delete, *SECRETS, "prod")
        await follower.until("lab")
        await do(
            apiserver.patch, *SECRETS, "lab", {"metadata": {"labels": {"backup-sentinel.io/cluster": None}}}
        )
        assert await follower.until() == {}
    finally:
        await follower.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.sleep(0.05)  # TLS says goodbye, which asyncio does not wait for
