"""A folder in which the commands of a page are run, beside exporters and relays that they ask."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

SECONDS = 90.0


class Place:
    """A folder with a configuration, in which commands are run; `said` is everything that was told there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = ""
        self.exporter = self.relay = ""
        self.log = folder / "log"
        (folder / "backup-sentinel").write_text(
            f'#!/bin/sh\nexec {sys.executable} -m backup_sentinel "$@"\n', encoding="utf-8"
        )
        (folder / "backup-sentinel").chmod(0o755)

    def configure(self, settings: Mapping[str, Any]) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(dict(settings)), encoding="utf-8")

    async def run(self, command: str) -> None:
        """Run a command as it stands on the page, but for the addresses."""
        for address, real in (
            ("http://localhost:9950", self.exporter),
            ("http://localhost:9951", self.relay),
        ):
            command = command.replace(address, real)
        process = await asyncio.create_subprocess_shell(
            command,
            cwd=self.folder,
            env={**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await asyncio.wait_for(process.communicate(), SECONDS)
        self.said += told.decode()

    @asynccontextmanager
    async def exporting(self, settings: Mapping[str, Any]) -> AsyncIterator[None]:
        """Run an exporter."""
        async with self._serving("export", {"state": {"backend": "off"}, **settings}) as url:
            self.exporter = url
            yield

    @asynccontextmanager
    async def relaying(self, settings: Mapping[str, Any]) -> AsyncIterator[None]:
        """Run a relay."""
        outbox = {"path": str(self.folder / "relay.db")}
        async with self._serving("relay", {"relay": {"outbox": outbox, **settings}}) as url:
            self.relay = url
            yield

    @asynccontextmanager
    async def _serving(self, command: str, settings: Mapping[str, Any]) -> AsyncIterator[str]:
        """Run a process until it listens; what it logs is said at the end."""
        self.configure({**settings, "web": {"listen": "127.0.0.1:0", **settings.get("web", {})}})
        self.log.unlink(missing_ok=True)
        with self.log.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "backup_sentinel", command, "--log-format", "text"),
                *("--config", str(self.folder / "config.yaml")),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=sink,
            )
        try:
            yield (await self._listening(process))[1]
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            self.said += self.log.read_text("utf-8")

    async def _listening(self, process: asyncio.subprocess.Process) -> re.Match[str]:
        """Wait until the process listens; one that ends instead has said why."""

        def read() -> str:
            text = self.log.read_text("utf-8")
            assert process.returncode is None, text
            return text

        return await until(read, r'listening url="([^"]+)"')

    async def logged(self, pattern: str) -> re.Match[str]:
        """Wait until the log holds the pattern."""
        return await until(lambda: self.log.read_text("utf-8"), pattern)

    async def seen(self, pattern: str) -> None:
        """Wait until a line of the metrics matches."""

        def metrics() -> str:
            with urllib.request.urlopen(f"{self.exporter}/metrics", timeout=10) as answer:
                return str(answer.read().decode())

        await until(metrics, pattern)


async def until(read: Callable[[], str], pattern: str) -> re.Match[str]:
    """Read until the text holds the pattern."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = re.search(pattern, await asyncio.to_thread(read), re.MULTILINE)
            if found is not None:
                return found
            await asyncio.sleep(0.05)
