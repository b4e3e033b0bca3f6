import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.errors import ProblemReason
from backup_sentinel.fleet.labelled import Labelled, SecretDecoder
from backup_sentinel.kube.settings import ClusterSettings
from fleet.conftest import manifest
from fleet.test_kubeconfig import config

TOKEN = "t0p-s3cret-one"
URL = "https://a.example:6443"
PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


def decode(**keys: str) -> Labelled:
    return SecretDecoder().item(json.dumps(manifest("prod-eu", **keys)).encode())


def test_everything() -> None:
    found = decode(
        name="prod",
        label="Production",
        server=f"{URL}\n",
        token=f"{TOKEN}\n",
        ca=PEM,
        insecure="no",
        namespaces="velero, k10,velero,",
        surplus="\0",
    )
    assert found.settings == ClusterSettings(
        name="prod",
        label="Production",
        api_url=URL,
        token=TOKEN,
        ca_data=PEM.strip(),
        namespaces=("velero", "k10"),
    )
    assert found.problem is None
    assert TOKEN not in f"{found!r} {found}"


def test_the_least() -> None:
    found = decode(api_url=URL)
    assert found.settings == ClusterSettings(name="prod-eu", api_url=URL)
    assert (found.key, found.origin) == (("sentinel", "prod-eu"), "Secret sentinel/prod-eu")


def test_kubeconfig() -> None:
    found = decode(kubeconfig=config(), context="anonymous", ca=PEM)
    assert found.problem is None
    assert found.settings is not None
    assert (found.settings.name, found.settings.ca_data) == ("prod-eu", PEM.strip())
    assert found.kubeconfig is not None
    assert TOKEN not in repr(decode(kubeconfig=config()))


@pytest.mark.parametrize(
    ("keys", "path", "detail"),
    [
        ({}, "data", "neither `server` nor `kubeconfig`"),
        ({"token": TOKEN}, "data", "neither `server` nor `kubeconfig`"),
        ({"server": "a.example"}, "data.server", "`server` must be an http"),
        ({"server": f"https://u:{TOKEN}@a"}, "data.server", "neither user"),
        ({"server": URL, "token": f"{TOKEN}\n{TOKEN}"}, "data.token", "holds more than a token"),
        ({"server": URL, "insecure": TOKEN}, "data.insecure", "must be true or false"),
        ({"server": URL, "ca": TOKEN}, "data.ca.crt", "no certificate"),
        ({"server": URL, "name": "a\nb"}, "data.name", "one line"),
        ({"server": URL, "namespaces": "velero,../../secrets"}, "data.namespaces", "no name of a namespace"),
        ({"server": URL, "context": "x"}, "data.context", "belongs to `kubeconfig`"),
        ({"server": URL, "kubeconfig": config()}, "data.kubeconfig", "without `server`"),
        ({"token": TOKEN, "kubeconfig": config()}, "data.kubeconfig", "without `server` and `token`"),
        ({"kubeconfig": TOKEN}, "data.kubeconfig", "`kubeconfig` is not a kubeconfig (line 1)"),
        ({"kubeconfig": config(), "context": "x"}, "data.kubeconfig", "has no context `x`"),
    ],
)
def test_refused(keys: dict[str, str], path: str, detail: str) -> None:
    found = decode(**keys)
    assert found.settings is None
    assert found.problem is not None
    assert found.problem.path == path
    assert detail in found.problem.detail
    assert TOKEN not in repr(found)


@pytest.mark.parametrize("value", [base64.b64encode(b"\xff").decode(), "%%%", 7])
def test_not_text(value: Any) -> None:
    raw = manifest("a", server=URL)
    raw["data"]["token"] = value
    found = SecretDecoder().item(json.dumps(raw).encode())
    assert found.key == ("sentinel", "a")
    assert found.problem is not None


@given(st.binary(max_size=40))
def test_an_item_never_raises(raw: bytes) -> None:
    assert SecretDecoder().item(raw).problem is not None


def test_one_that_is_broken_does_not_break_the_page() -> None:
    broken: dict[str, Any] = {"metadata": {"name": "b"}, "data": {"server": []}}
    body = {"metadata": {"resourceVersion": "7", "continue": "x", "remainingItemCount": 3}}
    page = SecretDecoder().page(
        json.dumps({**body, "items": [manifest("a", server=URL), broken, 1]}).encode()
    )
    assert [item.name for item in page.items] == ["a", "b", ""]
    assert [item.problem and item.problem.reason for item in page.items] == [
        None,
        *[ProblemReason.UNDECODABLE] * 2,
    ]
    assert (page.resource_version, page.continue_token, page.remaining) == ("7", "x", 3)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"kind":"Status","code":500}', b'{"items":[],"metad'])
def test_no_page(body: bytes) -> None:
    with pytest.raises(ValueError):
        SecretDecoder().page(body)


def test_an_empty_page_of_go() -> None:
    assert SecretDecoder().page(b'{"metadata":{},"items":null}').items == []
