"""Wiring of the commands that run: settings become tasks, and signals end them."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from . import __version__
from .clock import Clock
from .config import Config
from .export.archive import open_archive
from .export.overview import Overview, survey
from .export.pipeline import Pipeline
from .export.profile import Profile, load_profiles
from .export.web import Post, Site
from .serving import address, bind, serve
from .telemetry import Telemetry

_log = logging.getLogger("backup_sentinel")


def profiles(config: Config) -> list[Profile]:
    """Load the profiles a configuration asks for. Raises DocumentError."""
    return load_profiles(config.profiles.folders, config.export.operators, config.export.schedule_dialects)


async def export(
    config: Config,
    *,
    clock: Clock | None = None,
    posts: dict[str, Post] | None = None,
    started: Callable[[str], Awaitable[None]] | None = None,
) -> None:
    """Run the exporter until SIGTERM or SIGINT. `started` is told the URL once requests are answered.

    Raises DocumentError for profiles, ListenError for the address.
    """
    telemetry = Telemetry()
    pipeline = Pipeline(
        config.clusters,
        profiles(config),
        config.export,
        telemetry=telemetry,
        clock=clock,
        archive=open_archive(config.state, clock or Clock()),
        save_interval=config.state.interval_seconds,
    )
    site = Site(pipeline.store, pipeline.renderer, pipeline.clock.now, titles=pipeline.titles, posts=posts)
    bound = bind(config.web.listen)
    url = address(bound)

    async def announce() -> None:
        _log.info("listening", extra={"url": url, "version": __version__, "clusters": len(config.clusters)})
        if started is not None:
            await started(url)

    async with until_signalled() as group:
        group.create_task(pipeline.run(), name="pipeline")
        group.create_task(serve(site.application(), bound, telemetry.request, ready=announce), name="web")


@contextlib.asynccontextmanager
async def until_signalled() -> Any:
    """Run a group of tasks until one fails, or until the process is told to end: then all are cancelled."""
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
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
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


class _EndedError(Exception):
    """The process was told to end."""


async def look(config: Config, *, patience: float) -> Overview:
    """Read every cluster once and return what was seen; waits at most `patience` seconds for the slowest."""
    pipeline = Pipeline(config.clusters, profiles(config), config.export, telemetry=Telemetry())
    watching = asyncio.create_task(pipeline.watch())
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    try:
        while pipeline.store.waiting() and loop.time() < deadline:
            done, _ = await asyncio.wait([watching], timeout=0.05)
            for task in done:
                task.result()
        pipeline.store.tick()
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
