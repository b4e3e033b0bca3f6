"""The AlertmanagerConfig and the operator's own definition of it: a real API server takes it, and refuses what is wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from chart.strictness import definitions_of_the_operator
from support.alertmanager import SHIPPED
from support.apiserver import ApiServer, resource_path

pytestmark = pytest.mark.e2e

GROUP, VERSION, PLURAL = "monitoring.coreos.com", "v1alpha1", "alertmanagerconfigs"
Resource = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("apiserver"), check_namespaces=False) as running:
        running.apply_crd(definitions_of_the_operator()[f"{PLURAL}.{GROUP}"])
        yield running


def resource() -> Resource:
    path = SHIPPED / "operator" / "alertmanagerconfig.yaml"
    made: Resource = yaml.safe_load(path.read_text(encoding="utf-8"))
    return made


def send(server: ApiServer, manifest: Resource) -> tuple[int, Any]:
    """Try to create an object as `kubectl apply` does, which refuses fields that are not known."""
    path = resource_path(GROUP, VERSION, PLURAL, "monitoring")
    answer = server.request("POST", path, manifest, query={"fieldValidation": "Strict", "dryRun": "All"})
    return answer.status, json.loads(answer.body)


def test_the_server_takes_it_and_loses_nothing(server: ApiServer) -> None:
    manifest = resource()
    status, answer = send(server, manifest)
    assert status == 201, answer
    assert answer["spec"] == manifest["spec"]


def walk(manifest: Resource, *path: str | int) -> Any:
    found: Any = manifest["spec"]
    for step in path:
        found = found[step]
    return found


def page(manifest: Resource) -> Resource:
    [found] = [one for one in walk(manifest, "receivers") if one["name"] == "backup-sentinel-page"]
    settings: Resource = found["opsgenieConfigs"][0]
    return settings


MUTATIONS: dict[str, tuple[Callable[[Resource], object], str]] = {
    "a field that does not exist": (
        lambda made: page(made).update(priorities="P1"),
        'unknown field "spec.receivers[1].opsgenieConfigs[0].priorities"',
    ),
    "a secret in plain text": (lambda made: page(made).update(apiKey="fake"), "apiKey"),
    "a matcher of a kind that there is not": (
        lambda made: walk(made, "route", "matchers")[0].update(matchType="~"),
        "matchType",
    ),
    "a time that is a number": (lambda made: walk(made, "route").update(repeatInterval=24), "repeatInterval"),
    "a receiver without a name": (lambda made: walk(made, "receivers")[0].pop("name"), "name"),
    "a responder without a kind": (lambda made: page(made)["responders"][0].pop("type"), "type"),
    "inhibitions that are no list": (lambda made: made["spec"].update(inhibitRules={}), "inhibitRules"),
}


@pytest.mark.parametrize("mistake", MUTATIONS)
def test_the_server_refuses(mistake: str, server: ApiServer) -> None:
    mutate, complaint = MUTATIONS[mistake]
    manifest = copy.deepcopy(resource())
    mutate(manifest)
    assert manifest != resource()
    status, answer = send(server, manifest)
    assert status in {400, 422}, answer
    assert complaint in answer["message"]
