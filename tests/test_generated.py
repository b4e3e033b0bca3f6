"""Generated files are what the source says; `make generate` writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_sentinel import commands, service
from backup_sentinel.config import Config
from backup_sentinel.generate import reference
from backup_sentinel.generate.artefact import fill, table
from backup_sentinel.generate.artefacts import Source, collect, kinds
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


def test_rights_are_to_read_and_nothing_else() -> None:
    made = manifests(service.profiles(Config()), namespace="watch")
    roles = [manifest for manifest in made if manifest["kind"] == "ClusterRole"]
    assert [manifest["kind"] for manifest in made] == ["ServiceAccount", "ClusterRole", "ClusterRoleBinding"]
    verbs = {verb for role in roles for rule in role["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch"}
    resources = {name for role in roles for rule in role["rules"] for name in rule["resources"]}
    assert {"backups", "schedules", "restores", "backupstoragelocations"} <= resources
    assert not {"*", "secrets", "pods"} & resources


def test_rights_in_single_namespaces_need_no_cluster_role() -> None:
    made = manifests(service.profiles(Config()), namespace="watch", namespaces=["velero", "oadp"])
    assert {manifest["kind"] for manifest in made} == {"ServiceAccount", "Role", "RoleBinding"}
    assert {manifest["metadata"]["namespace"] for manifest in made if manifest["kind"] == "Role"} == {
        "velero",
        "oadp",
    }
