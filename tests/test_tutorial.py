"""The tutorial for profiles does what it says: its files are written, its commands are run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "exporter" / "profiles.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```yaml file=(\S+)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "tapes.yaml").write_text(FILES["tapes.yaml"], encoding="utf-8")
    return tmp_path


def run(command: str, home: Path) -> subprocess.CompletedProcess[str]:
    words = command.split()
    assert words[0] == "backup-sentinel"
    return subprocess.run(
        [sys.executable, "-m", "backup_sentinel", *words[1:]],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_there_is_something_to_run() -> None:
    assert len(COMMANDS) == 4
    assert set(FILES) == {"objects.yaml", "tapes.yaml", "config.yaml"}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command: str, home: Path) -> None:
    done = run(command, home)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_check_runs_the_examples(home: Path) -> None:
    assert "profile tapes: 3 examples, 0 failed" in run(COMMANDS[0], home).stdout
    told = run(COMMANDS[2], home).stdout
    assert "profile tapes: 3 examples, 0 failed" in told
    assert "profile records: 1 example, 0 failed" in told


def test_what_is_explained(home: Path) -> None:
    [shown] = re.findall(r"^```text\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    told = run(COMMANDS[1], home).stdout
    assert re.sub(r"[ ]+", " ", shown) in re.sub(r"[ ]+", " ", told)
    assert "outcome" in told
    assert "failed   <- status.state = 'Broken' [map]" in told
    assert "tape is full" in told
    assert "unknown" not in told.replace("reason", "")


def test_the_rights_are_those_of_the_profiles(home: Path) -> None:
    told = run(COMMANDS[3], home).stdout
    assert "- taperuns" in told
    assert "- dumps" in told


@pytest.mark.parametrize(
    ("place", "wrong", "line", "told"),
    [
        ("tapes.yaml", "map: {Writing: running, Done: suceeded", 33, "succeeded"),
        ("config.yaml", "map: {ok: suceeded", 13, "succeeded"),
    ],
)
def test_a_mistake_is_shown_where_it_stands(home: Path, place: str, wrong: str, line: int, told: str) -> None:
    """In a file of its own and in the configuration alike."""
    text = (home / place).read_text(encoding="utf-8")
    assert wrong.replace("suceeded", "succeeded") in text
    (home / place).write_text(text.replace(wrong.replace("suceeded", "succeeded"), wrong), encoding="utf-8")
    done = run("backup-sentinel check tapes.yaml" if place == "tapes.yaml" else COMMANDS[2], home)
    assert done.returncode != 0
    assert f"{place}:{line}:" in done.stderr
    assert "^" in done.stderr
    assert told in done.stderr
