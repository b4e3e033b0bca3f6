"""Every command and every file shown in the README does what it is said to do."""

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

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TESTED_ELSEWHERE = {
    "make demo": "tests/e2e/test_demo.py",
    "make test": "this very run",
    ".venv/bin/backup-sentinel export": "test_export_serves_the_cluster_of_the_kubeconfig",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


COMMANDS = [line.strip() for block in blocks("sh") for line in block.splitlines() if line.strip()]


@pytest.fixture
async def surroundings(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """A home with a kubeconfig, as a user has it."""
    cluster = Story.load("fleet").clusters["staging"]
    async with SimulatedApiServer(cluster) as server:
        path = tmp_path / "kubeconfig"
        path.write_text(kubeconfig({"staging": server}), encoding="utf-8")
        example = next(block for block in blocks("yaml") if "clusters:" in block)
        (tmp_path / "config.yaml").write_text(example, encoding="utf-8")
        yield {**os.environ, "KUBECONFIG": str(path), "HOME": str(tmp_path)}


async def run(command: str, environment: dict[str, str], folder: Path) -> tuple[int, str]:
    words = command.split()
    assert words[0] == ".venv/bin/backup-sentinel"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "backup_sentinel",
        *words[1:],
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
    exit_code, text = expected[command.split()[1]]
    assert (code, text in told) == (exit_code, True), told


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


@pytest.mark.parametrize("example", [block for block in blocks("yaml") if "clusters:" in block])
def test_each_configuration_is_valid(example: str) -> None:
    assert config.parse(example).clusters


def test_the_scrape_configuration_is_yaml() -> None:
    [example] = [block for block in blocks("yaml") if "scrape_configs" in block]
    assert yaml.safe_load(example)["scrape_configs"][0]["static_configs"][0]["targets"] == ["localhost:9950"]


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "exporter/README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"
