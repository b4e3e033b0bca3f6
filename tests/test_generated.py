"""Generated files are what the source says; `make generate` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backup_sentinel import commands, service
from backup_sentinel.config import Config
from backup_sentinel.generate import reference
from backup_sentinel.generate.artefact import fill, table
from backup_sentinel.generate.artefacts import Source, collect, kinds
from backup_sentinel.generate.grants import Process, exporter
from backup_sentinel.generate.rbac import manifests

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_generated_files_are_up_to_date(kind: str) -> None:
    made = list(collect([kind], Source(ROOT, service.profiles(Config()), commands.parser())))
    assert made
    stale = [artefact.path for artefact in made if (ROOT / artefact.path).read_text("utf-8") != artefact.text]
    assert not stale, "write them with: make generate"


def test_a_block_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="`metrics`"):
        fill("nothing", {"metrics": "text"})


def test_blocks_are_replaced_as_they_are() -> None:
    text = "a\n<!-- generated: x -->\nold\n<!-- end: x -->\nb\n"
    assert fill(text, {"x": r"new \1"}) == "a\n<!-- generated: x -->\nnew \\1\n<!-- end: x -->\nb\n"


def test_cells_cannot_break_a_table() -> None:
    assert table(("a", "b"), [("x|y", "z\nw")]) == "| a | b |\n| --- | --- |\n| x\\|y | z w |\n"


def test_every_setting_is_explained() -> None:
    unexplained = [line for line in reference.settings().splitlines() if line.endswith("|  |")]
    assert not unexplained


def printed(*namespaces: str) -> list[dict[str, Any]]:
    """Return what is printed for the exporter without a configuration."""
    process = Process(Config(), service.profiles(Config()), "watch", namespaces)
    return manifests(exporter(process), namespace="watch")


def test_rights_are_to_read_and_to_remember_and_nothing_else() -> None:
    made = printed()
    roles = {one["metadata"]["name"]: one for one in made if one["kind"] in {"Role", "ClusterRole"}}
    assert set(roles) == {f"backup-sentinel{suffix}" for suffix in ("", "-state", "-identity")}
    reading = roles["backup-sentinel"]["rules"]
    assert {verb for rule in reading for verb in rule["verbs"]} == {"get", "list", "watch"}
    resources = {name for rule in reading for name in rule["resources"]}
    assert {"backups", "schedules", "restores", "backupstoragelocations"} <= resources
    assert not {"*", "secrets", "pods"} & resources
    assert roles["backup-sentinel-state"]["metadata"]["namespace"] == "watch"


def test_rights_in_single_namespaces_need_no_cluster_role() -> None:
    made = printed("velero", "oadp")
    assert {manifest["kind"] for manifest in made} == {"ServiceAccount", "Role", "RoleBinding"}
    assert {
        manifest["metadata"]["namespace"]
        for manifest in made
        if manifest["kind"] == "Role" and manifest["metadata"]["name"] == "backup-sentinel"
    } == {"velero", "oadp"}
