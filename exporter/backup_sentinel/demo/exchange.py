"""One request on its way to its answer: bodies, compression, streams, and the ways a connection can die."""

import asyncio
import contextlib
import gzip
import socket
import struct
from email.utils import formatdate
from typing import NoReturn

import msgspec
from aiohttp import web

from .journal import Request
from .refusals import Refusal

_GZIP_FROM = 128 * 1024
_JSON = "application/json"


class Exchange:
    """A request, the entry of the journal for it, and what an answer needs to know about the server.

    `closing` is set when the server stops; `now` is the server's time for the Date header, Unix seconds.
    """

    def __init__(self, request: web.BaseRequest, entry: Request, closing: asyncio.Event, now: float) -> None:
        self.request = request
        self.entry = entry
        self.closing = closing
        self.headers = {
            "Cache-Control": "no-cache, private",
            "Date": formatdate(now, usegmt=True),
        }

    async def send(self, body: bytes, *, status: int = 200, content_type: str = _JSON) -> web.StreamResponse:
        """Answer with a body, compressed where it is big and the client takes gzip."""
        headers = {**self.headers, "Content-Type": content_type}
        if len(body) > _GZIP_FROM and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            body = await asyncio.to_thread(gzip.compress, body, 1, mtime=0)
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        self.entry.status = status
        return web.Response(body=body, status=status, headers=headers)

    async def refuse(self, refusal: Refusal, *, http: int | None = None) -> web.StreamResponse:
        """Answer with a Status object; `http` is the HTTP status where it is not the code of the object."""
        if refusal.retry_after is not None:
            self.headers["Retry-After"] = str(refusal.retry_after)
        return await self.send(self.pretty(refusal.body()), status=http or refusal.code)

    def pretty(self, body: bytes) -> bytes:
        """Return a body indented where the client is a person: `pretty=true`, curl or a browser."""
        agent, asked = self.entry.user_agent, self.entry.query.get("pretty")
        person = agent.startswith(("curl", "Mozilla")) and asked not in {"false", "0"}
        return msgspec.json.format(body, indent=2) + b"\n" if person or asked in {"true", "1"} else body

    async def open(self, *, length: int | None = None, content_type: str = _JSON) -> "Stream":
        """Begin an answer that is written bit by bit; `length` promises a size, which need not be kept."""
        response = web.StreamResponse(headers={**self.headers, "Content-Type": content_type})
        if length is None:
            response.enable_chunked_encoding()
        else:
            response.content_length = length
        self.entry.status = response.status
        await response.prepare(self.request)
        return Stream(self, response)

    async def hang(self) -> NoReturn:
        """Say nothing until the client leaves or the server stops."""
        await self.closing.wait()
        await self.abort()

    async def abort(self, *, reset: bool = False) -> NoReturn:
        """Break the connection without a word; with `reset` so that the client sees a TCP reset."""
        transport = self.request.transport
        if transport is not None:
            if reset:
                with contextlib.suppress(AttributeError, OSError):
                    linger = struct.pack("ii", 1, 0)
                    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        await asyncio.Event().wait()  # the loss of the connection cancels this task
        raise AssertionError


class Stream:
    """An answer that has begun; `events` counts the lines written so far."""

    def __init__(self, exchange: Exchange, response: web.StreamResponse) -> None:
        self.exchange = exchange
        self.response = response
        self.events = 0

    async def write(self, data: bytes) -> None:
        """Write raw bytes; ConnectionResetError if the client has left."""
        await self.response.write(data)

    async def finish(self) -> web.StreamResponse:
        """End the answer properly."""
        await self.response.write_eof()
        return self.response
