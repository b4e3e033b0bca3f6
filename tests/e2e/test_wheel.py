"""What is published works without the tools of development: the wheel in an empty environment starts and serves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.exporter import Exporter

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], check=False, capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    [wheel] = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", folder / "venv")
    run(folder / "venv/bin/python", "-m", "pip", "install", "--quiet", f"{wheel}[speed]")
    return folder / "venv/bin"


def test_the_installed_demo_serves(installed: Path, tmp_path: Path) -> None:
    command = [installed / "backup-sentinel"]
    with Exporter(tmp_path, {}, command=command, arguments=("demo", "--log-level", "info")) as exporter:
        exporter.wait_ready()
        clusters = {labels["cluster"] for labels, _ in exporter.samples("backup_sentinel_cluster_up")}
        assert clusters == {"prod-eu", "prod-us", "staging"}


def test_the_installed_profiles_pass_their_examples(installed: Path) -> None:
    assert "0 failed" in run(installed / "backup-sentinel", "check")


def test_nothing_of_the_tests_is_installed(installed: Path) -> None:
    listed = run(installed / "python", "-m", "pip", "list", "--format=freeze")
    assert "pytest" not in listed
    assert "mypy" not in listed


def test_the_dockerfile_is_clean() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is packaged for Linux on x86-64 only")
    assert run(hadolint, ROOT / "exporter/Dockerfile") == ""
