"""Changes of a resource since a known version, as one stream that the server ends after some minutes.

https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks
"""

from collections.abc import AsyncGenerator
from typing import Generic

from .change import Change, Contact, Decoder, Gone, Observer, Put, T
from .client import Client
from .event import bookmark, parse
from .listing import chosen


class Watching(Generic[T]):
    """One watch. `resource_version` moves with the stream: the next watch resumes there.

    `opened` tells that the server accepted the watch, `current` that it showed to be at least as far as we
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
        selector: str | None = None,
    ) -> None:
        self.resource_version = version
        self.opened = False
        self.current = False
        self.bookmarked = False
        self._client = client
        self._decoder = decoder
        self._path = path
        self._observer = observer
        self._resource = resource
        self._chosen = chosen(selector)

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
            yield Contact()
            async for line in lines:
                change = self._change(line)
                if change is not None:
                    yield change

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
