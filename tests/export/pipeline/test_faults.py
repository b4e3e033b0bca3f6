"""While an API server misbehaves every page stays whole, nothing flaps, and nothing has to be restarted afterwards."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from backup_sentinel.demo import faults
from backup_sentinel.demo.access import Grant
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.faults import Fault
from backup_sentinel.demo.listing import Page
from backup_sentinel.demo.velero.objects import TYPES
from backup_sentinel.kube.timing import Timing
from export.pipeline.bench import HOUR, LASTING, MINUTE, QUICK, VELERO, Bench, Recount, Seen, play
from kube.certificates import Authority

STATUS = (
    '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"etcd is away","code":500}'
)


class EndsEarly(Fault, frozen=True, kw_only=True):
    """The list says that there is more, and names no page to go on with."""

    def page(self, page: Page) -> None:
        page.continue_ = ""


class Trouble(NamedTuple):
    """What is wrong: with lists, with watches, and which words the log says about it; none where it is ordinary."""

    lists: tuple[Fault, ...] = ()
    watches: tuple[Fault, ...] = ()
    reason: str | None = None
    cluster: dict[str, Any] = {}  # noqa: RUF012 - never changed


LATER = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "later"}}
PAGED = {"watch_list": False, "page_size": 20}


def both(make: Callable[..., Fault], *, reason: str, **options: Any) -> Trouble:
    return Trouble((make(verb="list", **options),), (make(verb="watch", **options),), reason, PAGED)


TROUBLES = {
    "410 in list": Trouble((faults.Expired(verb="list"),), reason="expired", cluster=PAGED),
    "410 in watch": Trouble(watches=(faults.Expired(verb="watch", times=40),)),
    "410 after some events": Trouble(watches=(faults.Expired(verb="watch", after=3, times=40),)),
    "continue token expired": Trouble(
        (faults.Expired(verb="list", resource="backups", nth=3, times=1),), cluster=PAGED
    ),
    "half-open": both(faults.HalfOpen, reason="timeout"),
    "slow watcher cut": Trouble(watches=(faults.EndStream(verb="watch", after=1, times=40),)),
    "streams without a word": Trouble(watches=(faults.EndStream(verb="watch"),), reason="bad_answer"),
    "throttled": both(faults.Answer, code=429, retry_after=5, reason="throttled"),
    "unavailable": both(faults.Answer, code=503, reason="server_error"),
    "status with 200": both(faults.Body, text=STATUS, reason="server_error"),
    "status with 200 in a watch": Trouble(
        watches=(faults.Body(verb="watch", text=STATUS + "\n"),), reason="bad_answer"
    ),
    "empty body": both(faults.Body, text="", reason="bad_answer"),
    "empty body of a watch": Trouble(watches=(faults.Body(verb="watch", text=""),), reason="bad_answer"),
    "html": both(faults.Body, text=faults.HTML_PAGE, content_type="text/html", reason="bad_answer"),
    "html with 502": both(
        faults.Body, text=faults.HTML_PAGE, content_type="text/html", http=502, reason="server_error"
    ),
    "list cut": Trouble((faults.CutBody(verb="list"),), reason="unreachable", cluster=PAGED),
    "list cut cleanly": Trouble(
        (faults.CutBody(verb="list", clean=True),), reason="bad_answer", cluster=PAGED
    ),
    "list ends early": Trouble(
        (EndsEarly(verb="list", resource="backups"),), reason="bad_answer", cluster=PAGED
    ),
    "garbage in a watch": Trouble(watches=(faults.Garbage(verb="watch"),), reason="bad_answer"),
    "line cut": Trouble(watches=(faults.CutLine(verb="watch"),)),
    "reset": both(faults.Reset, reason="unreachable"),
    "trickle": Trouble(
        (faults.Slow(verb="list", chunk=20_000, pause=0.01),),
        (faults.Slow(verb="watch", chunk=3000, pause=0.001),),
        cluster=PAGED,
    ),
    "objects of 2 MB": Trouble((faults.Large(verb="list", resource="backups"),), cluster=PAGED),
    "version of lists goes back": Trouble((faults.OldRevision(verb="list"),), cluster=PAGED),
    "version of watches goes back": Trouble(watches=(faults.OldRevision(verb="watch"),)),
}
NUMBERS = ("kube_backup_existing_runs", "kube_backup_running", "kube_backup_restorable_runs")
"""What may follow an API server that tells of the past again; no verdict does."""

PROMISES = (
    "kube_backup_schedule_",
    "kube_backup_last_success",
    "kube_backup_last_recovery",
    "kube_backup_runs_total",
)
CONTACT = "backup_sentinel_resource_last_contact_timestamp_seconds"


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the reasons of the exporter's warnings; the simulated server may complain of a client that left."""
    return [
        getattr(line, "reason", line.message)
        for line in caplog.records
        if line.levelno >= logging.WARNING and line.name.startswith("backup_sentinel")
    ]


def promises(seen: Seen) -> set[str]:
    return {series for series in seen.backups if series.startswith(PROMISES)}


@pytest.mark.parametrize("name", TROUBLES)
async def test_a_page_stays_whole_and_recovers_by_itself(name: str, caplog: pytest.LogCaptureFixture) -> None:
    trouble = TROUBLES[name]
    story = play(LASTING)
    async with Bench(story, timing=QUICK, cluster=trouble.cluster) as bench:
        await bench.start()
        truth = Recount(story)
        server = bench.server
        before = await bench.scrape()
        for phase in filter(None, (trouble.watches, trouble.lists)):
            async with bench.whole(*(NUMBERS if "goes back" in name else ())):
                contact = max((await bench.scrape()).find(CONTACT, resource="backups.velero.io").values())
                active = [server.faults.add(fault) for fault in phase]
                if phase is trouble.lists:
                    server.cluster.put(LATER)
                    server.cluster.compact()
                await server.down()
                await server.up()
                began = bench.clock.now()
                await bench.until(lambda: all(fault.struck for fault in active), "the fault strikes")  # noqa: B023
                await bench.until(lambda: bench.clock.now() > began + 3 * MINUTE, "time goes by", step=2)  # noqa: B023
                if trouble.reason is not None:
                    during = (await bench.scrape()).find(CONTACT, resource="backups.velero.io")
                    assert max(during.values()) <= contact + 45
                server.faults.clear()
                await bench.recovered()
        assert set(said(caplog)) <= {trouble.reason, "unreachable"}
        assert trouble.reason is None or trouble.reason in said(caplog)
        truth.advance(30 * MINUTE)
        await bench.settle()
        assert await bench.counters() == truth.totals()
        after = await bench.scrape()
        assert promises(before) <= promises(after)


async def test_an_hour_without_api_server(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "backup_sentinel")
    story = play(LASTING)
    async with Bench(story, timing=QUICK) as bench:
        await bench.start()
        truth = Recount(story)
        before = await bench.scrape()
        await bench.server.down()
        left = bench.clock.now()
        async with bench.whole():
            # What the server said last may still have to be read, and is heard when it is: before the clock leaps.
            await bench.until(lambda: bench.up("prod") is False, "the outage is seen")
            await bench.until(lambda: bench.clock.now() > left + HOUR, "an hour goes by", step=10)
            seen = await bench.scrape()
            assert seen.value("backup_sentinel_cluster_up", cluster="prod") == 0
            assert max(seen.find(CONTACT).values()) <= left + 5
            assert (seen.value("backup_sentinel_blind_seconds_total") or 0) > HOUR - 2 * MINUTE
        truth.advance(HOUR)
        await bench.server.up()
        await bench.recovered()
        assert await bench.counters() == truth.totals()
        after = await bench.scrape()
        assert after.value("backup_sentinel_cluster_up", cluster="prod") == 1
        assert promises(before) <= promises(after)
        assert said(caplog) == ["unreachable"]
        assert [line.message for line in caplog.records if line.levelno == logging.INFO] == [
            "can read from cluster again"
        ]


async def test_a_token_that_is_rotated(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    story = play(LASTING)
    async with Bench(story, timing=QUICK, cluster={"token_file": str(token)}) as bench:
        bench.server.access.tokens["old"] = "reader"
        await bench.start()
        truth = Recount(story)
        async with bench.whole():
            bench.server.access.tokens = {"new": "reader"}
            await bench.reconnect()
            await bench.until(lambda: bench.up("prod") is False, "the old token is refused")
            token.write_text("new!")
            bench.server.access.tokens = {"new!": "reader"}
            await bench.recovered()
        truth.advance(30 * MINUTE)
        await bench.settle()
        assert await bench.counters() == truth.totals()
        [line] = [
            line
            for line in caplog.records
            if getattr(line, "reason", "") == "unauthorized" and line.levelno > 20
        ]
        assert "token of cluster prod is invalid or expired" in line.message


async def test_a_certificate_that_is_exchanged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authorities = []
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
        authorities.append(Authority.create(tmp_path / name))
        authorities[-1].sign("server", "server")
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(authorities[0].ca.read_bytes())
    story = play(LASTING)
    server = SimulatedApiServer(story.clusters["prod"], tls=authorities[0].server_context())
    async with Bench(story, timing=QUICK, prod=server, cluster={"ca_file": str(trusted)}) as bench:
        await bench.start()
        truth = Recount(story)
        async with bench.whole():
            server._tls = authorities[1].server_context()
            await bench.reconnect()
            await bench.until(lambda: bench.up("prod") is False, "the new certificate is not trusted")
            trusted.write_bytes(authorities[1].ca.read_bytes())
            await bench.recovered()
        truth.advance(30 * MINUTE)
        await bench.settle()
        assert await bench.counters() == truth.totals()
        assert said(caplog) == ["tls"]


async def test_names_that_are_not_resolved_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = aiohttp.resolver.ThreadedResolver.resolve
    away: set[str] = set()

    async def look_up(self: Any, host: str, *args: Any, **more: Any) -> Any:
        if host in away:
            raise OSError("Name or service not known")
        return await resolve(self, "127.0.0.1", *args, **more)

    monkeypatch.setattr(aiohttp.connector._DNSCacheTable, "expired", lambda *_: True)
    monkeypatch.setattr(aiohttp.resolver.ThreadedResolver, "resolve", look_up)
    monkeypatch.setattr(aiohttp.resolver.DefaultResolver, "resolve", look_up)
    story = play(LASTING)
    async with Bench(story, timing=QUICK) as bench:
        named = bench.settings("prod", api_url=f"http://api.example:{bench.server.port}")
        await bench.start(named)
        truth = Recount(story)
        async with bench.whole():
            away.add("api.example")
            await bench.reconnect()
            feeds = bench.pipeline.store.feeds.values()
            # One that had its name already may be refused instead.
            unresolved = "the name api.example is not resolved"
            await bench.until(lambda: any(unresolved in str(feed.error) for feed in feeds), unresolved)
            await bench.until(lambda: bench.up("prod") is False, "the cluster is away")
            away.clear()
            await bench.recovered()
        truth.advance(30 * MINUTE)
        await bench.settle()
        assert await bench.counters() == truth.totals()


FLEET = "clusters:\n" + "".join(
    f"  {name}: {{sites: [{{namespace: velero, locations: [{{name: default}}], schedules: [{{name: often, schedule: '*/10 * * * *', duration: 2m}}]}}]}}\n"
    for name in ("healthy", "slow", "silent", "dead", "forbidden", "partly")
)


async def test_trouble_of_one_cluster_does_not_touch_another(caplog: pytest.LogCaptureFixture) -> None:
    story = play(FLEET, history="6h")
    patient = Timing(watch=(60, 60), list_read=4.0, stream_read=4.0)
    async with Bench(story, timing=patient, bare=SimulatedApiServer()) as bench:
        troubled = bench.servers
        troubled["slow"].faults.add(faults.Latency(seconds=0.5))
        troubled["silent"].faults.add(faults.HalfOpen(verb="list"))
        troubled["silent"].faults.add(faults.HalfOpen(verb="watch"))
        await troubled["dead"].down()
        troubled["forbidden"].access.tokens["x"] = "nobody"
        troubled["forbidden"].access.grants["nobody"] = []
        troubled["partly"].access.grants["system:anonymous"] = [
            Grant(resources=tuple(kind.name for kind in TYPES if kind.plural != "restores"))
        ]
        tokens = {"forbidden": {"token": "x"}}
        await bench.start(*(bench.settings(name, **tokens.get(name, {})) for name in troubled), wait=False)
        await bench.settle("healthy")
        silent = [feed for key, feed in bench.pipeline.store.feeds.items() if key.cluster == "silent"]
        assert not any(feed.up is False for feed in silent), "others have held up the healthy one"
        truth = Recount(story)

        def known() -> dict[str, Any]:
            return {name: bench.up(name) for name in troubled}

        await bench.until(
            lambda: (
                known()
                == {
                    "healthy": True,
                    "slow": True,
                    "silent": False,
                    "dead": False,
                    "forbidden": True,
                    "partly": True,
                    "bare": True,
                }
            ),
            "each trouble is a metric",
        )
        await bench.settle("slow")
        truth.advance(30 * MINUTE)
        await bench.settle("healthy", "slow")
        mine = {"healthy", "slow"}
        counted = {key: total for key, total in (await bench.counters()).items() if key[0][0] in mine}
        assert counted == {key: total for key, total in truth.totals().items() if key[0][0] in mine}

        lines = [
            (getattr(line, "cluster", ""), getattr(line, "reason", ""))
            for line in caplog.records
            if line.levelno > 20
        ]
        assert lines.count(("dead", "unreachable")) == 1
        assert lines.count(("silent", "timeout")) == 1
        assert lines.count(("partly", "forbidden")) == 1
        assert lines.count(("forbidden", "forbidden")) == len(VELERO.resources)
        assert {cluster for cluster, _ in lines} == {"dead", "silent", "partly", "forbidden"}
        seen = await bench.scrape()
        assert seen.value("backup_sentinel_resource_up", cluster="partly", resource="restores.velero.io") == 0
        assert not seen.find("backup_sentinel_resource_up", cluster="bare")

        troubled["silent"].faults.clear()
        await troubled["silent"].down()
        await troubled["silent"].up()
        await troubled["dead"].up()
        troubled["forbidden"].access.grants.clear()
        troubled["partly"].access.grants.clear()
        for kind in TYPES:
            troubled["bare"].cluster.install(kind)
        await bench.settle()
        await bench.until(lambda: set(known().values()) == {True}, "all are well")
