"""The next page of a list, asked for while the one before is being read, so that server and client work at once.

Which page follows is only known for sure when a page has been decoded. Where servers write it is known before: custom
resources have the list's metadata at the end of the body, built-in ones at the beginning. What looks like the token is
a guess, and a wrong one costs a request whose answer nobody reads.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

_HEAD, _TAIL = 1024, 8192
"""Bytes at either end of a body in which the metadata of a list stand; tokens have a few hundred."""
_TOKEN = re.compile(rb'"continue"\s*:\s*"([^"\\]+)"')
_METADATA = re.compile(rb'"metadata"\s*:\s*\{')

Ask = Callable[[str], Awaitable[bytes]]


def guess(body: bytes) -> str:
    """Return what seems to be the token of the page after this one; "" where nothing does."""
    head, items, _ = body[:_HEAD].partition(b'"items"')
    found = _TOKEN.search(head) if items else None
    if found is None:
        tail = body[-_TAIL:]
        for metadata in _METADATA.finditer(tail):  # of the list, or of an object before it
            found = _TOKEN.search(tail, metadata.end())
    return found[1].decode("utf-8", "replace") if found is not None else ""


class Ahead:
    """Asks for pages by their token, one of them in advance. Use it with `async with`: what is under way ends then."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._token = ""
        self._task: asyncio.Task[bytes] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._drop()

    async def get(self, token: str) -> bytes:
        """Return the page of a token, which may be there already. Raises what asking raises."""
        if self._task is not None and token == self._token:
            task, self._task = self._task, None
            return await task
        await self._drop()
        return await self._ask(token)

    async def expect(self, token: str) -> None:
        """Ask for a page in advance; returns as soon as the question is on its way."""
        await self._drop()
        if token:
            self._token, self._task = token, asyncio.ensure_future(self._ask(token))
            await asyncio.sleep(0)

    async def _drop(self) -> None:
        """Give up what was asked in advance, whatever became of it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
