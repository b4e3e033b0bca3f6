"""The lines of one answer, whole or not at all."""

from typing import Self

import aiohttp
from aiohttp.http_exceptions import LineTooLong

from backup_sentinel.errors import ApiError, OutageReason

from . import failure

MAX_LINE = 16 << 20


class OversizedLineError(ApiError):
    """One line of a stream is larger than `MAX_LINE` bytes; asking again for the same would get the same."""


class Lines:
    """The lines of one stream, as an iterator."""

    def __init__(self, content: aiohttp.StreamReader, what: str) -> None:
        self._content = content
        self._what = what

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
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
