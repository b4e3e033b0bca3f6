"""Wiring of the commands that run: settings become tasks, and signals end them."""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from . import __version__, allocator
from .clock import Clock
from .config import Config
from .export.overview import Choice, Lens, Overview, at_once, survey
from .export.pipeline import Pipeline
from .export.web import Post, Site
from .fleet import Fleet, SecretSource, Shard, environment
from .looking import Lookout, looking
from .relay.clock import Steady
from .relay.courier import Courier
from .relay.intake import Site as Intake
from .relay.outbox import Outbox
from .relay.rendering import Rendering
from .relay.telemetry import RelayTelemetry
from .service import Service, profiles
from .serving import FrontDoor, Limits, address, bind, serve
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
    # What lives as long as the process is not looked at again by the collector, which would stop everything for 50 ms.
    gc.collect()
    gc.freeze()
    site = Site(lambda: service.pipeline, (clock or Clock()).now, posts=posts)
    bound = bind(config.web.listen)
    url = address(bound, door)

    async def announce() -> None:
        _log.info("listening", extra={"url": url, "version": __version__, "clusters": service.clusters})
        if started is not None:
            await started(url)

    async with until_signalled(service.hang_up) as group:
        group.create_task(service.run(), name="service")
        group.create_task(
            serve(site.application(), bound, telemetry.request, front_door=door, ready=announce), name="web"
        )


async def relay(
    config: Config,
    *,
    clock: Clock | None = None,
    started: Callable[[str], Awaitable[None]] | None = None,
) -> None:
    """Take messages in and deliver them until SIGTERM or SIGINT. `started` is told the URL once requests are answered.

    Raises SentinelError for what is wrong at start: DocumentError, OutboxError, ListenError, and what a channel or enricher raises.
    """
    settings, clock = config.relay, clock or Steady()
    telemetry = Telemetry(export=False)
    counts = RelayTelemetry(
        telemetry,
        [channel.name for channel in settings.channels],
        [one.kind for one in settings.enrichers],
        clock,
    )
    rendering = Rendering()
    channels = {channel.name: channel.open(rendering) for channel in settings.channels}
    look = Lookout(config)
    enrichers = {enricher.kind: enricher.open_with(look) for enricher in settings.enrichers}
    door = FrontDoor.load(config.web.config_file) if config.web.config_file else None
    outbox = Outbox.open(settings.outbox.path, clock)
    try:
        courier = Courier(settings, channels, outbox, counts, clock, enrichers)
        intake = Intake(settings, outbox, telemetry, counts, clock)
        bound = bind(config.web.listen)
        url = address(bound, door)

        async def announce() -> None:
            _log.info("listening", extra={"url": url, "version": __version__, "channels": list(channels)})
            if started is not None:
                await started(url)

        async with until_signalled(lambda: None) as group:
            group.create_task(courier.run(), name="courier")
            group.create_task(
                serve(
                    intake.application(),
                    bound,
                    telemetry.request,
                    front_door=door,
                    limits=Limits(body_bytes=settings.intake.max_body_bytes),
                    ready=announce,
                ),
                name="web",
            )
    finally:
        await outbox.close()


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


async def look(config: Config, choice: Choice, *, patience: float) -> Overview:
    """Read every cluster once and return what was seen and is asked for; waits at most `patience` seconds for the slowest."""
    async with read_once(config, patience=patience) as pipeline:
        lens = Lens(pipeline.store, pipeline.clock.now(), texts=True, titles=pipeline.titles)
        return at_once(survey(lens, __version__, choice))


@contextlib.asynccontextmanager
async def read_once(
    config: Config, *, patience: float, clock: Clock | None = None
) -> AsyncIterator[Pipeline]:
    """Read every cluster once; what is not read after `patience` seconds counts as an outage.

    Raises DocumentError for profiles, SettingError for clusters in environment variables.
    """
    sources = [SecretSource(namespaces=config.secrets.namespaces)] if config.secrets.enabled else []
    fleet = Fleet(config.clusters, environment=environment.read(), sources=sources)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    # To the end, because with it go the files in which kubeconfigs of Secrets are kept.
    seeking = asyncio.create_task(fleet.run())
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await fleet.settled()
        pipeline = Pipeline(
            list(fleet.wanted.values()), profiles(config), config.export, telemetry=Telemetry(), clock=clock
        )
        async with looking(pipeline, max(0.0, deadline - loop.time())):
            yield pipeline
    finally:
        seeking.cancel()
        await asyncio.gather(seeking, return_exceptions=True)


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on the fast event loop where it is installed."""
    allocator.settle()
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)
