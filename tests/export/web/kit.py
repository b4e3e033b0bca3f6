"""The exporter's pages about a store that a test fills, over real sockets."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from backup_sentinel.errors import ApiError
from backup_sentinel.export.exposition import Renderer
from backup_sentinel.export.settings import ShowMessages
from backup_sentinel.export.store import Store
from backup_sentinel.export.web import Post, Site
from backup_sentinel.model import FailureReason, Repository
from backup_sentinel.serving import FrontDoor
from export.store.world import (
    DAY,
    FAILED,
    GIB,
    HOUR,
    MINUTE,
    MONDAY,
    PARTIAL,
    RUNNING,
    UNREACHABLE,
    World,
    key,
    location,
    restore,
    run,
    schedule,
    volume,
)
from serving.kit import Answer, Server, write

NOW = MONDAY + 5 * DAY
NASTY = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "'; DROP TABLE backups; --",
    "a/b?c=d&e=f#g%2Fh+i",
    "\u202egnp.exe",
    "\x1b]0;owned\x07\x1b[2J",
    "🎉 東京 {{ 7 * 7 }} {% raw %}",
    "x" * 253,
    "${jndi:ldap://x} javascript:alert(1)",
)
"""Names that nothing may take for anything but text."""


@dataclass
class Source:
    """What a site answers from."""

    store: Store
    renderer: Renderer
    titles: dict[str, str]


class Served(NamedTuple):
    """A site that is served."""

    server: Server
    world: World

    def get(self, path: str, **more: Any) -> Answer:
        return self.server.ask(path, **more)

    def text(self, path: str, **more: Any) -> str:
        answer = self.get(path, **more)
        assert answer.status == 200, (answer.status, answer.body[:300])
        return answer.body.decode()

    def json(self, path: str, status: int = 200, **more: Any) -> Any:
        answer = self.get(path, **more)
        assert answer.status == status, (answer.status, answer.body[:300])
        assert answer.headers["content-type"] == ["application/json"]
        return json.loads(answer.body)


@contextlib.contextmanager
def served(
    world: World,
    *,
    web: tuple[Path, dict[str, Any]] | None = None,
    posts: dict[str, Post] | None = None,
    titles: dict[str, str] | None = None,
) -> Iterator[Served]:
    """Serve a world; `web` is a file and what the web configuration in it says."""
    world.store.tick()
    world.store.refresh()
    source = Source(world.store, None, titles or {})  # type: ignore[arg-type]  # no page here is a scrape
    site = Site(lambda: source, lambda: world.now, posts=posts)
    door = FrontDoor.load(str(write(*web))) if web else None
    with Server(door, app=site.application()) as server:
        yield Served(server, world)


def fleet(show_messages: ShowMessages = "always") -> World:
    """Return a world with a bit of everything."""
    world = World(show_messages=show_messages)
    world.now = NOW
    fine, bad = key("nightly"), key("shop", cluster="", namespace="shop-backups")
    failed = run(
        NOW - HOUR,
        FAILED,
        of=bad,
        ended=NOW - 50 * MINUTE,
        reason=FailureReason.CREDENTIALS,
        phase="Failed",
        message="AccessDenied: password=hunter2 was refused",
        errors=3.0,
        warnings=1.0,
        items=40.0,
        items_expected=100.0,
        expires=NOW + DAY,
        location="default",
        target_namespaces=("shop", "cart"),
    )
    nights = [
        run(
            NOW - n * DAY,
            PARTIAL if n == 3 else run(0).outcome,
            of=fine,
            ended=NOW - n * DAY + HOUR,
            size=GIB * (9 - n),
        )
        for n in range(1, 5)
    ]
    for cluster in ("prod", ""):
        for word in ("schedule", "location", "run", "volume", "repository"):
            world.list(world.feed(word, cluster=cluster))
    world.put(
        location(),
        location(cluster="", namespace="shop-backups", available=False, message="no bucket", provider="aws"),
        Repository(cluster="prod", operator="velero", namespace="velero", name="shop-repo", ready=False),
        schedule(of=fine, location="default", created=NOW - 30 * DAY),
        schedule("0 * * * *", of=bad, created=NOW - 30 * DAY, location="default"),
        schedule(of=key("idle"), paused=True, created=NOW - 30 * DAY),
        *nights,
        run(NOW - MINUTE, RUNNING, of=fine, items=5.0, items_expected=10.0),
        failed,
        volume(failed, "data", FAILED, volume="pvc-1", message="token=abcdef123456 expired"),
        volume(failed, "logs", size=GIB),
        restore(NOW - 2 * HOUR, nights[0].name),
    )
    return world


def hostile() -> World:
    """Return a world all of whose names and texts are out to get us."""
    world = World(show_messages="always")
    world.now = NOW
    for word in ("schedule", "run", "volume", "location"):
        world.list(world.feed(word, cluster="prod"))
    for n, name in enumerate(NASTY):
        of = key(name, namespace=name, target=name if n % 2 else "")
        one = run(
            NOW - HOUR - n,
            FAILED,
            of=of,
            name=name,
            message=name,
            location=name,
            phase=name,
            target_namespaces=(name,),
            reason=FailureReason.TLS,
        )
        world.put(
            schedule(of=key(name, namespace=name), location=name, message=name, valid=False, timezone=name),
            one,
            volume(one, name=name, outcome=FAILED, message=name, volume=name, target_namespace=name),
            location(name, namespace=name, available=False, message=name, provider=name),
        )
    world.store.outage(world.feed("volume"), ApiError(NASTY[0] + NASTY[5], reason=UNREACHABLE.reason))
    return world
