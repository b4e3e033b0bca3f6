"""Each symptom of the page is made to happen; its commands are run, and the program says what the page quotes."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from backup_sentinel.demo.access import Access, Grant
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.cluster import SimulatedCluster
from backup_sentinel.demo.story import Story
from backup_sentinel.errors import DeliveryReason
from support.place import Place
from support.process import lack
from support.redis import RedisServer
from support.velero import backup

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "exporter" / "troubleshooting.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
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


@scenario("No module is known")
@asynccontextmanager
async def unknown_to_redis(place: Place) -> AsyncIterator[None]:
    redis = RedisServer(place.folder)
    redis.start()
    try:
        enricher = {"type": "ns8", "socket": str(redis.socket)}
        channels = [{"type": "log", "name": "log"}]
        async with place.relaying({"enrichers": [enricher], "channels": channels}):
            await place.run(POST.replace('"Test"', '"BackupFailed","id":"1","name":"nightly","node":"1"'))
            await place.logged("No recent backup status keys")
            yield
    finally:
        redis.stop()


def test_each_symptom_is_in_the_table() -> None:
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE.partition("\n## ")[0])) == {
        re.sub(r"[^\w -]", "", name).lower().replace(" ", "-") for name in sections()
    }


def test_each_symptom_with_commands_or_quotes_happens() -> None:
    assert {name for name in sections() if commands(name) or quotes(name)} == set(SCENARIOS)


def test_each_reason_of_a_failed_delivery_has_a_meaning() -> None:
    table = re.findall(r"^\| (`.+?) \|", sections()["No mail"], re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(table))) == {*DeliveryReason}


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
