"""The three ways to a cluster, and how one is chosen."""

import os
from pathlib import Path

import pytest

from backup_sentinel.errors import AccessError
from backup_sentinel.kube import child
from backup_sentinel.kube.credentials import load
from backup_sentinel.kube.settings import ClusterSettings

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("pod-token\n")
    (folder / "ca.crt").write_text("PEM")
    (folder / "namespace").write_text("backup\n")
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str | None]]:
    requests: list[dict[str, str | None]] = []

    async def ask(request: dict[str, str | None], seconds: float) -> dict[str, object]:
        requests.append(request)
        return {"server": "https://from-kubeconfig", "insecure": True, "proxy": "http://found"}

    monkeypatch.setattr(child, "ask", ask)
    return requests


async def test_service_account_where_there_is_one(account: Path) -> None:
    found = await load(ClusterSettings(), environ=POD, account=account)
    assert (found.server, found.ca, found.namespace) == ("https://10.0.0.1:6443", "PEM", "backup")
    assert found.token_file == str(account / "token")
    assert found.kind == "token"


async def test_service_account_over_ipv6(account: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert (
        await load(ClusterSettings(in_cluster=True), environ=environ, account=account)
    ).server == "https://[fd00::1]:443"


async def test_kubeconfig_wins_where_it_is_named(account: Path, tmp_path: Path, asked: list[object]) -> None:
    file = tmp_path / "config"
    file.touch()
    found = await load(ClusterSettings(kubeconfig=str(file)), environ=POD, account=account)
    assert found.server == "https://from-kubeconfig"
    assert asked == [{"kubeconfig": str(file), "context": None}]


async def test_kubeconfig_of_the_environment(tmp_path: Path, asked: list[object]) -> None:
    (tmp_path / "one").touch()
    environ = {"KUBECONFIG": os.pathsep.join([str(tmp_path / "one"), str(tmp_path / "two")])}
    await load(ClusterSettings(context="dev"), environ=environ)
    assert asked == [{"kubeconfig": environ["KUBECONFIG"], "context": "dev"}]


async def test_kubeconfig_of_the_user(tmp_path: Path, asked: list[object]) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").touch()
    await load(ClusterSettings(), environ={})
    assert asked == [{"kubeconfig": str(tmp_path / ".kube" / "config"), "context": None}]


async def test_nothing_at_all_says_what_to_do() -> None:
    with pytest.raises(AccessError, match="set KUBECONFIG, or `kubeconfig`, `in_cluster` or `api_url`"):
        await load(ClusterSettings(), environ={})


async def test_in_cluster_outside_of_one(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="not inside a cluster"):
        await load(ClusterSettings(in_cluster=True), environ={})
    with pytest.raises(AccessError, match=r"cannot read .*ca\.crt: No such file"):
        await load(ClusterSettings(in_cluster=True), environ=POD, account=tmp_path)


async def test_settings_override_what_was_found(tmp_path: Path, asked: list[object]) -> None:
    (tmp_path / "config").touch()
    (tmp_path / "ca").write_text("MINE")
    settings = ClusterSettings(
        kubeconfig=str(tmp_path / "config"), ca_file=str(tmp_path / "ca"), proxy_url="http://u:p@mine:3128"
    )
    found = await load(settings)
    assert (found.ca, found.insecure, found.proxy) == ("MINE", False, "http://u:p@mine:3128")


async def test_own_settings(tmp_path: Path) -> None:
    found = await load(ClusterSettings(api_url="https://api.example/", token=" t \n"))
    assert (found.server, found.authorization) == ("https://api.example", "Bearer t")
    with pytest.raises(AccessError, match="cannot read /nowhere: No such file"):
        await load(
            ClusterSettings(api_url="https://api.example", client_certificate="/nowhere", client_key="/k")
        )
