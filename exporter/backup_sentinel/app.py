"""Wiring of the commands that run: settings become tasks, and signals end them."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from . import __version__
from .clock import Clock
from .config import Config
from .errors import ApiError, OutageReason
from .export.overview import Overview, survey
from .export.pipeline import Pipeline
from .export.web import Post, Site
from .fleet import Fleet, Shard, environment
from .service import Service, profiles
from .serving import FrontDoor, address, bind, serve
from .telemetry import Telemetry

_log = logging.getLogger("backup_sentinel")


async def export(
    config: Config,
    path: str | None = None,
    *,
    read: Callable[[], Config] | None = None,
    clock: Clock | None = None,
    shard: Shard | None = None,
    outside: bool = True,
    posts: dict[str, Post] | None = None,
    started: Callable[[str], Awaitable[None]] | None = None,
) -> None:
    """Run the exporter until SIGTERM or SIGINT. `started` is told the URL once requests are answered.

    `path` is the file that, when it changes and at SIGHUP, is read again by `read`; `outside` allows clusters from
    elsewhere.
    Raises SentinelError for what is wrong at start: DocumentError, SettingError, ListenError.
    """
    telemetry = Telemetry()
    service = Service(
        config, path, telemetry, read or (lambda: config), clock=clock, shard=shard, outside=outside
    )
    door = FrontDoor.load(config.web.config_file) if config.web.config_file else None
    site = Site(lambda: service.pipeline, (clock or Clock()).now, posts=posts)
    bound = bind(config.web.listen)
    url = address(bound, door)

    async def announce() -> None:
        _log.info("listening", extra={"url": url, "version": __version__, "clusters": len(config.clusters)})
        if started is not None:
            await started(url)

    async with until_signalled(service.hang_up) as group:
        group.create_task(service.run(), name="service")
        group.create_task(
            serve(site.application(), bound, telemetry.request, front_door=door, ready=announce), name="web"
        )


@contextlib.asynccontextmanager
async def until_signalled(hang_up: Callable[[], None]) -> AsyncIterator[asyncio.TaskGroup]:
    """Run a group of tasks until one fails, or until the process is told to end: then all are cancelled.

    `hang_up` is called at each SIGHUP.
    """
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    try:
        with contextlib.suppress(_EndedError):
            async with asyncio.TaskGroup() as group:
                yield group
                await ending.wait()
                raise _EndedError
    except BaseExceptionGroup as failed:
        _, rest = failed.split(_EndedError)
        if rest is not None:
            raise rest.exceptions[0] if len(rest.exceptions) == 1 else rest from None
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


class _EndedError(Exception):
    """The process was told to end."""


async def look(config: Config, *, patience: float) -> Overview:
    """Read every cluster once and return what was seen; waits at most `patience` seconds for the slowest."""
    clusters = Fleet(config.clusters, environment=environment.read()).wanted
    pipeline = Pipeline(list(clusters.values()), profiles(config), config.export, telemetry=Telemetry())
    watching = asyncio.create_task(pipeline.watch())
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    try:
        while pipeline.store.waiting() and loop.time() < deadline:
            done, _ = await asyncio.wait([watching], timeout=0.05)
            for task in done:
                task.result()
        for key in pipeline.store.waiting():
            error = ApiError(f"not read within {patience:g} s", reason=OutageReason.TIMEOUT)
            pipeline.store.outage(pipeline.store.feeds[key], error)
        pipeline.store.tick()
        pipeline.store.refresh()
        return survey(pipeline.store, pipeline.clock.now(), __version__)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on the fast event loop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)
