"""Real restic repositories in directories, in the states in which a backup finds them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .process import Process, lack

PASSWORD = "not-a-real-password"


def binary() -> Path:
    """Return the program; the test is skipped without one, and fails where CI asks for it."""
    found = shutil.which("restic")
    if found is None:
        lack("restic is not installed")
    return Path(found)


class Repository:
    """A repository in a directory."""

    def __init__(self, path: Path, password: str = PASSWORD) -> None:
        self.path = path
        self.password = password
        binary()

    @property
    def environment(self) -> dict[str, str]:
        """What restic reads."""
        return {
            "RESTIC_REPOSITORY": str(self.path),
            "RESTIC_PASSWORD": self.password,
            "RESTIC_CACHE_DIR": str(self.path.parent / "cache"),
        }

    def run(self, *arguments: str | Path) -> str:
        """Run restic and return its output."""
        done = subprocess.run(
            [binary(), *arguments],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    def create(self) -> Repository:
        """Make the repository."""
        self.run("init")
        return self

    def locks(self) -> list[str]:
        """Return the ids of the locks that are there."""
        return sorted(path.name for path in (self.path / "locks").iterdir() if len(path.name) == 64)

    @contextlib.contextmanager
    def locked(self, folder: Path) -> Iterator[None]:
        """Hold the lock of a backup that is under way: it reads from a pipe into which nobody writes."""
        pipe = folder / "pipe"
        os.mkfifo(pipe)
        command: list[str | Path] = ["/bin/sh", "-c", 'exec "$0" backup --stdin < "$1"', binary(), pipe]
        process = Process(command, folder / "restic.log", environment=self.environment)
        with pipe.open("wb"):
            process.wait_until(lambda: bool(self.locks()), "restic holds its lock")
            try:
                yield
            finally:
                process.kill()
        pipe.unlink()

    def leave_exclusive_lock(self, folder: Path) -> None:
        """Leave the lock behind of a check that was killed: it read its index from a pipe into which nobody wrote."""
        source = folder / "source"
        source.write_text("x", encoding="utf-8")
        self.run("backup", source)
        index, *_ = (self.path / "index").iterdir()
        aside = index.rename(folder / "index")
        os.mkfifo(index)
        process = Process([binary(), "check"], folder / "restic.log", environment=self.environment)
        try:
            process.wait_until(lambda: bool(self.locks()), "restic holds its lock")
        finally:
            process.kill()
            index.unlink()
            aside.rename(index)
