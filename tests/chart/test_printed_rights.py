"""`backup-sentinel generate rbac` prints for each command what the chart grants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel.cli import main
from chart.granting import rights
from chart.rendering import NAMESPACE, Manifest, configuration, pod, render

PLACES = ("--set=namespaces={velero,oadp}",)
CLUSTERS = '--set-json=config.clusters=[{"name":"home","in_cluster":true},{"name":"away","api_url":"https://away:6443"}]'
FEW = "--set=config.export.operators={kasten,velero}"
"""One of them polls. That the chart grants what all profiles read is tested beside this."""


@pytest.fixture
def printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[Manifest]]:
    """Return what gives the manifests that are printed for a configuration."""

    def ask(text: str, *arguments: str) -> list[Manifest]:
        path = tmp_path / "config.yaml"
        path.write_text(text, "utf-8")
        code = main(["generate", "rbac", f"--config={path}", f"--namespace={NAMESPACE}", *arguments])
        told = capsys.readouterr()
        assert code == 0, told.err
        return list(yaml.safe_load_all(told.out))

    return ask


def granted(manifests: Sequence[Manifest], account: str) -> set[tuple[Any, ...]]:
    """Return what an account may do, each with the namespace or "", and the names of the objects or ()."""
    found = set()
    for binding in manifests:
        if not binding["kind"].endswith("Binding"):
            continue
        if account not in {subject["name"] for subject in binding["subjects"]}:
            continue
        place = binding["metadata"].get("namespace", "")
        [role] = [
            one
            for one in manifests
            if one["kind"] == binding["roleRef"]["kind"]
            and one["metadata"]["name"] == binding["roleRef"]["name"]
            and one["metadata"].get("namespace", "") == place
        ]
        for rule in role["rules"]:
            names = tuple(rule.get("resourceNames", ()))
            found |= {(place, *right, names) for right in rights([rule])}
    return found


@pytest.mark.parametrize(
    ("case", "component", "more"),
    [
        ("default", "exporter", PLACES),
        ("default", "exporter", ("--set=config.state.backend=off",)),
        ("shards", "exporter", ("--set=config.state.namespace=state", "--set=config.state.name=old")),
        ("relay", "relay", PLACES),
        ("relay", "relay", ("--set=relay.config.relay.enrichers[1].results.enabled=false",)),
        ("relay", "relay", ("--set=relay.config.relay.enrichers[1].events=false",)),
        ("notify", "notify", ("--set=notify.config.notify.record.namespace=sent",)),
        ("notify", "notify", (CLUSTERS, "--set=notify.config.notify.record.cluster=home")),
        ("notify", "notify", (CLUSTERS, "--set=notify.config.notify.record.cluster=away")),
    ],
)
def test_what_is_printed_is_what_the_chart_grants(
    case: str, component: str, more: tuple[str, ...], printed: Callable[..., list[Manifest]]
) -> None:
    only: tuple[str, ...] = ()
    if PLACES[0] in more:  # and nothing that belongs to no namespace
        more, only = (*more, "--set=rbac.useClusterRole=false"), ("--only-in=velero", "--only-in=oadp")
    manifests = render(case, FEW, *more)
    expected = granted(manifests, pod(manifests, component)["serviceAccountName"])
    assert expected
    made = printed(configuration(manifests, component), f"--for={component}", *only)
    [account] = [one["metadata"] for one in made if one["kind"] == "ServiceAccount"]
    assert granted(made, account["name"]) == expected
    name = "backup-sentinel" if component == "exporter" else f"backup-sentinel-{component}"
    assert (account["name"], account["namespace"]) == (name, NAMESPACE)


@pytest.mark.parametrize(
    "enrichers", ["[]", "[{type: backup_state, exporter: {url: 'http://exporter.example.org:9950'}}]"]
)
def test_a_relay_that_asks_no_cluster_gets_an_account_only(
    enrichers: str, printed: Callable[..., list[Manifest]]
) -> None:
    text = f"relay:\n  channels: [{{type: log, name: log}}]\n  enrichers: {enrichers}\n"
    assert [one["kind"] for one in printed(text, "--for=relay")] == ["ServiceAccount"]


def test_a_cluster_elsewhere_grants_what_is_read_there(printed: Callable[..., list[Manifest]]) -> None:
    """Neither the state nor Secrets are kept there; what enrichers and channels ask is."""
    found = {}
    for component, case in (("exporter", "shards"), ("notify", "notify"), ("relay", "relay")):
        made = printed(configuration(render(case, FEW), component), "--remote", f"--for={component}")
        found[component] = granted(made, "backup-sentinel")
        assert not {"Role", "RoleBinding"} & {one["kind"] for one in made}
    assert {right[3] for right in found["exporter"] | found["notify"]} == {"get", "list", "watch"}
    assert ("", "", "events", "create", ()) in found["relay"]
