"""Changes of a resource since a known version, as one stream that the server ends after some minutes.

https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Generic

from .change import Change, Contact, Decoder, Gone, Observer, Put, T
from .client import Client
from .event import bookmark, parse
from .listing import chosen
from .resource import Selector

PROOF = 0.1
"""Seconds after which an open stream that says nothing counts as that of a quiet cluster. Before that it may be an
answer that only looks like a stream: an empty one, or a Status with 200."""


class Watching(Generic[T]):
    """One watch. `resource_version` moves with the stream: the next watch resumes there.

    That the server opens it counts as a sign of life only if it is `trusted`.

    `opened` tells that the server accepted the watch, `heard` that it proved to be one, `current` that it showed to be at least as far as we
    were, `bookmarked` that it sends bookmarks.
    """

    def __init__(
        self,
        client: Client,
        decoder: Decoder[T],
        path: str,
        version: str,
        *,
        observer: Observer,
        resource: str,
        selector: Selector | str | None = None,
        trusted: bool = True,
    ) -> None:
        self.resource_version = version
        self.opened = False
        self.heard = False
        self.current = False
        self.bookmarked = False
        self._client = client
        self._decoder = decoder
        self._path = path
        self._observer = observer
        self._resource = resource
        self._chosen = chosen(selector)
        self._trusted = trusted

    async def read(self, seconds: int, margin: float) -> AsyncGenerator[Change[T], None]:
        """Yield changes until the server ends the stream after `seconds`, as asked.

        Silence of `margin` seconds beyond that means a half-open connection. Raises ApiError.
        """
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self.resource_version,
            "timeoutSeconds": str(seconds),
            **self._chosen,
        }
        async with self._client.stream(self._path, params, read_timeout=seconds + margin) as lines:
            self.opened = True
            if self._trusted:
                yield Contact()
            opening = asyncio.ensure_future(anext(lines, None))
            try:
                await asyncio.wait([opening], timeout=PROOF)
                if not opening.done():
                    for contact in self._proven():
                        yield contact
                line = await opening
            finally:
                opening.cancel()
            while line is not None:
                change = self._change(line)
                for contact in self._proven():
                    yield contact
                if change is not None:
                    yield change
                line = await anext(lines, None)

    def _proven(self) -> Iterator[Contact]:
        """Note that the stream is one; tell so if that was in doubt."""
        if not self.heard and not self._trusted:
            yield Contact()
        self.heard = True

    def _change(self, line: bytes) -> Change[T] | None:
        what = f"GET {self._path}"
        event = parse(line, what)
        self._observer.event(self._resource, event.type)
        if event.type == "BOOKMARK":
            self.bookmarked = True
            self._advance(bookmark(event, what).resource_version)
            return Contact()
        if event.type not in {"ADDED", "MODIFIED", "DELETED"}:
            return None
        item = self._decoder.item(event.object)
        self._advance(item.resource_version)
        return Gone(item.value) if event.type == "DELETED" else Put(item.value)

    def _advance(self, version: str | None) -> None:
        if version and not _older(version, self.resource_version):
            self.resource_version = version
            self.current = True


def _older(version: str, known: str) -> bool:
    """Tell whether a server lags behind. Versions of one resource compare as numbers (KEP-5504)."""
    try:
        return int(version) < int(known)
    except ValueError:
        return False
