import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel.fleet.folder import Folder
from backup_sentinel.fleet.kubeconfig import reduce
from backup_sentinel.kube import credentials
from backup_sentinel.kube.secret import Secret
from backup_sentinel.kube.settings import ClusterSettings

TOKEN = "t0p-s3cret-one"


def config(cluster: Any = None, user: Any = None, **more: Any) -> str:
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [
            {"name": "other", "cluster": {"server": "https://other", "certificate-authority": "/etc/passwd"}},
            {"name": "c", "cluster": {"server": "https://api.example:6443", **(cluster or {})}},
        ],
        "users": [{"name": "u", "user": {"token": TOKEN} if user is None else user}],
        "contexts": [
            {"name": "prod", "context": {"cluster": "c", "user": "u", "namespace": "velero"}},
            {"name": "other", "context": {"cluster": "other", "user": "u"}},
            {"name": "anonymous", "context": {"cluster": "c"}},
            {"name": "adrift", "context": {"cluster": "missing", "user": "u"}},
            {"name": "lonely", "context": {"cluster": "c", "user": "missing"}},
        ],
        "current-context": "prod",
    }
    return yaml.safe_dump(whole | more)


def test_only_one_context_is_kept() -> None:
    kept = reduce(config({"insecure-skip-tls-verify": True, "extensions": []}), None)
    assert TOKEN not in f"{kept} {kept!r}"
    found = json.loads(kept.reveal())
    assert found["clusters"] == [
        {
            "name": "cluster",
            "cluster": {"server": "https://api.example:6443", "insecure-skip-tls-verify": True},
        }
    ]
    assert found["users"] == [{"name": "user", "user": {"token": TOKEN}}]
    assert (found["current-context"], len(found["contexts"])) == ("prod", 1)


def test_a_token_that_looks_like_a_number_stays_text() -> None:
    kept = reduce(config().replace(TOKEN, "1.10"), "prod")
    assert json.loads(kept.reveal())["users"][0]["user"]["token"] == "1.10"


@pytest.mark.parametrize("user", [{}, None])
async def test_the_loader_reads_what_is_kept(user: Any, tmp_path: Path) -> None:
    folder = Folder()
    path = folder.hold("key", reduce(config({"tls-server-name": "api"}, user), None))
    found = await credentials.load(ClusterSettings(name="a", kubeconfig=path))
    assert (found.server, found.server_name) == ("https://api.example:6443", "api")
    assert found.authorization == (None if user == {} else f"Bearer {TOKEN}")
    folder.close()


def test_anonymous() -> None:
    assert json.loads(reduce(config(), "anonymous").reveal())["users"][0]["user"] == {}


@pytest.mark.parametrize(
    ("text", "context", "message"),
    [
        (config(), "nobody", "has no context `nobody`"),
        (config(), "adrift", "has no cluster `missing`"),
        (config(), "lonely", "has no user `missing`"),
        (config(**{"current-context": ""}), None, "give the key `context`"),
        (config(), "other", "certificate-authority-data"),
        (config({"server": ""}), None, "not an http:// or https:// URL"),
        (config({"server": f"https://u:{TOKEN}@a"}), None, "not an http:// or https:// URL"),
        (config(None, {"exec": {"command": "sh"}}), None, "`exec` of context `prod` runs a plugin"),
        (config(None, {"auth-provider": {"name": "gcp"}}), None, "runs a plugin"),
        (config(None, {"tokenFile": "/var/run/secrets/token"}), None, "names a file"),
        (config(None, {"client-certificate": "/x", "client-key": "/x"}), None, "names a file"),
        (config(None, {"token": TOKEN, "as": "admin"}), None, "somebody else"),
        (config(None, {"token": TOKEN, "as-groups": ["system:masters"]}), None, "somebody else"),
        ("", None, "is not a kubeconfig"),
        ("[]", None, "is not a kubeconfig"),
        (f"{TOKEN}", None, "is not a kubeconfig (line 1)"),
        (f"users: [{{user: {{token: [{TOKEN}]}}}}]", None, "is not a kubeconfig (line 1)"),
        (f"a: b\ntoken: {TOKEN}: x", None, "is not a kubeconfig (line 2)"),
        ("[" * 5000, None, "is not a kubeconfig"),
    ],
)
def test_refused(text: str, context: str | None, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        reduce(text, context)
    assert message in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_files_are_for_this_process_only_and_go_with_their_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = Folder()
    first = Path(folder.hold(("ns", "a"), Secret("one")))
    assert folder.hold(("ns", "a"), Secret("one")) == str(first)
    other = Path(folder.hold(("ns", "b"), Secret("one")))
    assert (first.read_text(), other.read_text()) == ("one", "one")
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    second = Path(folder.hold(("ns", "a"), Secret("two")))
    assert second != first
    assert (first.exists(), second.read_text()) == (False, "two")
    folder.drop(("ns", "b"))
    folder.drop(("ns", "b"))
    assert list(second.parent.iterdir()) == [second]
    folder.close()
    assert not list(tmp_path.iterdir())
