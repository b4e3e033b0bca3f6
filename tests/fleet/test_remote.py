"""What is generated for a remote cluster, and what the page about it shows."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel import config
from backup_sentinel.export.profile import Profile, load_profiles
from backup_sentinel.fleet import Shard, environment
from backup_sentinel.fleet.labelled import SecretDecoder
from backup_sentinel.generate import rbac, remote
from fleet.conftest import encode

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "exporter/clusters.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def profiles() -> Sequence[Profile]:
    return load_profiles()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_what_a_remote_cluster_needs(profiles: Sequence[Profile]) -> None:
    made = list(yaml.safe_load_all(remote.text(profiles, namespace="watch")))
    assert made == remote.manifests(profiles, namespace="watch")
    kinds = ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Secret"]
    assert [manifest["kind"] for manifest in made] == kinds
    place, account, role, binding, token = made
    assert (
        place["metadata"]["name"]
        == account["metadata"]["namespace"]
        == token["metadata"]["namespace"]
        == "watch"
    )
    assert role["rules"] == rbac.rules(profiles)
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "backup-sentinel", "namespace": "watch"}
    ]
    assert token["type"] == "kubernetes.io/service-account-token"
    assert token["metadata"]["annotations"] == {
        "kubernetes.io/service-account.name": account["metadata"]["name"]
    }


def test_rights_in_some_namespaces_only(profiles: Sequence[Profile]) -> None:
    text = remote.text(profiles, namespaces=("velero", "k10"))
    made = [(m["kind"], m["metadata"].get("namespace")) for m in yaml.safe_load_all(text)]
    assert made[2:6] == [
        ("Role", "velero"),
        ("RoleBinding", "velero"),
        ("Role", "k10"),
        ("RoleBinding", "k10"),
    ]
    assert not {"ClusterRole", "ClusterRoleBinding"} & {kind for kind, _ in made}


def test_comments_lead_on(profiles: Sequence[Profile]) -> None:
    text = remote.text(profiles, namespace="watch")
    head = text[: text.index("---\n")]
    assert all(line.startswith("#") for line in head.splitlines())
    for part in (
        "--namespace watch get secret backup-sentinel-token -o jsonpath='{.data.token}'",
        r"-o jsonpath='{.data.ca\.crt}'",
        "label secret remote backup-sentinel.io/cluster=true",
        "delete secret backup-sentinel-token",
    ):
        assert part in head
    assert "&id" not in text


def test_the_right_to_read_secrets_is_the_one_on_the_page() -> None:
    [shown] = [block for block in blocks("yaml") if "kind: RoleBinding" in block]
    assert list(yaml.safe_load_all(shown)) == remote.secret_reader()


def test_the_configuration_on_the_page() -> None:
    [shown] = [block for block in blocks("yaml") if block.startswith("clusters:")]
    assert [cluster.name for cluster in config.parse(shown).clusters] == ["home", "prod-eu", "lab"]


def test_the_environment_on_the_page() -> None:
    [shown] = [block for block in blocks("sh") if "CLUSTER_1_NAME" in block]
    variables = dict(line.replace("'", "").split("=", 1) for line in shown.splitlines())
    found = environment.read(variables)
    assert [(cluster.name, cluster.title) for cluster in found] == [
        ("home", "home"),
        ("prod-eu", "Production EU"),
    ]
    told = set(re.findall(r"^\| `CLUSTER_<N>_(\w+)` \|", PAGE, re.MULTILINE))
    assert told == set(environment.SUFFIXES)


def test_the_secret_on_the_page() -> None:
    [shown] = [yaml.safe_load(block) for block in blocks("yaml") if "stringData" in block]
    data = {key: encode(value) for key, value in shown.pop("stringData").items()}
    found = SecretDecoder().item(yaml_to_json({**shown, "data": data}))
    assert found.problem is None
    assert found.settings is not None
    assert (found.settings.name, found.settings.label) == ("prod-eu", "Production EU")


def test_the_keys_on_the_page_are_those_that_are_read() -> None:
    from backup_sentinel.fleet.description import Data

    told = re.findall(r"^\| `([a-z.]+)` \|", PAGE, re.MULTILINE)
    assert {*told, "api_url"} == set(Data.__struct_encode_fields__)


def test_the_shards_on_the_page() -> None:
    told = re.findall(r"--shard,? (\w+/\d+)", PAGE)
    assert [str(Shard.parse(text, {"POD_NAME": "backup-sentinel-2"})) for text in told] == ["0/4", "2/4"]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / "exporter" / target).exists()


def yaml_to_json(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()
