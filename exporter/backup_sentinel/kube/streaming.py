"""The whole state of a resource as a stream of events (WatchList, KEP-3157).

It costs the API server a fraction of a list in pages, and is served from its cache also in quiet clusters.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Generic

from backup_sentinel.errors import ApiError, OutageReason

from .change import Decoder, Gone, Listed, T
from .client import Client
from .event import bookmark, parse
from .listing import CHUNK, chosen
from .resource import Selector

PARAMS = {
    "watch": "true",
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
    "timeoutSeconds": "300",
}


class NoStreamError(Exception):
    """The server does not stream lists: `lasting` if it said so, else the stream only did not get to its end."""

    def __init__(self, text: str, *, lasting: bool) -> None:
        super().__init__(text)
        self.lasting = lasting


class StreamedListing(Generic[T]):
    """One streamed list, with the interface of `Listing`."""

    def __init__(
        self,
        client: Client,
        decoder: Decoder[T],
        path: str,
        *,
        read_timeout: float,
        selector: Selector | str | None = None,
    ) -> None:
        self.resource_version: str | None = None
        self._client = client
        self._decoder = decoder
        self._path = path
        self._read_timeout = read_timeout
        self._params = PARAMS | chosen(selector)

    async def read(self) -> AsyncGenerator[Listed[T] | Gone[T], None]:
        """Yield the list, at most 500 objects at a time; complete with the bookmark that ends it, never before.

        The stream is closed then: a watch of its own follows, with its own longer silence.
        Raises NoStreamError where pages should be tried instead, else ApiError.
        """
        opened = False
        try:
            async with self._client.stream(
                self._path, self._params, read_timeout=self._read_timeout
            ) as lines:
                opened = True
                async with aclosing(self._state(lines)) as state:
                    async for listed in state:
                        yield listed
        except ApiError as error:
            # 400 and 422: the parameters are unknown or switched off. 403: listing is allowed, watching is not.
            if not opened and error.status in {400, 403, 422}:
                raise NoStreamError(str(error), lasting=True) from error
            if opened and error.reason in {
                OutageReason.TIMEOUT,
                OutageReason.UNREACHABLE,
                OutageReason.EXPIRED,
            }:
                raise NoStreamError(str(error), lasting=False) from error
            raise

    async def _state(self, lines: AsyncIterator[bytes]) -> AsyncGenerator[Listed[T] | Gone[T], None]:
        what = f"GET {self._path}"
        batch: list[T] = []
        first = True
        async for line in lines:
            event = parse(line, what)
            if event.type == "BOOKMARK":
                mark = bookmark(event, what)
                if mark.ends_initial_state:
                    self.resource_version = mark.resource_version
                    yield Listed(batch, first, complete=True)
                    return
            elif event.type == "DELETED":
                yield Listed(batch, first, complete=False)
                yield Gone(self._decoder.item(event.object).value)
                batch, first = [], False
            else:
                batch.append(self._decoder.item(event.object).value)
                if len(batch) >= CHUNK:
                    yield Listed(batch, first, complete=False)
                    batch, first = [], False
        raise NoStreamError(f"{what}: the stream ended before the list did", lasting=False)
