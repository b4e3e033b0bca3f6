import shutil
import ssl
import subprocess
from pathlib import Path

import aiohttp
import pytest

from backup_sentinel.demo.access import Access, Grant
from backup_sentinel.demo.apiserver import SimulatedApiServer
from demo.kit import BACKUPS, PATH, backup, fetch, refusal
from support.process import lack


async def test_tokens_and_rights() -> None:
    access = Access(
        {"t1": "reader", "t2": "admin"},
        {"reader": [Grant(("get", "list"), ("backups.example.io",), ("ops",))]},
    )
    async with (
        SimulatedApiServer([BACKUPS], access=access) as server,
        aiohttp.ClientSession(server.url) as client,
    ):
        server.cluster.put(backup("b"))
        assert (await refusal(client, PATH))["reason"] == "Unauthorized"
        assert (await refusal(client, "/version", headers={"Authorization": "Bearer wrong"}))["code"] == 401
        reader, admin = ({"Authorization": f"Bearer {token}"} for token in ("t1", "t2"))
        status = await refusal(client, PATH, headers=reader)
        assert status["code"] == 403
        assert (
            'User "reader" cannot list resource "backups" in API group "example.io" at the cluster scope'
            in status["message"]
        )
        path = "/apis/example.io/v1/namespaces/ops/backups"
        assert (await refusal(client, f"{path}?watch=1", headers=reader))["code"] == 403
        assert (await refusal(client, "/api/v1/namespaces/ops/secrets", headers=reader))["code"] == 403
        for headers, url in ((reader, path), (reader, f"{path}/b"), (admin, PATH)):
            async with client.get(url, headers=headers) as response:
                assert response.status == 200
        assert [entry.user for entry in server.journal.find("get")] == ["reader"]
        del access.tokens["t1"]
        assert (await refusal(client, path, headers=reader))["code"] == 401


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        lack("needs openssl for a certificate")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=demo"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*command.split(), *names], cwd=folder, check=True, capture_output=True)
    return folder


async def test_tls(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    trust = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    async with SimulatedApiServer([BACKUPS], tls=context) as server:
        assert server.url.startswith("https://127.0.0.1:")
        async with aiohttp.ClientSession(server.url, connector=aiohttp.TCPConnector(ssl=trust)) as client:
            assert (await fetch(client, PATH))["items"] == []
            await server.down()
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.get(PATH)
            await server.up()
            assert (await fetch(client, PATH))["items"] == []
