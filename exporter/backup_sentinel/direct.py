"""Wiring of the direct mode, which tells of backups without Prometheus: as a daemon, or by one look."""

import logging
from collections.abc import Awaitable, Callable

import msgspec

from . import __version__
from .app import read_once, until_signalled
from .clock import Clock
from .config import Config
from .export.web import Site
from .fleet import Fleet, environment
from .looking import Lookout
from .notify.channels import channels
from .notify.daemon import Daemon
from .notify.desk import Desk
from .notify.inquiry import Inquiry
from .notify.looking import complete, troubles
from .notify.post import Post
from .notify.shelf import Shelf
from .notify.storage import open_shelf
from .relay.clock import Steady
from .relay.courier import Courier
from .relay.intake.letters import Letters
from .relay.outbox import Outbox
from .relay.rendering import Rendering
from .relay.telemetry import RelayTelemetry
from .service import Service
from .serving import FrontDoor, address, bind, serve
from .telemetry import Telemetry

_log = logging.getLogger("backup_sentinel.notify")


async def watch(
    config: Config,
    path: str | None = None,
    *,
    read: Callable[[], Config] | None = None,
    clock: Clock | None = None,
    started: Callable[[str], Awaitable[None]] | None = None,
) -> None:
    """Look and deliver until SIGTERM or SIGINT, and serve what the exporter serves. `started` is told the URL.

    `path` is the file that, when it changes and at SIGHUP, is read again by `read`: for what the exporter takes from it.
    Raises SentinelError for what is wrong at start: DocumentError, SettingError, OutboxError, ListenError, and what a
    channel or enricher raises.
    """
    settings, wall, steady = config.notify, clock or Clock(), clock or Steady()
    relay = msgspec.structs.replace(config.relay, channels=channels(settings, config.relay.channels))
    telemetry = Telemetry()
    counts = RelayTelemetry(
        telemetry, [one.name for one in relay.channels], [one.kind for one in relay.enrichers], steady
    )
    rendering = Rendering()
    opened = {one.name: one.open(rendering) for one in relay.channels}
    look = Lookout(config)
    enrichers = {one.kind: one.open_with(look) for one in relay.enrichers}
    service = Service(config, path, telemetry, read or (lambda: config), clock=wall)
    shelf = record_of(config, wall)
    door = FrontDoor.load(config.web.config_file) if config.web.config_file else None
    outbox = Outbox.open(relay.outbox.path, steady)
    try:
        courier = Courier(relay, opened, outbox, counts, steady, enrichers)
        daemon = Daemon(
            settings,
            relay,
            lambda: service.pipeline.store,
            lambda: service.pipeline.titles,
            outbox,
            counts,
            shelf,
            steady,
        )
        site = Site(lambda: service.pipeline, wall.now).application()
        site.router.routes[:0] = Letters(relay, outbox).routes()
        bound = bind(config.web.listen)
        url = address(bound, door)

        async def announce() -> None:
            fields = {
                "url": url,
                "version": __version__,
                "clusters": service.clusters,
                "channels": list(opened),
            }
            _log.info("listening", extra=fields)
            if started is not None:
                await started(url)

        async with until_signalled(service.hang_up) as group:
            group.create_task(service.run(), name="service")
            group.create_task(courier.run(), name="courier")
            group.create_task(daemon.run(), name="notify")
            group.create_task(
                serve(site, bound, telemetry.request, front_door=door, ready=announce),
                name="web",
            )
    finally:
        await shelf.close()
        await outbox.close()


def record_of(config: Config, clock: Clock) -> Shelf:
    """Return what keeps the record of what was sent. Raises RecordError, SettingError."""
    clusters = Fleet(config.clusters, environment=environment.read()).wanted
    return open_shelf(config.notify.record, clock, clusters)


async def once(config: Config, *, clock: Clock | None = None) -> bool:
    """Look once, send what is due and wait for the answers; return whether all was read, sent and noted.

    What was sent is noted after it was sent. Nothing is sent where the record cannot be read: it might be sent each time.
    Enrichers are asked within one time for the whole look. Raises SentinelError for what is wrong at start, ApiError and
    RecordError for the record.
    """
    settings, clock = config.notify, clock or Clock()
    shelf = record_of(config, clock)
    try:
        told, look = channels(settings, config.relay.channels), Lookout(config)
        enrichers = {one.kind: one.open_with(look) for one in config.relay.enrichers}
        inquiry = Inquiry(config.relay, enrichers, clock)
        try:
            post = Post(settings, told, inquiry)
            try:
                return await _look(config, shelf, post, clock)
            finally:
                await post.close()
        finally:
            await inquiry.close()
    finally:
        await shelf.close()


async def _look(config: Config, shelf: Shelf, post: Post, clock: Clock) -> bool:
    settings, began = config.notify, clock.now()
    await shelf.load()  # without it nothing may be sent, however long reading takes
    async with read_once(config, patience=settings.read_seconds, clock=clock) as pipeline:
        store = pipeline.store
        record = await shelf.load()  # others may have told meanwhile
        desk = Desk(settings, record, clock.now())
        desk.look(store, pipeline.titles)
        read, unread = complete(store), troubles(store)
        titles = {name: pipeline.titles.get(name) or name or "the cluster" for name in store.clusters}
    notes = [
        f"{titles[name]} could not be read completely: {'; '.join(texts)}" for name, texts in unread.items()
    ]
    for note in notes:
        _log.error("cluster not read", extra={"error": note})
    sent = await post.deliver(desk, clock.now(), notes, lambda: shelf.save(record))
    if sent:
        desk.finish(read, began)
    await shelf.save(record)
    fields = {
        "clusters": len(store.clusters),
        "unread": len(unread),
        "found": len(desk.incidents),
        "sent": sent,
    }
    _log.info("look finished", extra=fields)
    return sent and not unread
