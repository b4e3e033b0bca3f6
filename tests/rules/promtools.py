"""Where promtool and pint are, and how rules are tried with them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from support.process import TOOLS

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "rules"
ANY = "any"
"""Stands for all test groups; the plainest are tried first, since most mistakes show there."""
PLAIN = "^fires|^clears|does not fire"
PARTS = 8
OLDEST = "2.42"
"""The oldest Prometheus that is supported: the one of Debian 12."""


def find(tool: str) -> Path:
    """Return a tool: the one built here, else one that is installed. Skip without it, or fail where CI is "true"."""
    built = TOOLS / tool
    if built.is_file():
        return built
    installed = shutil.which(tool)
    if installed is not None:
        return Path(installed)
    return missing(f"{tool} is neither built (make tools) nor installed")


def oldest_promtool() -> Path:
    """Return an installed promtool of the oldest version that is supported."""
    for folder in os.get_exec_path():
        path = Path(folder) / "promtool"
        if path.is_file() and version(path) == OLDEST:
            return path
    return missing(f"promtool {OLDEST} is not installed (Debian 12: apt-get install prometheus)")


def missing(reason: str) -> Path:
    """Skip the test, or fail it where CI is "true"."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@cache
def version(promtool: Path) -> str:
    """Return major and minor version; "" if the binary does not know them."""
    done = run(promtool, "--version")
    found = re.search(r"version (\d+\.\d+)\.", done.stdout + done.stderr)
    return found[1] if found else ""


def run(
    command: Path, *arguments: str | Path, folder: Path | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a tool and return what it says, whether it succeeded or not."""
    words = [str(command), *map(str, arguments)]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=timeout)


def check(promtool: Path, tests: Sequence[Path]) -> None:
    """Assert that the tests succeed. They are run in parts, side by side, none of which takes long."""
    assert tests
    parts = [tests[first::PARTS] for first in range(min(PARTS, len(tests)))]
    with ThreadPoolExecutor(max_workers=2) as threads:
        for done in threads.map(lambda part: run(promtool, "test", "rules", *part), parts):
            assert done.returncode == 0, (done.stdout + done.stderr).replace("SUCCESS", "").strip()


def failing(promtool: Path, attempts: Iterable[tuple[Path, str]]) -> list[bool]:
    """Return for each test file, limited to the test groups that match the pattern, whether it fails.

    Skip with a promtool that cannot limit itself to some groups.
    """
    known = run(promtool, "test", "rules", "--help")
    if "--run" not in known.stdout + known.stderr:
        missing("this promtool does not know `test rules --run`; build a newer one with: make tools")

    def fails(attempt: tuple[Path, str]) -> bool:
        path, pattern = attempt
        if pattern == ANY:
            return fails((path, PLAIN)) or fails((path, "."))
        done = run(promtool, "test", "rules", f"--run={pattern}", path)
        told = done.stdout + done.stderr
        assert ("FAILED" in told) == (done.returncode != 0), told
        return done.returncode != 0

    with ThreadPoolExecutor(max_workers=2) as threads:
        return list(threads.map(fails, attempts))
