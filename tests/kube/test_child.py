"""Credential plugins, started by the real `kubernetes` package in the real child process."""

import json
import stat
import tempfile
import time
from pathlib import Path

import pytest
import yaml

from backup_sentinel.errors import AccessError
from backup_sentinel.kube import child
from backup_sentinel.kube.credentials import Credentials, load
from backup_sentinel.kube.settings import ClusterSettings
from support.process import wait_until

CREDENTIAL = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "kind": "ExecCredential",
    "status": {"token": "from-plugin", "expirationTimestamp": "2030-01-01T00:00:00Z"},
}


def plugin(folder: Path, script: str) -> Path:
    file = folder / "plugin"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    config = {
        "current-context": "dev",
        "clusters": [{"name": "c", "cluster": {"server": "https://api.example"}}],
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
        "users": [
            {"name": "u", "user": {"exec": {"command": "./plugin", "apiVersion": CREDENTIAL["apiVersion"]}}}
        ],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    return path


def alive(file: Path) -> bool:
    """Tell whether the process whose number is in the file still runs; a zombie does not."""
    try:
        return Path(f"/proc/{int(file.read_text())}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def ask(folder: Path, script: str, seconds: float = 30.0) -> Credentials:
    return await load(ClusterSettings(kubeconfig=str(plugin(folder, script))), timeout=seconds)


async def test_plugin(tmp_path: Path) -> None:
    found = await ask(tmp_path, f"cat >/dev/null; echo '{json.dumps(CREDENTIAL)}'")
    assert (found.server, found.authorization) == ("https://api.example", "Bearer from-plugin")
    assert found.expires == 1893456000.0
    assert "from-plugin" not in repr(found)


async def test_plugin_with_much_to_complain(tmp_path: Path) -> None:
    noise = "head -c 200000 /dev/zero | tr '\\0' 'x' >&2"
    found = await ask(tmp_path, f"{noise}; echo '{json.dumps(CREDENTIAL)}'")
    assert found.authorization == "Bearer from-plugin"


async def test_plugin_that_fails(tmp_path: Path) -> None:
    with pytest.raises(AccessError) as caught:
        await ask(tmp_path, "echo 'login expired, token=hunter2-abc run: aws sso login' >&2; exit 3")
    message = str(caught.value)
    assert "credential plugin './plugin' of context 'dev' gave nothing" in message
    assert "returned 3" in message
    assert "login expired" in message
    assert "hunter2" not in message


async def test_plugin_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(AccessError, match="not loaded within 2 s"):
        await ask(tmp_path, f"sleep 600 & echo $! > {tmp_path}/pid; wait", 2)
    assert time.monotonic() - started < 20
    # A process that was killed is there for a moment more.
    wait_until(lambda: not alive(tmp_path / "pid"), "the plugin's child is gone")


async def test_client_certificate_of_a_plugin_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    answer = CREDENTIAL | {"status": {"clientCertificateData": "CERT", "clientKeyData": "KEY"}}
    found = await ask(tmp_path, f"echo '{json.dumps(answer)}'")
    assert (found.certificate, found.key, found.kind) == ("CERT", "KEY", "client certificate")
    assert list(scratch.iterdir()) == []


async def test_child_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MODULE", "backup_sentinel.kube.nowhere")
    with pytest.raises(AccessError, match=r"ended with status 1: .*No module named"):
        await child.ask({"kubeconfig": "x", "context": None}, 30)
