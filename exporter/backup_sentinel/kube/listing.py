"""The whole state of a resource in pages.

https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
Never with `resourceVersion=0`, which makes servers ignore `limit` and send everything in one body.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Generic

import msgspec

from backup_sentinel.errors import ApiError, OutageReason

from . import failure
from .ahead import Ahead, guess
from .change import Decoder, Listed, Page, T
from .client import Client
from .resource import Selector

CHUNK = 40
MAX_PAGE = 5000
MAX_RESTARTS = 4


def chosen(selector: Selector | str | None) -> dict[str, str]:
    """Return the parameters with which a server is asked for chosen objects only; text is a label selector."""
    wanted = Selector(selector) if isinstance(selector, str) else selector or Selector()
    return ({"labelSelector": wanted.labels} if wanted.labels else {}) | (
        {"fieldSelector": wanted.fields} if wanted.fields else {}
    )


class Listing(Generic[T]):
    """One list. When `read` has ended, `resource_version` is where a watch may start, or None.

    An aggregated API may give no version at all; then there is nothing to watch from.
    """

    def __init__(
        self,
        client: Client,
        decoder: Decoder[T],
        path: str,
        *,
        page_size: int,
        read_timeout: float,
        selector: Selector | str | None = None,
    ) -> None:
        self.resource_version: str | None = None
        self._client = client
        self._decoder = decoder
        self._path = path
        self._limit = page_size
        self._read_timeout = read_timeout
        self._chosen = chosen(selector)

    async def read(self) -> AsyncGenerator[Listed[T], None]:
        """Yield the list, at most `CHUNK` objects at a time. Only one that truly ended is `complete`.

        A continue token that expired (410, with etcd's compaction) starts the list again with larger pages:
        what the server offers instead continues from another state than it began with. Raises ApiError.
        """
        restarts = 0
        while True:
            try:
                async with aclosing(self._pages()) as pages:
                    async for listed in pages:
                        yield listed
            except ApiError as error:
                if error.reason is not OutageReason.EXPIRED or restarts == MAX_RESTARTS:
                    raise
                restarts += 1
                self._limit = min(MAX_PAGE, self._limit * 2)
            else:
                return

    async def _pages(self) -> AsyncGenerator[Listed[T], None]:
        async with Ahead(self._body) as ahead, aclosing(self._chunks(ahead)) as chunks:
            async for listed in chunks:
                yield listed

    async def _chunks(self, ahead: Ahead) -> AsyncGenerator[Listed[T], None]:
        token, first, self.resource_version = "", True, None
        while True:
            body = await ahead.get(token)
            if (seeming := guess(body)) != token:
                await ahead.expect(seeming)
            page = self._page(body)
            del body
            if first:
                # All pages of a list share one version; should they not, the oldest loses nothing.
                self.resource_version = page.resource_version or None
            following = page.continue_token or ""
            if following and following == token:
                raise self._bad("the list does not get on: a page names itself as the next one")
            if not following and page.remaining:
                raise self._bad(f"the list ended {page.remaining} objects early")
            items = page.items
            # Cutting a page into objects takes a millisecond, and so does each part of it.
            await asyncio.sleep(0)
            for start in range(0, len(items) or 1, CHUNK):
                last = start + CHUNK >= len(items)
                yield Listed(items[start : start + CHUNK], first, last and not following)
                first = False
                await asyncio.sleep(0)
            if not following:
                return
            token = following

    async def _body(self, token: str) -> bytes:
        params = {"limit": str(self._limit)} | self._chosen | ({"continue": token} if token else {})
        return await self._client.get(self._path, params, read_timeout=self._read_timeout)

    def _page(self, body: bytes) -> Page[T]:
        try:
            return self._decoder.page(body)
        except (ValueError, msgspec.MsgspecError) as error:
            status = failure.status_of(body)
            raise (
                failure.from_status(status, f"GET {self._path}") if status else self._bad(str(error))
            ) from error

    def _bad(self, text: str) -> ApiError:
        return ApiError(f"GET {self._path}: {text}"[:400], reason=OutageReason.BAD_ANSWER)
