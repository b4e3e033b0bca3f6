"""Examples pass through a real API server that has the operators' own definitions, and mean the same afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from backup_sentinel.export.profile.examples import FAR
from support.apiserver import ApiServer

from .definitions import Defined, found, lawful, whole

pytestmark = pytest.mark.e2e
OURS = (
    "creationTimestamp",
    "uid",
    "ownerReferences",
    "generateName",
    "name",
    "namespace",
    "deletionTimestamp",
)
"""What a server decides itself about an object, or checks against other objects."""


@pytest.fixture(scope="module")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("apiserver"), check_namespaces=False) as server:
        yield server


@pytest.mark.parametrize("defined", found(), ids=str)
def test_examples_mean_the_same_after_the_server(apiserver: ApiServer, defined: Defined) -> None:
    kind, profile = defined.resource.type, defined.profile
    version = kind.versions[0]
    apiserver.apply_crd(defined.manifest)
    reader = profile.reader("", defined.resource, lambda: FAR)
    for number, example in enumerate(lawful(defined)):
        sent = whole(defined, example)
        before = reader.item(msgspec.json.encode(sent)).value
        own = {key: sent["metadata"][key] for key in OURS if key in sent["metadata"]}
        sent["metadata"] = {k: v for k, v in sent["metadata"].items() if k not in OURS}
        sent["metadata"]["name"] = f"example-{number}"
        namespace = "examples" if kind.namespaced else None
        apiserver.create(kind.group, version, kind.plural, namespace, sent)
        kept = apiserver.get(kind.group, version, kind.plural, namespace, f"example-{number}")
        for key in OURS:
            kept["metadata"].pop(key, None)
        kept["metadata"] |= own
        after = reader.item(msgspec.json.encode(kept)).value
        assert after == before, example.why
