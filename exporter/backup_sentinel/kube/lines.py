"""The lines of one answer, whole or not at all."""

import asyncio
from typing import Self

import aiohttp
from aiohttp.http_exceptions import LineTooLong

from backup_sentinel.errors import ApiError, OutageReason

from . import failure

MAX_LINE = 16 << 20
BURST = 8
"""Lines that came at once and are handed over before other tasks get a chance to run: about a millisecond of work."""


class OversizedLineError(ApiError):
    """One line of a stream is larger than `MAX_LINE` bytes; asking again for the same would get the same."""


class Lines:
    """The lines of one stream, as an iterator."""

    def __init__(self, content: aiohttp.StreamReader, what: str) -> None:
        self._content = content
        self._what = what
        self._came = 0
        self._burst = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._content.total_bytes != self._came:
            self._came, self._burst = self._content.total_bytes, 0
        elif self._burst == BURST:
            await asyncio.sleep(0)
            self._burst = 0
        self._burst += 1
        try:
            line = await self._content.readuntil(b"\n", max_size=MAX_LINE)
        except LineTooLong as error:
            raise OversizedLineError(
                f"{self._what}: a line of the stream is larger than {MAX_LINE} bytes",
                reason=OutageReason.BAD_ANSWER,
            ) from error
        except failure.TRANSPORT as error:
            raise failure.from_transport(error, self._what) from error
        if not line:
            raise StopAsyncIteration
        if not line.endswith(b"\n"):
            raise ApiError(f"{self._what}: the stream was cut inside a line", reason=OutageReason.UNREACHABLE)
        return line
