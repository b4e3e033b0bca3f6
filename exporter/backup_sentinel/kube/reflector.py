"""Keeps up with one resource of one cluster: discovery, list, watch, and list again where a watch cannot resume.

Our own because no client library for Python pages, asks for bookmarks, finds half-open connections and backs
off at once; the rules are those of client-go's `tools/cache/reflector.go`.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Generic

from backup_sentinel.clock import Clock
from backup_sentinel.errors import ApiError, OutageReason

from .change import Change, Decoder, Missing, Observer, Outage, T
from .client import Client
from .discovery import Discovery
from .lines import OversizedLineError
from .resource import ResourceType, Selector, Served
from .snapshot import Snapshot
from .timing import Backoff, Random, Timing, spread
from .watching import Watching

SUCCESS = "success"

# How an open stream ends when a connection breaks. Trying again tells whether the cluster is away.
CUT = frozenset({OutageReason.UNREACHABLE, OutageReason.TIMEOUT})

# Watches that ran their time without a sign, from a server that sends bookmarks, before the list is read again:
# after etcd was restored our version lies in the future and the server is silent until its own gets there.
# Several, because a quiet etcd moves bookmarks only every ten minutes.
SILENT_WATCHES = 4

# Watches in a row that ended before they proved to be streams: that is no restart of a cache any more.
HOLLOW_WATCHES = 10


class Reflector(Generic[T]):
    """One resource of one cluster, in one namespace or in all.

    `gate` limits how many lists run at once over all clusters: lists hurt servers more than anything else.
    `discovery` is shared by the reflectors of a cluster. `poll_interval` (seconds) replaces the watch by
    repeated lists. `selector` is a label selector (`a=b,c`), which the server applies.
    """

    def __init__(
        self,
        client: Client,
        resource: ResourceType,
        decoder: Decoder[T],
        *,
        clock: Clock,
        gate: asyncio.Semaphore,
        discovery: Discovery | None = None,
        namespace: str | None = None,
        selector: Selector | str | None = None,
        poll_interval: float | None = None,
        page_size: int = 500,
        watch_list: bool = True,
        timing: Timing | None = None,
        observer: Observer | None = None,
        rand: Random = random.random,
    ) -> None:
        self.resource = resource
        self.namespace = namespace
        self.selector = selector
        self._client = client
        self._decoder = decoder
        self._clock = clock
        self._discovery = discovery or Discovery(client, clock)
        self._poll_interval = poll_interval
        self._timing = timing or Timing()
        self._observer = observer or Observer()
        self._random = rand
        self._backoff = Backoff(self._timing.first_pause, self._timing.longest_pause, rand)
        self._snapshot = Snapshot(
            client,
            decoder,
            clock=clock,
            gate=gate,
            timing=self._timing,
            page_size=page_size,
            watch_list=watch_list,
            selector=selector,
        )
        self._served: Served | None = None
        self._version: str | None = None
        self._polling = poll_interval is not None
        self._denied = False
        self._bookmarked = False
        self._silent = 0
        self._hollow = 0
        self._vanished = False

    @property
    def max_silence(self) -> float:
        """How many seconds may pass between two changes while everything is well; a longer silence is a fault."""
        timing = self._timing
        patience = timing.longest_pause + timing.list_read
        if self._served is None:
            return 1.1 * timing.discovery + patience
        if self._polling or self._denied:
            return 1.1 * (self._poll_interval or timing.poll) + patience
        return timing.watch[1] + timing.margin + patience

    async def changes(self) -> AsyncGenerator[Change[T], None]:
        """Yield what happens, for ever. Close it (`contextlib.aclosing`), or cancel, to close the connection."""
        while True:
            try:
                async with aclosing(self._turn()) as turn:
                    async for change in turn:
                        yield change
            except ApiError as error:
                if not self._uninstalled(error):
                    yield Outage(error)
                await self._rest(error.retry_after)

    async def _turn(self) -> AsyncGenerator[Change[T], None]:
        """Do the next thing to do, once."""
        if self._served is None:
            self._served = await self._discovery.find(self.resource)
        if self._served is None:
            self._vanished = False
            yield Missing()
            await self._clock.sleep(spread(self._timing.discovery, self._random))
        elif self._version is None:
            async with aclosing(self._list(self._served)) as changes:
                async for change in changes:
                    yield change
            if self._polling:
                self._backoff.reset()
                await self._next_poll()
        else:
            async with aclosing(self._watch(self._served, self._version)) as changes:
                async for change in changes:
                    yield change

    async def _list(self, served: Served) -> AsyncGenerator[Change[T], None]:
        watchable = self._poll_interval is None and served.watchable
        try:
            async with aclosing(
                self._snapshot.read(served.path(self.namespace), watchable=watchable)
            ) as state:
                async for change in state:
                    yield change
        except ApiError as error:
            self._observer.listed(str(self.resource), error.reason)
            raise
        self._observer.listed(str(self.resource), SUCCESS)
        self._vanished = False
        version = self._snapshot.resource_version
        # "0" means "any version" and starts a watch with everything once more.
        self._version = version if watchable and version and version != "0" else None
        self._polling = self._version is None

    async def _watch(self, served: Served, version: str) -> AsyncGenerator[Change[T], None]:
        watching = Watching(
            self._client,
            self._decoder,
            served.path(self.namespace),
            version,
            observer=self._observer,
            resource=str(self.resource),
            selector=self.selector,
            trusted=not self._hollow,
        )
        low, high = self._timing.watch
        began, denied = self._clock.now(), self._denied
        error: ApiError | None = None
        try:
            async with aclosing(
                watching.read(low + int((high - low) * self._random()), self._timing.margin)
            ) as changes:
                async for change in changes:
                    self._denied = False
                    yield change
        except ApiError as caught:
            error = caught
        lived = self._clock.now() - began
        if lived >= self._timing.healthy:
            self._backoff.reset()
        self._observer.watched(str(self.resource), error.reason if error else SUCCESS)
        self._version = watching.resource_version
        self._denied = error is not None and error.reason is OutageReason.FORBIDDEN
        proven = watching.heard or lived >= self._timing.healthy
        self._hollow = 0 if proven else self._hollow + 1
        if error is None:
            self._listen(watching, lived)
        elif self._denied:
            # Listing was allowed, and is asked for at once: perhaps nothing is any more. If it still is, poll, and
            # see each time whether watching is allowed by now.
            self._version = None
            await (self._next_poll() if denied else self._rest())
            return
        elif error.reason is OutageReason.EXPIRED:
            self._version = None
        elif not (watching.opened and error.reason in CUT):
            if isinstance(error, OversizedLineError):
                self._version = None
            raise error
        if self._version is not None and self._hollow >= HOLLOW_WATCHES:
            raise error or ApiError(
                f"GET {served.path(self.namespace)}: the watch ends at once, without a word",
                reason=OutageReason.BAD_ANSWER,
            )
        await self._rest(error.retry_after if error else None)

    def _listen(self, watching: Watching[T], lived: float) -> None:
        """Give up a version that the server has not come near to for several watches."""
        self._bookmarked |= watching.bookmarked
        if watching.current or not self._bookmarked or lived < self._timing.healthy:
            self._silent = 0
            return
        self._silent += 1
        if self._silent >= SILENT_WATCHES:
            self._version, self._silent = None, 0

    def _uninstalled(self, error: ApiError) -> bool:
        """Note a 404, which says nothing before discovery does: the version or the operator may have gone."""
        if error.reason is not OutageReason.NOT_SERVED:
            return False
        self._served = self._version = None
        self._discovery.forget(self.resource)
        again, self._vanished = self._vanished, True
        return not again

    async def _next_poll(self) -> None:
        await self._clock.sleep(spread(self._poll_interval or self._timing.poll, self._random))

    async def _rest(self, retry_after: float | None = None) -> None:
        await self._clock.sleep(self._backoff.pause(retry_after))
