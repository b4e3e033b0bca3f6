"""All pages: links lead somewhere, and each command is run by a test or says what of the reader's it needs."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.markdown import ROOT, Block, anchors, blocks, links, pages, prose, spans, text
from support.process import TOOLS, lack

PAGES = pages()
OWN = re.compile(r"https://github\.com/backup-sentinel/backup-sentinel/(?:blob|tree)/main/([^#]+)(?:#(.+))?")
"""Links to the project itself, which are given where a page is read elsewhere."""

SHELL = {"sh", "bash", "shell", "console"}


class Run(NamedTuple):
    """Commands of a page that a test runs or tries: what they begin with, and the test."""

    page: str
    begin: str
    test: str


RUN = (
    Run("README.md", "make demo", "tests/e2e/test_demo.py::test_make_demo_is_the_first_command"),
    Run("README.md", ".venv/bin/backup-sentinel", "tests/test_readme.py::test_each_command_works"),
    Run("dashboards/README.md", ".venv/bin/backup-sentinel", "tests/test_documentation.py::test_tools"),
    Run("exporter/README.md", "backup-sentinel", "tests/test_readme.py::test_each_command_works"),
    Run("exporter/clusters.md", "CLUSTER_", "tests/fleet/test_remote.py::test_the_environment_on_the_page"),
    Run("exporter/clusters.md", "backup-sentinel generate", "tests/test_documentation.py::test_tools"),
    Run(
        "exporter/clusters.md",
        "backup-sentinel export",
        "tests/fleet/test_remote.py::test_the_shards_on_the_page",
    ),
    Run(
        "exporter/migrating.md",
        "backup-sentinel import-ns8",
        "tests/test_migrating.py::test_a_configuration_of_the_monitor_is_translated",
    ),
    Run("exporter/install.md", "helm template", "tests/chart/test_install.py::test_helm_takes_each_command"),
    Run(
        "exporter/nethserver.md",
        "exporter/systemd/install.sh",
        "tests/nethserver/test_install.py::test_unattended_into_an_empty_root",
    ),
    Run(
        "exporter/nethserver.md",
        "backup-sentinel import-ns8",
        "tests/nethserver/test_import.py::test_the_command",
    ),
    *(
        Run(
            "exporter/nethserver.md",
            begin,
            "tests/nethserver/test_page.py::test_single_rules_are_made_of_the_files",
        )
        for begin in ("for alert in", "sed -n", "done")
    ),
    *(
        Run(
            "exporter/nethserver.md",
            begin,
            "tests/nethserver/test_page.py::test_a_weekly_plan_has_a_limit_of_its_own",
        )
        for begin in ("rule() {", "rule |")
    ),
    Run(
        "exporter/notify.md",
        "backup-sentinel notify --once",
        "tests/notify/test_docs.py::test_each_command_works",
    ),
    Run(
        "exporter/notify.md",
        "backup-sentinel notify sent",
        "tests/notify/test_docs.py::test_each_command_works",
    ),
    Run(
        "exporter/notify.md",
        "backup-sentinel notify --config",
        "tests/notify/test_daemon.py::test_what_recovers_is_told",
    ),
    Run("exporter/profiles.md", "backup-sentinel", "tests/test_tutorial.py::test_commands"),
    Run("exporter/relay.md", "curl", "tests/relay/test_docs.py::test_the_request_by_hand_is_answered"),
    *(
        Run("exporter/relay.md", f"backup-sentinel {name}", f"tests/relay/test_docs.py::{test}")
        for name, test in (
            ("check", "test_what_tries_a_configuration_works"),
            ("render", "test_what_tries_a_configuration_works"),
            ("send-test", "test_what_tries_a_configuration_works"),
            ("deadletters", "test_what_is_done_about_dead_letters_works"),
        )
    ),
    Run(
        "exporter/relay.md",
        "backup-sentinel demo --relay",
        "tests/demo/receivers/test_command.py::test_an_alert_arrives_as_mail_and_in_the_chat",
    ),
    Run(
        "exporter/troubleshooting.md", "", "tests/test_troubleshooting.py::test_the_page_quotes_what_is_said"
    ),
    Run("rules/README.md", "promtool", "tests/rules/test_promtool.py::test_rules_behave"),
    Run("rules/README.md", "(cd rules && pint", "tests/rules/test_promtool.py::test_rules_pass_pint"),
    Run("rules/README.md", "pytest tests/rules", "tests/rules/test_sources.py::test_an_alert_is_complete"),
    Run("rules/alertmanager/README.md", "amtool", "tests/test_documentation.py::test_tools"),
    Run("rules/loading.md", "promtool check rules", "tests/test_documentation.py::test_tools"),
)

SAID = {
    "backup-sentinel generate rbac --remote > remote.yaml": "",
    ".venv/bin/backup-sentinel generate dashboards": "grafana-daily-backup-overview.json",
    "amtool check-config": "Found:",
    "amtool config routes test": "backup-sentinel-page,backup-sentinel-chat-critical,backup-sentinel-chat",
    "amtool template render": "",
    "promtool check rules": "SUCCESS",
}
"""Commands that need nothing of the reader's, by what they begin with, and something that they say."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def shell(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language in SHELL]


def runnable(page: Path) -> Iterator[str]:
    """Yield the commands that need nothing that a test does not have; those of runbooks are for somebody's cluster."""
    if page.name != "runbook.md":
        for block in shell(page):
            if not block.needs:
                yield from block.commands()


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def test_all_pages_are_looked_at() -> None:
    named = {name_of(page) for page in PAGES}
    assert {"README.md", "exporter/README.md", "rules/KubeBackupFailed/runbook.md"} <= named
    assert not [name for name in named if name.startswith(".")]


@each_page
def test_a_page_has_one_title_and_closes_its_blocks(page: Path) -> None:
    assert text(page).startswith("# ")
    assert len(re.findall(r"^# ", prose(page), re.MULTILINE)) == 1
    assert not re.search(r"^ *```", prose(page), re.MULTILINE)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        own = OWN.fullmatch(link)
        if own:
            target, anchor = ROOT / own[1], own[2]
        elif link.startswith(("https://", "http://localhost:")):
            continue
        else:
            assert ":" not in link.split("/")[0], f"{link}: a link goes to a file or to https://"
            file, _, anchor = link.partition("#")
            target = page.parent / file if file else page
        assert target.resolve().is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.resolve()), (
                f"{link}: known are {sorted(anchors(target.resolve()))}"
            )


@each_page
def test_files_that_are_named_exist(page: Path) -> None:
    """Files of the repository by their path; a word in capitals is the reader's."""
    for span in spans(page):
        if re.fullmatch(r"(?:benchmarks|charts|dashboards|exporter|rules|tests)/[\w./*-]+", span):
            assert re.search(r"/[A-Z]+/", span) or list(ROOT.glob(span.rstrip("/"))), span


@each_page
def test_what_a_block_needs_is_its_first_line(page: Path) -> None:
    for block in shell(page):
        assert block.language == "sh", f"line {block.line}"
        said = re.findall(r"# needs\b.*", block.code)
        assert len(said) == bool(block.needs), f"line {block.line}: {said}"


@each_page
def test_each_command_is_run_by_a_test_or_says_what_it_needs(page: Path) -> None:
    for command in runnable(page):
        runs = [run for run in RUN if run.page == name_of(page) and command.startswith(run.begin)]
        assert runs, f"`{command}` is run by no test; begin its block with `# needs a cluster`, or run it"


@pytest.mark.parametrize("run", RUN, ids=lambda run: f"{run.page} {run.begin}".strip())
def test_the_tests_that_are_said_to_run_commands_exist(run: Run) -> None:
    file, _, name = run.test.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in functions
    assert any(command.startswith(run.begin) for command in runnable(ROOT / run.page)), "no such command"


def commands_for_tools() -> Iterator[tuple[str, str]]:
    for run in RUN:
        if run.test == "tests/test_documentation.py::test_tools":
            for command in runnable(ROOT / run.page):
                if command.startswith(run.begin):
                    yield run.page, command


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A checkout without its sources, in which our program is installed."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    program = programs / "backup-sentinel"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m backup_sentinel "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(("page", "command"), [*commands_for_tools()])
def test_tools(page: str, command: str, home: Path) -> None:
    """They are run in the folder of their page where that has any of their files, else at the root."""
    path = os.pathsep.join([str(home / ".venv" / "bin"), str(TOOLS), os.environ["PATH"]])
    folder = (home / page).parent if page.startswith("rules/") else home
    program = command.split(maxsplit=1)[0]
    if shutil.which(folder / program if "/" in program else program, path=path) is None:
        lack(f"{program} is neither built (make tools) nor installed")
    done = subprocess.run(
        command.replace("/etc/prometheus/rules/", "dist/"),
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, f"{page}: {told}"
    [expected] = [said for begin, said in SAID.items() if command.startswith(begin)]
    assert expected in told
    if command.endswith("> remote.yaml"):
        assert "kind: ClusterRole" in (home / "remote.yaml").read_text(encoding="utf-8")


def test_no_file_names_a_place_that_only_one_machine_has() -> None:
    foreign = re.compile(rb"(?<![\w./])/(?:work|tmp/team)/")
    folders = ("benchmarks", "charts", "dashboards", "exporter", "rules", "tests")
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in folders:
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert not [name_of(path) for path in files if foreign.search(path.read_bytes())]


@pytest.mark.parametrize(
    ("page", "code"),
    [(name_of(page), block.code) for page in PAGES for block in blocks(page, "python")],
)
def test_programs_run(page: str, code: str, home: Path) -> None:
    written = home / "written"
    written.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code.replace("/etc/prometheus/rules", str(written))],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{page}: {done.stderr}"
    assert "k8s_cluster" in "".join(path.read_text(encoding="utf-8") for path in written.iterdir())
