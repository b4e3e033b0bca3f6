"""Every command and every file shown in the README, and in that of the exporter, does what it is said to do."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from backup_sentinel import config
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.kubeconfig import kubeconfig
from backup_sentinel.demo.story import Story
from support.exporter import Exporter
from support.markdown import ROOT, blocks, text

README = ROOT / "README.md"
REFERENCE = ROOT / "exporter" / "README.md"
TESTED_ELSEWHERE = {
    "make demo": "tests/e2e/test_demo.py",
    ".venv/bin/backup-sentinel export": "test_export_serves_the_cluster_of_the_kubeconfig",
}
COMMANDS = [
    command for page in (README, REFERENCE) for block in blocks(page, "sh") for command in block.commands()
]
EXAMPLES = [block.code for block in blocks(REFERENCE, "yaml") if "clusters:" in block.code]


@pytest.fixture
async def surroundings(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """A home with a kubeconfig, as a user has it."""
    cluster = Story.load("fleet").clusters["staging"]
    async with SimulatedApiServer(cluster) as server:
        path = tmp_path / "kubeconfig"
        path.write_text(kubeconfig({"staging": server}), encoding="utf-8")
        (tmp_path / "config.yaml").write_text(EXAMPLES[0], encoding="utf-8")
        yield {**os.environ, "KUBECONFIG": str(path), "HOME": str(tmp_path)}


async def run(command: str, environment: dict[str, str], folder: Path) -> tuple[int, str]:
    program, *arguments = command.split()
    assert program.removeprefix(".venv/bin/") == "backup-sentinel"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "backup_sentinel", *arguments),
        env=environment,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in TESTED_ELSEWHERE])
async def test_each_command_works(command: str, surroundings: dict[str, str], tmp_path: Path) -> None:
    code, told = await run(command, surroundings, tmp_path)
    expected = {
        "status": (2, "apps-daily"),
        "check": (0, "config.yaml: ok"),
        "generate": (0, "kind: ClusterRole"),
    }
    exit_code, said = expected[command.split()[1]]
    assert (code, said in told) == (exit_code, True), told


async def test_export_serves_the_cluster_of_the_kubeconfig(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    def look() -> float | None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KUBECONFIG", surroundings["KUBECONFIG"])
            with Exporter(tmp_path / "exporter", {}) as exporter:
                exporter.wait_ready()
                # A cluster without a name has no label for one.
                [(labels, value)] = exporter.samples("kube_backup_schedule_valid", schedule="apps-daily")
                assert "cluster" not in labels
                return value

    assert await asyncio.to_thread(look) == 1


def test_the_demo_has_as_many_clusters_as_the_readme_says() -> None:
    words = {2: "two", 3: "three", 4: "four", 5: "five"}
    assert f"starts {words[len(Story.load('fleet').clusters)]} simulated clusters" in text(README)


def test_the_configuration_is_valid() -> None:
    [example] = EXAMPLES
    assert [cluster.name for cluster in config.parse(example).clusters] == ["prod-eu", "prod-us"]


def test_the_scrape_configuration_is_yaml() -> None:
    [example] = [block.code for block in blocks(README, "yaml")]
    assert yaml.safe_load(example)["scrape_configs"][0]["static_configs"][0]["targets"] == ["localhost:9950"]


def test_the_readme_is_short_and_names_each_part() -> None:
    assert len(text(README).splitlines()) < 120
    named = re.findall(r"^\| \[?([\w ]+)\]?", text(README), re.MULTILINE)
    assert {"exporter", "profiles", "rules", "dashboards", "relay", "notify", "NethServer 8", "chart"} <= {
        name.strip() for name in named
    }
