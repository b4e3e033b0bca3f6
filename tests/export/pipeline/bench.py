"""Real pipelines before simulated API servers, under a clock that the test moves."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.scene import Run as Played
from backup_sentinel.demo.story import Story
from backup_sentinel.demo.storyfile import Beat, parse_story
from backup_sentinel.demo.times import ManualClock
from backup_sentinel.errors import SentinelError
from backup_sentinel.export.archive import Archive, Folder
from backup_sentinel.export.exposition import Format
from backup_sentinel.export.pipeline import Pipeline
from backup_sentinel.export.profile import Profile, load_profiles
from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.export.store import SavedCluster
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.kube.timing import Timing
from backup_sentinel.model import Outcome, Record, Run
from backup_sentinel.telemetry import Telemetry

START = "2026-11-21T03:00:00Z"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

QUICK = Timing(watch=(1, 1), margin=0.8, list_read=0.8, stream_read=0.8)
"""Notices a silent connection after real tenths of a second; all pauses are of the clock that the test moves."""

LOOK_SECONDS = 0.004
PATIENCE_SECONDS = 15.0

ONE = """
clusters:
  prod:
    sites:
      - namespace: velero
        locations: [{name: default, default: true}]
        schedules:
          - {name: often, schedule: "*/10 * * * *", ttl: 1d, duration: 4m, odds: {failed network: 0.1, partial hook: 0.1}}
          - {name: hourly, schedule: "7 * * * *", ttl: 2d, duration: 20m, recent: [completed, {failed: network}]}
          - name: nightly
            schedule: 30 1 * * *
            duration: 30m
            recent: [completed, {partial: data_mover}]
            volumes: [{namespace: shop, name: media, mover: fs}]
          - {name: legacy, schedule: 0 3 * * 1-5, paused: 3d}
"""

LASTING = ONE.replace("ttl: 1d, ", "").replace("ttl: 2d, ", "")
"""The same without runs that expire while one looks."""

OUTCOMES = {"completed": Outcome.SUCCEEDED, "partial": Outcome.PARTIAL, "failed": Outcome.FAILED}

Series = dict[str, float]
Stream = tuple[str, str, str, str]
"""Cluster, namespace, schedule, action."""

[VELERO] = load_profiles(operators=("velero",))


def play(text: str = ONE, *, history: str = "2d", beats: str = "", seed: int = 1) -> Story:
    """Return a story that stands still until it is told to go on."""
    head = f"name: test\nseed: {seed}\nstart: {START}\nhistory: {history}\n"
    return Story(parse_story(f"{head}{text}\n{beats}"))


class Seen(NamedTuple):
    """A scrape: the series about backups, and those of the exporter itself."""

    backups: Series
    own: Series

    def value(self, name: str, **labels: str) -> float | None:
        """Return the one value of a series whose labels are as given; None if there is none."""
        found = self.find(name, **labels)
        assert len(found) < 2, found
        return next(iter(found.values()), None)

    def find(self, name: str, **labels: str) -> Series:
        """Return the series of a name whose labels are as given."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return {
            series: value
            for known in self
            for series, value in known.items()
            if series.partition("{")[0] == name and all(pair in series for pair in wanted)
        }


def read(page: bytes) -> Seen:
    """Read a page in the text format."""
    backups: Series = {}
    own: Series = {}
    for line in page.decode().splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            (backups if series.startswith("kube_backup_") else own)[series] = float(value)
    return Seen(backups, own)


class Switch:
    """An archive that can be out of reach, as at a crash: what is saved then is lost."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.away = False
        self.writes = 0

    async def load(self, cluster: str) -> SavedCluster | None:
        self._reach()
        return await self.archive.load(cluster)

    async def save(self, document: SavedCluster) -> tuple[SavedCluster, int]:
        self._reach()
        self.writes += 1
        return await self.archive.save(document)

    async def close(self) -> None:
        await self.archive.close()

    def _reach(self) -> None:
        if self.away:
            raise SentinelError("the archive is out of reach")


class Bench:
    """The servers of a story, and an exporter that can be started and stopped; `async with` ends all."""

    def __init__(
        self,
        story: Story,
        archive: Switch | Path | None = None,
        *,
        timing: Timing | None = None,
        profiles: Iterable[Profile] = (VELERO,),
        export: dict[str, Any] | None = None,
        cluster: dict[str, Any] | None = None,
        **servers: SimulatedApiServer,
    ) -> None:
        assert isinstance(story.clock, ManualClock)
        self.story = story
        self.clock = story.clock
        self.archive = Switch(Folder(archive)) if isinstance(archive, Path) else archive
        self.servers = {
            name: SimulatedApiServer(known, bookmark_every=0.2)
            for name, known in story.clusters.items()
            if name not in servers
        } | servers
        self.telemetry = Telemetry()
        self.cluster = cluster or {}
        self._timing = timing or Timing(watch=(60, 60))
        self._profiles = list(profiles)
        self._export = {"render_interval_seconds": 0.005, **(export or {})}
        self._stack = AsyncExitStack()
        self._task: asyncio.Task[None] | None = None
        self._pipeline: Pipeline | None = None

    async def __aenter__(self) -> Self:
        for server in self.servers.values():
            await self._stack.enter_async_context(server)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self._stack.aclose()
        if self.archive is not None:
            await self.archive.close()

    @property
    def pipeline(self) -> Pipeline:
        """What runs."""
        assert self._pipeline is not None
        return self._pipeline

    @property
    def server(self) -> SimulatedApiServer:
        """The only server."""
        [server] = self.servers.values()
        return server

    def settings(self, name: str, **more: Any) -> ClusterSettings:
        """Return how a cluster is reached."""
        return ClusterSettings(**{"name": name, "api_url": self.servers[name].url, **self.cluster, **more})

    async def reconnect(self) -> None:
        """Break all connections."""
        for server in self.servers.values():
            await server.down()
            await server.up()

    def up(self, cluster: str) -> bool | None:
        return self.pipeline.store.clusters[cluster].up

    # The exporter ------------------------------------------------------------------------------------------

    @property
    def switch(self) -> Switch:
        assert self.archive is not None
        return self.archive

    async def start(
        self, *clusters: ClusterSettings, wait: bool = True, inherit: Pipeline | None = None
    ) -> None:
        """Start an exporter, one beside another that it is to `inherit` from; `wait` until it knows everything."""
        self._pipeline = Pipeline(
            clusters or [self.settings(name) for name in self.servers],
            self._profiles,
            ExportSettings(**self._export),
            telemetry=self.telemetry,
            clock=self.clock,
            timing=self._timing,
            archive=self.archive,
        )
        if inherit is not None:
            await self._pipeline.inherit(inherit)
        self._task = asyncio.create_task(self._pipeline.run())
        if wait:
            await self.settle()

    async def stop(self, *, crash: bool = False) -> None:
        """End the exporter; after a crash nothing more is saved."""
        task, self._task = self._task, None
        if task is None:
            return
        if self.archive is not None:
            self.archive.away = crash
        await self.end(task)
        if self.archive is not None:
            self.archive.away = False

    @staticmethod
    async def end(task: asyncio.Task[None]) -> None:
        task.cancel()
        [error] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(error, asyncio.CancelledError), error

    async def restart(self, *, crash: bool = False, wait: bool = True) -> None:
        await self.stop(crash=crash)
        await self.start(wait=wait)

    # Time --------------------------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], object], what: str, *, step: float = 0.5) -> None:
        """Wait until something is so; the clock moves on by `step` seconds at each look."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS
        while not condition():
            assert self._task is None or not self._task.done(), self._task
            assert loop.time() < deadline, f"waited in vain: {what}"
            self.clock.move(step)
            await asyncio.sleep(LOOK_SECONDS)

    async def settle(self, *names: str) -> None:
        """Wait until the exporter knows what the clusters hold, and its page shows it."""
        await self.until(lambda: self.behind(*names) is None, "the exporter is up to date")
        await self.until(lambda: not self.pipeline.store.marks, "the page is written", step=0)
        await self.pipeline.renderer.update()

    async def recovered(self, *names: str) -> None:
        """Wait until every resource has been heard from again, and the exporter is up to date."""
        now = self.clock.now()
        feeds = [feed for key, feed in self.pipeline.store.feeds.items() if not names or key.cluster in names]
        await self.until(
            lambda: all(feed.up and (feed.last_contact or 0) > now for feed in feeds), "every resource is up"
        )
        await self.settle(*names)

    def behind(self, *names: str) -> str | None:
        """Return the first object that the exporter does not know as it is; None if it knows them all."""
        for name, plans in self.pipeline._plans.items():
            if names and name not in names:
                continue
            for reader, feed in plans:
                kind = reader.type
                shelf = self.servers[name].cluster.find(kind.group, kind.versions[0], kind.plural)
                if shelf is None:
                    continue
                if not feed.synced:
                    return f"{name} {reader.resource}: no list"
                known = {f"{place[0]}/{place[1]}": _plain(records) for place, records in feed.items()}
                if known.keys() != shelf.items.keys():
                    return f"{name} {reader.resource}: {sorted(known.keys() ^ shelf.items.keys())}"
                for key, stored in shelf.items.items():
                    if known[key] != _plain(reader.item(stored.body).value.records):
                        return f"{name} {reader.resource}: {key}"
        return None

    async def saved(self) -> None:
        """Wait until everything is saved and shown."""
        before = self.clock.now()
        await self.until(lambda: self.clock.now() > before + 31, "two rounds of saving", step=8)
        await self.until(lambda: not self._unshown(), "counters show what was counted")
        await self.pipeline.renderer.update()

    def _unshown(self) -> bool:
        streams = [s for known in self.pipeline.store.installations() for s in known.streams.values()]
        return any(stream.ledger.counters != stream.ledger.totals for stream in streams)

    # What is seen ------------------------------------------------------------------------------------------

    async def scrape(self) -> Seen:
        return read((await self.pipeline.renderer.page(Format.TEXT)).plain)

    async def counters(self) -> dict[tuple[Stream, Outcome], int]:
        """Return the counters that are not 0."""
        totals = {}
        for known in self.pipeline.store.installations():
            for key, stream in known.streams.items():
                for outcome, total in stream.ledger.counters.items():
                    if total:
                        totals[(key.cluster, key.namespace, key.schedule, key.action), outcome] = total
        return totals

    @contextlib.asynccontextmanager
    async def whole(self, *besides: str) -> AsyncIterator["Watcher"]:
        """Look at every page of a block: no series that was there may go or change, except of the families `besides`."""
        watcher = Watcher(self, (await self.scrape()).backups, besides)
        task = asyncio.create_task(watcher.run())
        try:
            yield watcher
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert watcher.pages > 3, "too few pages to say anything"
        assert not watcher.complaints, watcher.complaints[:5]


class Watcher:
    """Compares each page with the first one."""

    def __init__(self, bench: Bench, before: Series, besides: tuple[str, ...]) -> None:
        self.pages = 0
        self.complaints: list[str] = []
        self._bench = bench
        self._before = before
        self._besides = besides
        self._seen = b""

    async def run(self) -> None:
        while True:
            page = (await self._bench.pipeline.renderer.page(Format.TEXT)).plain
            if page != self._seen:
                self._seen = page
                self.look(read(page).backups)
            self.pages += 1
            await asyncio.sleep(LOOK_SECONDS)

    def look(self, now: Series) -> None:
        for series, value in self._before.items():
            if series.partition("{")[0] in self._besides:
                continue
            if series not in now:
                self.complaints.append(f"{series} is gone")
            elif now[series] != value:
                self.complaints.append(f"{series} was {value}, is {now[series]}")


def _plain(records: tuple[Record, ...]) -> list[Record]:
    """Return records without what the store adds to them."""
    return [
        msgspec.structs.replace(record, synced=False, clock=None) if isinstance(record, Run) else record
        for record in records
    ]


class Recount:
    """What has truly become of the runs of a story since it was first looked at, as a naive observer counts it."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._runs: dict[int, Played] = {}
        self._history = {id(run): run for run in self._all() if not run.open}

    def _all(self) -> Iterator[Played]:
        for site in self._story.stage.sites:
            yield from site.runs.values()

    def look(self) -> None:
        """Take note of the runs that there are; to be called before any of them is deleted."""
        self._runs |= {id(run): run for run in self._all()}

    def totals(self) -> dict[tuple[Stream, Outcome], int]:
        self.look()
        counts: Counter[tuple[Stream, Outcome]] = Counter()
        for run in self._runs.values():
            if run.open or id(run) in self._history:
                continue
            schedule = run.spec.name if run.schedule is not None else ""
            stream = (run.site.cluster.name, run.site.namespace, schedule, run.action)
            counts[stream, OUTCOMES[run.outcome]] += 1
        return dict(counts)

    def advance(self, seconds: float, *, step: float = 300.0) -> None:
        """Let the story go on and miss no run of it."""
        while seconds > 0:
            self._story.advance(min(step, seconds))
            self.look()
            seconds -= step


def beat(**what: Any) -> Beat:
    return msgspec.convert(what, Beat)
