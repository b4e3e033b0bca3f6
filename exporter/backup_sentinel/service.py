"""The exporter as a service: one pipeline at a time, exchanged as a whole when the configuration says so.

A new configuration is taken completely or not at all. Clusters come and go without disturbing the others; anything else
means a new pipeline, which starts with the memory of the old one and takes over once it has read everything.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from .clock import Clock
from .config import Config
from .document import nearest
from .errors import DocumentError, SentinelError
from .export.archive import Archive, open_archive
from .export.pipeline import Pipeline
from .export.profile import Profile, load_profiles
from .fleet import Fleet, SecretSource, Shard, environment
from .model import Problem
from .telemetry import Telemetry, set_up_logging

_log = logging.getLogger("backup_sentinel")

LOOK_INTERVAL = 2.0
"""Seconds between two looks at the configuration file, and at the profiles in its folders.

What has changed is read when the next look finds it as it was: not while it is being written.
"""

TAKEOVER_PATIENCE = 60.0
"""Seconds a new pipeline has to read all clusters before it takes over anyway."""


_Stamp = tuple[int, int, int]
"""What changes with a file."""


def profiles(config: Config) -> list[Profile]:
    """Load the profiles a configuration asks for. Raises DocumentError, also for a selector of an unknown resource."""
    found = load_profiles(
        config.profiles.folders,
        config.export.operators,
        config.export.schedule_dialects,
        inline=config.profiles.inline,
    )
    known = [resource.name for profile in found for resource in profile.resources]
    for name in config.export.selectors:
        if name not in known:
            raise DocumentError(f"export.selectors: no profile reads `{name}`", hint=nearest(name, known))
    return found


class Service:
    """Keeps `pipeline` running; `path` is the configuration's file, None if there is none, `read` reads it again.

    With `outside` clusters may also come from environment variables and, where the configuration says so, Secrets.

    Raises DocumentError for profiles, SettingError for clusters in environment variables.
    """

    def __init__(
        self,
        config: Config,
        path: str | None,
        telemetry: Telemetry,
        read: Callable[[], Config],
        *,
        clock: Clock | None = None,
        shard: Shard | None = None,
        outside: bool = True,
    ) -> None:
        self._config = config
        self._path = path
        self._read = read
        self._telemetry = telemetry
        self._clock = clock or Clock()
        self._archive: Archive | None = open_archive(config.state, self._clock)
        self._reload = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        found = environment.read() if outside else ()
        sources = []
        if outside and config.secrets.enabled:
            sources.append(SecretSource(namespaces=config.secrets.namespaces, problem=self._problem))
        self._fleet = Fleet(
            config.clusters, environment=found, sources=sources, shard=shard, problem=self._problem
        )
        telemetry.sharded(self._fleet.shard.index, self._fleet.shard.total)
        self._profiles = profiles(config)
        self.pipeline = self._build(config, self._profiles)
        self._running: asyncio.Task[None] | None = None
        self._telemetry.reloaded(self._clock.now())

    @property
    def clusters(self) -> int:
        """How many clusters are watched, wherever they are named."""
        return len(self._fleet.wanted)

    def _problem(self, problem: Problem) -> None:
        self._telemetry.problem(problem.reason, operator="")

    def _build(self, config: Config, found: list[Profile]) -> Pipeline:
        return Pipeline(
            list(self._fleet.wanted.values()),
            found,
            config.export,
            telemetry=self._telemetry,
            clock=self._clock,
            archive=self._archive,
            save_interval=config.state.interval_seconds,
        )

    async def run(self) -> None:
        """Run until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._running = self._tasks.create_task(self.pipeline.run(), name="pipeline")
                self._tasks.create_task(self._fleet.run(), name="fleet")
                self._tasks.create_task(self._follow_fleet(), name="clusters")
                self._tasks.create_task(self._follow_config(), name="configuration")
                if self._path is not None:
                    self._tasks.create_task(self._look(self._path), name="file")
        finally:
            if self._archive is not None:
                await self._archive.close()

    def hang_up(self) -> None:
        """Read the configuration again soon; the handler of SIGHUP."""
        self._reload.set()

    async def _follow_fleet(self) -> None:
        async for wanted in self._fleet.changes():
            self.pipeline.want(wanted.values())

    async def _look(self, path: str) -> None:
        taken = before = self._stamps(path)
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
            now = self._stamps(path)
            if now is not None and now != taken and now == before:  # half of a file may be a good one, too
                taken = now
                self._reload.set()
            before = now

    def _stamps(self, path: str) -> dict[str, _Stamp | None] | None:
        """Return the stamps of the configuration and of what lies in its folders of profiles; None while it is not there."""
        own = _stamp(path)
        if own is None:
            return None
        entries = [entry for folder in self._config.profiles.folders for entry in Path(folder).glob("*")]
        return {path: own} | {str(entry): _stamp(str(entry)) for entry in entries}

    async def _follow_config(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            try:
                # Aside, because profiles take a second to compile, in which no scrape would be answered.
                await self._take(await asyncio.to_thread(self._read))
            except SentinelError as error:
                self._telemetry.reload_failed()
                _log.error("the configuration was not taken, the old one stays: %s", error)
            else:
                self._telemetry.reloaded(self._clock.now())
                _log.info("the configuration was read again")

    async def _take(self, config: Config) -> None:
        fixed = {name: getattr(self._config, name) for name in ("web", "state", "secrets")}
        for name, value in fixed.items():
            if getattr(config, name) != value:
                _log.warning("this part of the configuration is read at start only", extra={"part": name})
        config = msgspec.structs.replace(config, **fixed)
        changed = config != msgspec.structs.replace(self._config, clusters=config.clusters, log=config.log)
        if changed or config.profiles.folders:
            found = await asyncio.to_thread(profiles, config)
            if changed or [one.source for one in found] != [one.source for one in self._profiles]:
                await self._exchange(config, found)
        if config.log != self._config.log:
            set_up_logging(config.log.level, config.log.format)
        self._config = config
        self._fleet.configure(config.clusters)

    async def _exchange(self, config: Config, found: list[Profile]) -> None:
        """Let a new pipeline take over."""
        fresh, old, running = self._build(config, found), self.pipeline, self._running
        assert self._tasks is not None
        assert running is not None
        await fresh.inherit(old)
        taking = self._tasks.create_task(fresh.run(), name="pipeline")
        await fresh.wait_complete(TAKEOVER_PATIENCE)
        running.cancel()
        await asyncio.wait([running])
        fresh.want(self._fleet.wanted.values())  # which may have changed meanwhile
        await fresh.keep()
        self.pipeline, self._running, self._profiles = fresh, taking, found


def _stamp(path: str) -> _Stamp | None:
    """Return what changes with a file, also where it is a link that is exchanged; None while it is not there."""
    try:
        told = os.stat(path)  # noqa: PTH116 - follows links on purpose, and that is all it does
    except OSError:
        return None
    return told.st_mtime_ns, told.st_ino, told.st_size
