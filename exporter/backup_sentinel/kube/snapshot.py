"""The whole state of a resource, the cheapest way the server knows: as a stream, else in pages."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Generic

from backup_sentinel.clock import Clock

from .change import Decoder, Gone, Listed, T
from .client import Client
from .listing import Listing
from .resource import Selector
from .streaming import NoStreamError, StreamedListing
from .timing import Timing
from .turn import Turn


class Snapshot(Generic[T]):
    """Reads the state again and again, and remembers which way did not work.

    A refusal is remembered for good, a stream that stalled for `timing.stream_again` seconds. After `read`,
    `resource_version` is where a watch may start; None where the server gave none. `gate` limits how many
    lists run at once. `selector` is a label selector.
    """

    def __init__(
        self,
        client: Client,
        decoder: Decoder[T],
        *,
        clock: Clock,
        gate: asyncio.Semaphore,
        timing: Timing,
        page_size: int,
        watch_list: bool,
        selector: Selector | str | None = None,
    ) -> None:
        self.resource_version: str | None = None
        self._client = client
        self._decoder = decoder
        self._clock = clock
        self._gate = gate
        self._timing = timing
        self._page_size = page_size
        self._selector = selector
        self._stream_from = 0.0 if watch_list else float("inf")

    async def read(self, path: str, *, watchable: bool) -> AsyncGenerator[Listed[T] | Gone[T], None]:
        """Yield the state; half a stream is taken back by the pages that follow it. Raises ApiError."""
        self.resource_version = None
        async with Turn(self._gate) as turn:
            if watchable and self._clock.now() >= self._stream_from:
                try:
                    async with aclosing(self._stream(path)) as state:
                        async for change in state:
                            turn.progress()
                            yield change
                except NoStreamError as error:
                    wait = float("inf") if error.lasting else self._timing.stream_again
                    self._stream_from = self._clock.now() + wait
                else:
                    return
            async with aclosing(self._pages(path)) as pages:
                async for listed in pages:
                    turn.progress()
                    yield listed

    async def _stream(self, path: str) -> AsyncGenerator[Listed[T] | Gone[T], None]:
        listing = StreamedListing(
            self._client,
            self._decoder,
            path,
            read_timeout=self._timing.stream_read,
            selector=self._selector,
        )
        async with aclosing(listing.read()) as state:
            async for change in state:
                yield change
        self.resource_version = listing.resource_version

    async def _pages(self, path: str) -> AsyncGenerator[Listed[T], None]:
        listing = Listing(
            self._client,
            self._decoder,
            path,
            page_size=self._page_size,
            read_timeout=self._timing.list_read,
            selector=self._selector,
        )
        async with aclosing(listing.read()) as pages:
            async for listed in pages:
                yield listed
        self.resource_version = listing.resource_version
