"""What the `kubernetes` package makes of a kubeconfig, and what we make of that."""

import base64
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.config import ConfigException

from backup_sentinel.kube import loader

Load = Callable[..., dict[str, Any]]


@pytest.fixture
def memory() -> Iterator[Any]:
    kept = loader.Memory()
    logging.getLogger().addHandler(kept)
    yield kept
    logging.getLogger().removeHandler(kept)


@pytest.fixture
def load(tmp_path: Path, memory: Any) -> Load:
    def run(
        user: dict[str, Any] | None, cluster: dict[str, Any] | None = None, context: str | None = None
    ) -> dict[str, Any]:
        server = {"server": "https://api.example:6443/"} | (cluster or {})
        config = {
            "current-context": "dev",
            "clusters": [
                {"name": "c", "cluster": server},
                {"name": "other", "cluster": {"server": "http://other"}},
            ],
            "contexts": [
                {
                    "name": "dev",
                    "context": {"cluster": "c", "namespace": "n"}
                    | ({"user": "u"} if user is not None else {}),
                },
                {"name": "second", "context": {"cluster": "other", "user": "u"}},
            ],
            "users": [{"name": "u", "user": user}] if user is not None else [],
        }
        path = tmp_path / "config"
        path.write_text(yaml.safe_dump(config))
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        return loader.load(str(path), context, str(scratch), memory)

    return run


def test_token(load: Load) -> None:
    found = load({"token": "t\n"})
    assert found["server"] == "https://api.example:6443"
    assert found["authorization"] == "Bearer t"
    assert found["namespace"] == "n"
    assert found["insecure"] is False


def test_context_of_the_settings(load: Load) -> None:
    assert load({"token": "t"}, context="second")["server"] == "http://other"


def test_unknown_context(load: Load) -> None:
    with pytest.raises(ConfigException, match="nowhere"):
        load({"token": "t"}, context="nowhere")


def test_user_that_does_not_exist(load: Load) -> None:
    with pytest.raises(loader.LoadError, match="user 'u' of context 'second' does not exist"):
        load(None, context="second")


def test_https_without_a_user(load: Load) -> None:
    found = load(None)
    assert (found["authorization"], found["certificate"]) == (None, None)


def test_user_with_nothing(load: Load) -> None:
    assert load({})["authorization"] is None


def test_token_file_is_ours_and_relative_to_its_kubeconfig(load: Load, tmp_path: Path) -> None:
    found = load({"tokenFile": "secrets/token"})
    assert found["token_file"] == str(tmp_path / "secrets" / "token")
    assert found["authorization"] is None


def test_token_file_wins_over_token(load: Load) -> None:
    found = load({"tokenFile": "/run/token", "token": "old"})
    assert (found["token_file"], found["authorization"]) == ("/run/token", None)


def test_password(load: Load) -> None:
    found = load({"username": "ann", "password": "pw"})
    assert found["authorization"] == "Basic " + base64.b64encode(b"ann:pw").decode()


def test_certificates_from_data_and_files(load: Load, tmp_path: Path) -> None:
    (tmp_path / "client.key").write_text("KEY")
    found = load(
        {"client-certificate-data": base64.b64encode(b"CERT").decode(), "client-key": "client.key"},
        {"certificate-authority-data": base64.b64encode(b"CA").decode()},
    )
    assert (found["ca"], found["certificate"], found["key"]) == ("CA", "CERT", "KEY")


def test_what_the_cluster_says(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://of-the-environment")
    found = load(
        {"token": "t"},
        {"insecure-skip-tls-verify": True, "tls-server-name": "kubernetes", "proxy-url": "http://proxy:3128"},
    )
    assert (found["insecure"], found["server_name"], found["proxy"]) == (
        True,
        "kubernetes",
        "http://proxy:3128",
    )


def test_proxy_of_the_environment_is_not_mixed_in(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://of-the-environment")
    assert load({"token": "t"})["proxy"] is None


def test_missing_certificate_authority(load: Load) -> None:
    with pytest.raises(ConfigException, match="/nowhere/ca"):
        load({"token": "t"}, {"certificate-authority": "/nowhere/ca"})


@pytest.mark.parametrize(
    ("user", "message"),
    [
        (
            {"exec": {"command": "/nowhere/aws", "apiVersion": "v1"}},
            r"plugin '/nowhere/aws' of context 'dev' gave nothing: .*No such file",
        ),
        ({"auth-provider": {"name": "azure"}}, "auth-provider 'azure' of context 'dev'"),
        ({"auth-provider": {"name": "oidc", "config": {"id-token": "no-jwt"}}}, "auth-provider 'oidc'"),
        ({"username": "ann"}, "`username` of the user of context 'dev' gave nothing"),
    ],
)
def test_credentials_that_come_to_nothing_are_refused(load: Load, user: dict[str, Any], message: str) -> None:
    with pytest.raises(loader.LoadError, match=message):
        load(user)


def test_several_files(tmp_path: Path, memory: Any) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(
        yaml.safe_dump(
            {"contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}
        )
    )
    two.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "c", "cluster": {"server": "http://s"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )
    assert (
        loader.load(f"{one}:{two}:{tmp_path}/absent", None, str(tmp_path), memory)["authorization"]
        == "Bearer t"
    )


@pytest.mark.parametrize("content", ["", "- a list", "a: [", "contexts: 7", "current-context: x"])
def test_broken_file_is_one_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    file = tmp_path / "config"
    file.write_text(content)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    answer = loader._answer({"kubeconfig": str(file), "context": None, "scratch": str(tmp_path)})
    assert list(answer) == ["error"]
    assert answer["error"]
