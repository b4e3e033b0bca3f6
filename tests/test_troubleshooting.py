"""Each symptom of the page is made to happen; its commands are run, and the program says what the page quotes."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from backup_sentinel.demo.access import Access, Grant
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.cluster import SimulatedCluster
from backup_sentinel.demo.story import Story
from support.process import lack
from support.velero import backup

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "exporter" / "troubleshooting.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SECONDS = 90.0
POST = """curl -s http://localhost:9951/alert -d '{"alerts":[{"status":"firing","labels":{"alertname":"Test"}}]}'; echo"""


def sections() -> dict[str, str]:
    heads = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(heads[1::2], heads[2::2], strict=True))


def commands(section: str) -> list[str]:
    blocks = [code for _, language, code in FENCE.findall(sections()[section]) if language == "sh"]
    return [
        line
        for code in blocks
        if not code.lstrip().startswith("# needs ")
        for line in code.splitlines()
        if line
    ]


def quotes(section: str) -> list[str]:
    blocks = [code for _, language, code in FENCE.findall(sections()[section]) if language == "text"]
    return [line for code in blocks for line in code.splitlines()]


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


def matches(quoted: str, said: str) -> bool:
    """Tell whether a line is among those said; the columns of tables may be wider, `…` is anything."""
    pattern = " +".join(re.escape(word).replace("…", ".*?") for word in quoted.split())
    return re.search(rf"^(\d\d:\d\d:\d\d )? *{pattern}", said, re.MULTILINE) is not None


Scenario: TypeAlias = Callable[[Place], AbstractAsyncContextManager[None]]
SCENARIOS: dict[str, Scenario] = {}


def scenario(section: str) -> Callable[[Scenario], Scenario]:
    def register(made: Scenario) -> Scenario:
        SCENARIOS[section] = made
        return made

    return register


def watching(server: SimulatedApiServer, **settings: Any) -> dict[str, Any]:
    return {"clusters": [{"name": "prod-eu", "api_url": server.url, **settings}]}


def fleet(cluster: str = "staging") -> SimulatedCluster:
    return Story.load("fleet").clusters[cluster]


@scenario("No metrics")
@asynccontextmanager
async def mistaken(place: Place) -> AsyncIterator[None]:
    place.configure({"export": {"operator": ["velero"]}})
    yield


@scenario("Port in use")
@asynccontextmanager
async def occupied(place: Place) -> AsyncIterator[None]:
    async with SimulatedApiServer() as server, place.exporting(watching(server)):
        port = place.exporter.rpartition(":")[2]
        await place.run(f"backup-sentinel export --config config.yaml --listen 127.0.0.1:{port}")
        yield


@scenario("401")
@asynccontextmanager
async def unauthorized(place: Place) -> AsyncIterator[None]:
    async with SimulatedApiServer(fleet(), access=Access({"good": "sentinel"})) as server:
        (place.folder / "web.yaml").write_text(
            "basic_auth_users: {sre: $2b$04$KmCm/0f04RM/vUa.sE0XFu9FHnDBIHAvRV5M3IMDlxSJTTnxFhCmC}\n"
        )
        settings = watching(server, token="bad") | {"web": {"config_file": str(place.folder / "web.yaml")}}
        async with place.exporting(settings):
            await place.logged("HTTP 401")
            yield
    channels = [{"type": "log", "name": "log"}]
    async with place.relaying({"intake": {"tokens": [{"token": "fake"}]}, "channels": channels}):
        await place.run(POST)


@scenario("403")
@asynccontextmanager
async def forbidden(place: Place) -> AsyncIterator[None]:
    rights = [Grant(("get", "list", "watch"), ("schedules.velero.io",))]
    async with SimulatedApiServer(fleet(), access=Access({"t": "sentinel"}, {"sentinel": rights})) as server:
        place.configure(watching(server, token="t"))
        yield


@scenario("Nothing found")
@asynccontextmanager
async def empty(place: Place) -> AsyncIterator[None]:
    async with SimulatedApiServer() as server, place.exporting(watching(server)):
        yield


@scenario("A schedule is missing")
@scenario("An alert does not fire")
@asynccontextmanager
async def ordinary(place: Place) -> AsyncIterator[None]:
    async with SimulatedApiServer(fleet("prod-eu")) as server:
        place.configure(watching(server))
        yield


@scenario("Unknown runs")
@asynccontextmanager
async def unknown(place: Place) -> AsyncIterator[None]:
    cluster = fleet()
    cluster.put(backup("odd", "Paused", schedule="ci-cache"))
    async with SimulatedApiServer(cluster) as server, place.exporting(watching(server)):
        await place.seen("^backup_sentinel_unmapped_phases_total.* 1")
        yield


@scenario("Counters at 0")
@asynccontextmanager
async def forgetful(place: Place) -> AsyncIterator[None]:
    state = {"backend": "file", "path": "/proc/nowhere", "interval_seconds": 1}
    async with SimulatedApiServer(fleet()) as server, place.exporting({**watching(server), "state": state}):
        await place.seen("^backup_sentinel_state_save_failures_total [1-9]")
        yield


@scenario("A cluster is down")
@asynccontextmanager
async def down(place: Place) -> AsyncIterator[None]:
    async with SimulatedApiServer(fleet()) as server, place.exporting(watching(server)):
        await place.seen("^kube_backup_schedule_valid.*ci-cache.* 1")
        await server.down()
        await place.seen("^backup_sentinel_cluster_up.* 0")
        yield


@scenario("No mail")
@scenario("The relay answers 503")
@asynccontextmanager
async def undeliverable(place: Place) -> AsyncIterator[None]:
    channel = {"type": "email", "name": "mail", "host": "127.0.0.1", "port": 1, "encryption": "none"}
    who = {"from": "backups@example.org", "to": ["sre@example.org"]}
    async with place.relaying({"intake": {"max_pending": 1}, "channels": [channel | who]}):
        await place.run(POST)
        await place.logged("delivery failed")
        await place.run(POST.replace("Test", "Other"))
        yield


def test_each_symptom_is_in_the_table() -> None:
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE.partition("\n## ")[0])) == {
        re.sub(r"[^\w -]", "", name).lower().replace(" ", "-") for name in sections()
    }


def test_each_symptom_with_commands_or_quotes_happens() -> None:
    assert {name for name in sections() if commands(name) or quotes(name)} == set(SCENARIOS)


@pytest.mark.parametrize("section", SCENARIOS)
async def test_the_page_quotes_what_is_said(section: str, tmp_path: Path) -> None:
    for program in ("curl", "ss"):
        if any(re.search(rf"\b{program} ", command) for command in commands(section)) and not shutil.which(
            program
        ):
            lack(f"{program} is not installed")
    place = Place(tmp_path)
    async with SCENARIOS[section](place):
        for command in commands(section):
            await place.run(command)
    for quoted in quotes(section):
        assert matches(quoted, place.said), f"{quoted}\n--- was not said:\n{place.said[-6000:]}"
