"""The pages beside the rules: runbooks in one form, links that lead somewhere, names that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from backup_sentinel.generate.runbooks import HEADINGS, headings
from rules.promtools import RULES
from rules.vocabulary import families

RUNBOOKS = sorted(RULES.glob("*/runbook.md"))
PAGES = sorted(RULES.glob("*.md"))
CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
METRIC = re.compile(r"\b(?:kube_backup|backup_sentinel)_[a-z_]+[a-z]\b")


def name_of(path: Path) -> str:
    return path.parent.name if path.name == "runbook.md" else path.name


def recorded(folders: str = "*/*") -> set[str]:
    documents = [yaml.safe_load(path.read_text("utf-8")) for path in RULES.glob(f"{folders}/rule.yaml")]
    return {
        rule["record"] for document in documents for group in document["groups"] for rule in group["rules"]
    }


RECORDED = recorded()


@pytest.mark.parametrize("path", RUNBOOKS, ids=name_of)
def test_runbooks_have_one_form(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith(f"# {path.parent.name}\n\n## Meaning\n")
    assert headings(text) == HEADINGS
    for section in re.split(r"^## ", CODE.sub("CODE", text), flags=re.MULTILINE)[1:]:
        assert len(section.split()) > 8, section


@pytest.mark.parametrize("path", RUNBOOKS, ids=name_of)
def test_runbooks_have_commands(path: Path) -> None:
    diagnosis = path.read_text("utf-8").partition("## Diagnosis\n")[2].partition("## Mitigation\n")[0]
    commands = [
        line for language, code in CODE.findall(diagnosis) if language == "sh" for line in code.splitlines()
    ]
    assert any(re.match(r"(velero|kubectl|amtool|redis-cli|systemctl) ", line) for line in commands)
    for language, code in CODE.findall(path.read_text("utf-8")):
        assert language in {"sh", "promql"}
        assert "..." not in code


OURS = re.compile(
    r"^kubectl .*logs -l app\.kubernetes\.io/(?:name=backup-sentinel|component=relay).*$", re.MULTILINE
)


@pytest.mark.parametrize(
    "path", [path for path in RUNBOOKS if OURS.search(path.read_text("utf-8"))], ids=name_of
)
def test_what_is_looked_for_in_our_log_is_written_there(path: Path) -> None:
    sources = "".join(file.read_text("utf-8") for file in (RULES.parent / "exporter").glob("**/*.py"))
    for command in OURS.findall(path.read_text("utf-8")):
        assert "--tail=" in command, "kubectl shows ten lines of pods that are chosen by a label"
        found = re.search(r"\| grep (?:-E )?(?:'([^']+)'|(\S+))$", command)
        for word in (found[1] or found[2]).split("|") if found else ():
            assert word == "CLUSTER" or word in sources, word


@pytest.mark.parametrize("path", [*RUNBOOKS, *PAGES], ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text("utf-8")):
        if not target.startswith("https://"):
            assert (path.parent / target).is_file(), target


@pytest.mark.parametrize("path", [*RUNBOOKS, *PAGES], ids=name_of)
def test_pages_name_what_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    stems = {part for name in RECORDED for part in name.split(":")}
    for name in METRIC.findall(text):
        assert name in families() or name in stems, name
    for alert in re.findall(r"\b(?:KubeBackup|BackupSentinel)[A-Z]\w+", text):
        assert (RULES / alert).is_dir(), alert


def test_files_that_pages_name_exist() -> None:
    for path in PAGES:
        for name in re.findall(r"`(dist/[\w./-]+)`", path.read_text("utf-8")):
            assert (RULES / name).exists(), name


def test_the_table_of_the_velero_manager_stack_is_complete() -> None:
    page = (RULES / "velero-manager.md").read_text("utf-8")
    names = [
        *("VeleroBackupFailed", "VeleroNoRecentBackup", "VeleroStorageLocationUnavailable"),
        *("VeleroBackupSuccessRateLow", "VeleroSchedulePaused", "VeleroDailyBackupMissing"),
        *(
            f"velero_cluster_{name}"
            for name in ("health_status", "backup_success_rate", "last_backup_timestamp")
        ),
        *("velero_cluster_backup_total", "velero_cluster_restore_total"),
        *(
            f"velero_backup_{name}"
            for name in ("total", "success_total", "failure_total", "duration_seconds")
        ),
        *("velero_backup_size_bytes", "velero_backup_items_total", "velero_backup_items_backed_up"),
    ]
    assert not [name for name in names if f"`{name}`" not in page]
    records = recorded("compat/*")
    assert not records & {f"velero_backup_{name}" for name in ("total", "success_total", "failure_total")}
    assert all(f"`{name}`" in page for name in records)
