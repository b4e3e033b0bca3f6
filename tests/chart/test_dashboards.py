"""Dashboards as ConfigMaps for the sidecar, and as resources of the Grafana operator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chart.rendering import ROOT, Manifest, component_of, find, kinds, render

SIDECAR = "--set=dashboards.sidecar.enabled=true"
OPERATOR = "--set=dashboards.grafanaOperator.enabled=true"


def shipped() -> dict[str, Any]:
    """Return the dashboards of the repository by name."""
    return {
        path.stem.removeprefix("grafana-"): json.loads(path.read_text("utf-8"))
        for path in (ROOT / "dashboards").glob("grafana-*.json")
    }


def config_maps(*more: str, case: str = "default") -> list[Manifest]:
    """Return the ConfigMaps of a case that hold a dashboard."""
    return [
        manifest
        for manifest in render(case, *more)
        if manifest["kind"] == "ConfigMap" and component_of(manifest) == "dashboards"
    ]


def boards(*more: str) -> dict[str, Any]:
    """Return the dashboards in the ConfigMaps by the names of their files."""
    return {
        name: json.loads(text) for manifest in config_maps(*more) for name, text in manifest["data"].items()
    }


def test_none_are_installed_unless_they_are_asked_for() -> None:
    assert config_maps() == []
    assert "GrafanaDashboard" not in kinds(render())


def test_the_sidecar_gets_the_dashboards_of_the_repository() -> None:
    assert boards(SIDECAR) == {f"backup-sentinel-{name}.json": board for name, board in shipped().items()}


def test_the_operator_gets_the_dashboards_of_the_repository() -> None:
    found = {
        manifest["metadata"]["name"].removeprefix("watch-dog-backup-sentinel-"): json.loads(
            manifest["spec"]["json"]
        )
        for manifest in render("default", OPERATOR)
        if manifest["kind"] == "GrafanaDashboard"
    }
    assert found == shipped()


def test_the_sidecar_finds_them_by_its_label() -> None:
    for manifest in config_maps(SIDECAR):
        assert manifest["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert manifest["metadata"]["annotations"] == {"grafana_folder": "Backups"}
    for manifest in config_maps(SIDECAR, "--set=dashboards.folder="):
        assert "annotations" not in manifest["metadata"]


def test_every_setting_of_the_sidecar_arrives() -> None:
    for manifest in config_maps(case="everything"):
        metadata = manifest["metadata"]
        assert metadata["namespace"] == "grafana"
        assert metadata["labels"]["dashboard"] == "yes"
        assert metadata["labels"]["example.org/dashboard"] == "1"
        assert metadata["annotations"]["folder"] == "Platform"
        assert metadata["annotations"]["example.org/dashboard"] == "1"


def test_grafanas_are_chosen_by_the_usual_label() -> None:
    spec = find(render("default", OPERATOR), "GrafanaDashboard", "-backup-sentinel-backup-sentinel")["spec"]
    assert spec["instanceSelector"] == {"matchLabels": {"dashboards": "grafana"}}


def test_every_setting_of_the_operator_arrives() -> None:
    manifest = find(render("everything"), "GrafanaDashboard", "-daily-backup-overview")
    assert manifest["metadata"]["namespace"] == "grafana"
    assert manifest["metadata"]["labels"]["example.org/dashboard"] == "1"
    assert {key: value for key, value in manifest["spec"].items() if key != "json"} == {
        "instanceSelector": {"matchLabels": {"team": "platform"}},
        "allowCrossNamespaceImport": True,
        "folder": "Platform",
        "resyncPeriod": "1h",
    }


def test_each_can_be_left_out() -> None:
    left = {f"backup-sentinel-{name}.json" for name in shipped()} - {"backup-sentinel-velero-operations.json"}
    assert set(boards(SIDECAR, "--set=dashboards.disabled={velero-operations}")) == left


@pytest.mark.parametrize("address", ["https://backups.example.org", "https://backups.example.org/"])
def test_the_link_to_the_status_page_is_the_readers(address: str) -> None:
    before = json.dumps(boards(SIDECAR))
    after = json.dumps(boards(SIDECAR, f"--set=dashboards.statusPage={address}"))
    assert "http://localhost:9950" in before
    assert "http://localhost:9950" not in after
    assert after == before.replace("http://localhost:9950", "https://backups.example.org")


def test_they_fit_into_what_kubectl_notes() -> None:
    """`kubectl apply` keeps what it applied in an annotation; all annotations together hold 256 KiB."""
    for manifest in config_maps(SIDECAR):
        assert len(json.dumps(manifest).encode()) < 255 * 1024, manifest["metadata"]["name"]
