"""From API servers to pages: one task for each resource of each cluster, and one that writes what has changed."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from backup_sentinel.clock import Clock
from backup_sentinel.errors import ApiError, OutageReason
from backup_sentinel.export.archive import Archive, Keeper
from backup_sentinel.export.exposition import Format, Renderer
from backup_sentinel.export.profile import Profile, Reader, Reading
from backup_sentinel.export.profile import ResourceType as Described
from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.export.store import Feed, FeedKey, Store
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.change import Change, Contact, Gone, Listed, Missing, Observer, Outage, Put
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.discovery import Discovery
from backup_sentinel.kube.reflector import Reflector
from backup_sentinel.kube.resource import ResourceType, Selector
from backup_sentinel.kube.scout import Scout
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.kube.timing import Timing
from backup_sentinel.telemetry import Telemetry

from .herald import Herald

_log = logging.getLogger("backup_sentinel.export")

PAUSE_AFTER_DEFECT = 30.0
"""Seconds until a task that ended for a reason nobody foresaw is started again."""

FIRST_LISTS = 5
"""How many times longer the page is left as it is while the first lists are read."""

LOOKS = 10
"""How many times in the interval of the page it is looked whether these are all read."""

SELF_INTERVAL = 5.0
"""Seconds after which the page is written anew although nothing changed but the process's own metrics."""


class _Counts(Observer):
    """Counts lists, watches and events where the metrics of the resource are read from."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def listed(self, resource: str, result: str) -> None:
        del resource
        self._feed.lists.add(success=result == "success")

    def watched(self, resource: str, result: str) -> None:
        del resource
        self._feed.watches.add(success=result == "success")

    def event(self, resource: str, kind: str) -> None:
        del resource, kind
        self._feed.events += 1


class Pipeline:
    """Watches clusters into a store and keeps its pages written. Run it with `run`."""

    def __init__(
        self,
        clusters: Sequence[ClusterSettings],
        profiles: Sequence[Profile],
        settings: ExportSettings,
        *,
        telemetry: Telemetry,
        clock: Clock | None = None,
        timing: Timing | None = None,
        archive: Archive | None = None,
        save_interval: float = 15.0,
    ) -> None:
        self.clock = clock or Clock()
        self.store = Store(settings, self.clock.now, durable=archive is not None)
        self._keeper = (
            Keeper(self.store, archive, telemetry, clock=self.clock, interval=save_interval)
            if archive
            else None
        )
        self.titles: dict[str, str] = {}
        """What people call the clusters, by name."""
        self._profiles = profiles
        self._settings = settings
        self._timing = timing or Timing(discovery=settings.discovery_interval_seconds)
        self._telemetry = telemetry
        self._herald = Herald(telemetry, self.titles)
        self._gate = asyncio.Semaphore(settings.concurrent_lists)
        self._loading = asyncio.Semaphore(4)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="compress")
        self.renderer = Renderer(self.store, self._own_families, self._executor)
        self._changed = asyncio.Event()
        self._wanted: dict[str, ClusterSettings] = {}
        self._watched: dict[str, tuple[ClusterSettings, asyncio.Task[None]]] = {}
        self._plans: dict[str, list[tuple[Reader, Feed]]] = {}
        self._inherited: set[str] = set()
        self._may_keep = asyncio.Event()
        self._may_keep.set()
        # Before anything runs, so that what is waited for is known from the first moment.
        self.want(clusters)

    def _plan(self, cluster: ClusterSettings) -> Iterator[tuple[Reader, Feed]]:
        for profile in self._profiles:
            for resource in profile.resources:
                for scope in (cluster.namespaces if resource.type.namespaced else ()) or ("",):
                    reader = profile.reader(cluster.name, resource, self.clock.now)
                    key = FeedKey(cluster.name, profile.operator, reader.resource, scope)
                    yield (
                        reader,
                        self.store.feed(
                            key,
                            record=resource.source.record,
                            also=[record.record for record in resource.source.also],
                            max_silence=0.0,
                            words=resource.words,
                        ),
                    )

    def _own_families(self, form: Format) -> bytes:
        return self._telemetry.openmetrics() if form is Format.OPENMETRICS else self._telemetry.text()

    async def run(self) -> None:
        """Watch and write until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                if self._keeper is not None:
                    tasks.create_task(self._keep(self._keeper), name="keep")
                tasks.create_task(self._write(), name="write")
                tasks.create_task(self.watch(), name="watch")
        finally:
            self._executor.shutdown(wait=False, cancel_futures=True)

    async def inherit(self, other: "Pipeline") -> None:
        """Begin with what another pipeline knows, and leave the archive to it until `keep` is called."""
        self._may_keep.clear()
        await other.save()
        for name in self._wanted:
            if not other.store.durable or other.store.recalled(name):
                for _ in self.store.remembering(other.store.save(name)):
                    await asyncio.sleep(0)
                self._inherited.add(name)

    async def save(self) -> None:
        """Bring into the archive, if there is one, what has changed since the last time."""
        if self._keeper is not None:
            await self._keeper.flush()

    async def keep(self) -> None:
        """Take charge of the archive; to be awaited before its pages are shown, so that no counter steps back."""
        await self.save()
        self._may_keep.set()

    async def _keep(self, keeper: Keeper) -> None:
        await self._may_keep.wait()
        await keeper.run()

    async def wait_complete(self, patience: float) -> None:
        """Wait until every resource that can be reached is shown, at most so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self.renderer.completed.wait()

    async def watch(self) -> None:
        """Watch until cancelled, without writing pages."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                await self._align(tasks)
                await self._changed.wait()

    def want(self, clusters: Iterable[ClusterSettings]) -> None:
        """Watch these clusters from now on: start with new ones, forget those that are gone, leave the others be."""
        self._wanted = {cluster.name: cluster for cluster in clusters}
        self.titles.clear()
        self.titles.update(
            {name: cluster.title for name, cluster in self._wanted.items() if cluster.label or name}
        )
        for name, cluster in self._wanted.items():
            if name not in self._plans:
                self._plans[name] = list(self._plan(cluster))
        self._changed.set()

    async def _align(self, tasks: asyncio.TaskGroup) -> None:
        """Make what is watched what is wanted. A cluster whose settings changed keeps its state."""
        for name in [name for name in self._watched if self._wanted.get(name) != self._watched[name][0]]:
            before, task = self._watched.pop(name)
            task.cancel()
            await asyncio.wait([task])
            if name not in self._wanted or self._wanted[name].namespaces != before.namespaces:
                if self._keeper is not None:
                    await self._keeper.part(name)
                self._inherited.discard(name)
                self.store.remove_cluster(name)
                self._herald.forget(name)
                del self._plans[name]
        for name, cluster in list(self._wanted.items()):
            if name in self._watched:
                continue
            if name not in self._plans:
                self._plans[name] = list(self._plan(cluster))
            task = tasks.create_task(self._watch(cluster), name=f"cluster {cluster.title}")
            self._watched[name] = (cluster, task)

    async def _write(self) -> None:
        written = 0.0
        while True:
            self.store.tick()
            now = asyncio.get_running_loop().time()
            if self.store.marks or now - written >= SELF_INTERVAL:
                await self.renderer.update()
                written = now
            await self._pause(now)

    async def _pause(self, begun: float) -> None:
        """Wait until the page is due, counted from when it was `begun`; seldom while everything is read for the first time.

        A first list changes every schedule again and again, and nobody takes the page for complete before it is.
        """
        interval = self._settings.render_interval_seconds
        if self.renderer.completed.is_set():
            taken = asyncio.get_running_loop().time() - begun
            await asyncio.sleep(max(interval - taken, 0.1 * interval))
            return
        for _ in range(FIRST_LISTS * LOOKS):
            await asyncio.sleep(interval / LOOKS)
            if not self.store.waiting():
                return

    async def _watch(self, cluster: ClusterSettings) -> None:
        if self._keeper is not None and cluster.name not in self._inherited:
            await self._keeper.recall(cluster.name)
        access = Access(cluster, self.clock, loading=self._loading)
        async with Client(access, self.clock) as client, asyncio.TaskGroup() as tasks:
            discovery = Discovery(client, self.clock)
            left = dict(enumerate(self._plans[cluster.name]))
            while left:
                try:
                    async for place, reader, feed in self._seek(discovery, dict(left)):
                        del left[place]
                        following = self._follow(cluster, client, discovery, reader, feed)
                        tasks.create_task(following, name=f"{cluster.title} {reader.resource}")
                except Exception:  # noqa: BLE001 - a defect here may not end what is followed already
                    _log.exception("a defect of this program", extra={"cluster": cluster.title})
                    await self.clock.sleep(PAUSE_AFTER_DEFECT)

    async def _seek(
        self, discovery: Discovery, plan: dict[int, tuple[Reader, Feed]]
    ) -> AsyncGenerator[tuple[int, Reader, Feed], None]:
        """Yield what the cluster serves as soon as it does, with its place in the plan; note what it does not."""
        scout = Scout(discovery, clock=self.clock, timing=self._timing)
        for _, feed in plan.values():
            feed.max_silence = scout.max_silence
        places = list(plan)
        async with aclosing(scout.look([_kind(reader.type) for reader, _ in plan.values()])) as looks:
            async for index, found in looks:
                reader, feed = plan[places[index]]
                if isinstance(found, Missing | Outage):
                    self._take(feed, found)
                else:
                    yield places[index], reader, feed

    async def _follow(
        self, cluster: ClusterSettings, client: Client, discovery: Discovery, reader: Reader, feed: Feed
    ) -> None:
        read = reader.type
        kind = _kind(read)
        while True:
            reflector = Reflector(
                client,
                kind,
                reader,
                clock=self.clock,
                gate=self._gate,
                discovery=discovery,
                namespace=feed.key.scope or None,
                selector=Selector(
                    self._settings.selectors.get(read.name, read.selector or ""), read.field_selector or ""
                ),
                poll_interval=cluster.poll_interval or read.poll,
                page_size=cluster.page_size,
                watch_list=cluster.watch_list,
                timing=self._timing,
                observer=_Counts(feed),
            )
            try:
                async with aclosing(reflector.changes()) as changes:
                    async for change in changes:
                        feed.max_silence = reflector.max_silence
                        self._take(feed, change)
                        if client.clock_skew is not None:
                            self.store.skew(cluster.name, client.clock_skew)
            except Exception:  # noqa: BLE001 - a defect in one task may not end the others
                _log.exception(
                    "a defect of this program", extra={"cluster": cluster.title, "resource": str(kind)}
                )
                self.store.outage(
                    feed, ApiError("a defect of this program, see the log", reason=OutageReason.BAD_ANSWER)
                )
            await self.clock.sleep(PAUSE_AFTER_DEFECT)

    def _take(self, feed: Feed, change: Change[Reading]) -> None:
        match change:
            case Listed(values=values, first=first, complete=complete):
                self.store.listed(feed, values, first=first, complete=complete)
                self._herald.contact(feed)
            case Put(value=value):
                self.store.put(feed, value)
            case Gone(value=value):
                self.store.drop(feed, value)
            case Contact():
                self.store.contact(feed)
                self._herald.contact(feed)
            case Outage(error=error):
                self.store.outage(feed, error)
                self._herald.outage(feed, error)
            case Missing():
                self._herald.missing(feed)
                self.store.missing(feed)
        if self.store.news:
            for news in self.store.news:
                self._herald.news(news)
            self.store.news.clear()


def _kind(read: Described) -> ResourceType:
    """Return what a profile describes as clusters are asked for it."""
    beside = _kind(read.beside) if read.beside is not None else None
    return ResourceType(read.group, read.versions, read.plural, read.namespaced, beside)
