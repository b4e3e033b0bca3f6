"""What can be wrong with an API server, as small declarative objects that are switched on and off at run time.

Each fault matches a verb and a resource ("" for any) and begins with the `nth` such request after it was
added, for `times` requests in a row (None: for as long as it is there). Counts of events leave bookmarks in.
"""

# ruff: noqa: D102, ARG002 -- what a hook is for stands once, at Fault

import asyncio

import msgspec
from aiohttp import web

from .exchange import Exchange, Stream
from .listing import Page
from .refusals import Refusal, expired
from .watching import too_old_line

HTML_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"


class StreamOver(Exception):  # noqa: N818  -- a signal inside the server, not an error
    """A fault ends the stream here."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, tag_field="fault", tag=str.lower):
    """What all faults share: when they strike. The hooks do nothing here; each fault fills the ones it needs."""

    verb: str = ""
    resource: str = ""
    nth: int = 1
    times: int | None = None

    def matches(self, verb: str, resource: str) -> bool:
        """Return whether a request is of the kind the fault waits for; `resource` is `plural.group`."""
        return self.verb in {"", verb} and self.resource in {"", resource, resource.partition(".")[0]}

    async def instead(self, exchange: Exchange) -> web.StreamResponse | None:
        """Answer in place of the server, before it has looked at the request; None to let it answer."""

    def page(self, page: Page) -> None:
        """Change a page of a list before it is written."""

    async def body(self, exchange: Exchange, body: bytes) -> web.StreamResponse | None:
        """Write the body of an answer in its own way; None to let the server write it."""

    async def opened(self, stream: Stream) -> None:
        """Act on a stream that has sent its headers only."""

    async def line(self, stream: Stream, line: bytes) -> None:
        """Write the next line of a stream, and what comes around it."""
        await stream.write(line)


class Latency(Fault, frozen=True, kw_only=True):
    """The answer begins `seconds` later; other faults still apply."""

    seconds: float

    async def instead(self, exchange: Exchange) -> web.StreamResponse | None:
        await asyncio.sleep(self.seconds)
        return None


class Answer(Fault, frozen=True, kw_only=True):
    """A Status object with this code; `http` is the HTTP status where it differs, `retry_after` in seconds."""

    code: int = 503
    http: int | None = None
    message: str = "the server is currently unable to handle the request"
    reason: str = ""
    retry_after: int | None = None

    async def instead(self, exchange: Exchange) -> web.StreamResponse | None:
        refusal = Refusal(self.code, self.message, reason=self.reason, retry_after=self.retry_after)
        return await exchange.refuse(refusal, http=self.http)


class Body(Fault, frozen=True, kw_only=True):
    """A body of any text, empty unless given, as a proxy in between would send it."""

    text: str = ""
    content_type: str = "application/json"
    http: int = 200

    async def instead(self, exchange: Exchange) -> web.StreamResponse | None:
        return await exchange.send(self.text.encode(), status=self.http, content_type=self.content_type)


class CutBody(Fault, frozen=True, kw_only=True):
    """Only this part of the body comes; then the connection breaks, or (`clean`) the answer ends as if complete."""

    part: float = 0.5
    clean: bool = False

    async def body(self, exchange: Exchange, body: bytes) -> web.StreamResponse | None:
        stream = await exchange.open(length=None if self.clean else len(body))
        await stream.write(body[: int(len(body) * self.part)])
        if self.clean:
            return await stream.finish()
        return await exchange.abort()


class Slow(Fault, frozen=True, kw_only=True):
    """Bodies and lines trickle: `chunk` bytes, then `pause` seconds, and so on."""

    chunk: int = 64
    pause: float = 0.05

    async def body(self, exchange: Exchange, body: bytes) -> web.StreamResponse | None:
        stream = await exchange.open(length=len(body))
        await self.line(stream, body)
        return await stream.finish()

    async def line(self, stream: Stream, line: bytes) -> None:
        for first in range(0, len(line), self.chunk):
            await stream.write(line[first : first + self.chunk])
            await asyncio.sleep(self.pause)


class HalfOpen(Fault, frozen=True, kw_only=True):
    """The connection stays open and silent: from the start (None), or after that many events of a stream."""

    after: int | None = None

    async def instead(self, exchange: Exchange) -> web.StreamResponse | None:
        return await exchange.hang() if self.after is None else None

    async def opened(self, stream: Stream) -> None:
        if self.after == 0:
            await stream.exchange.hang()

    async def line(self, stream: Stream, line: bytes) -> None:
        await stream.write(line)
        if self.after is not None and stream.events + 1 >= self.after:
            await stream.exchange.hang()


class AfterEvents(Fault, frozen=True, kw_only=True):
    """Something happens to a stream after that many events; 0 is before the first."""

    after: int = 0

    async def strike(self, stream: Stream) -> None:
        """Do it."""

    async def opened(self, stream: Stream) -> None:
        if self.after == 0:
            await self.strike(stream)

    async def line(self, stream: Stream, line: bytes) -> None:
        await stream.write(line)
        if stream.events + 1 == self.after:
            await self.strike(stream)


class EndStream(AfterEvents, frozen=True, kw_only=True):
    """The stream ends properly, as after its time."""

    async def strike(self, stream: Stream) -> None:
        raise StreamOver


class CutLine(AfterEvents, frozen=True, kw_only=True):
    """The line after that many events is cut in its middle, and the stream ends there."""

    async def opened(self, stream: Stream) -> None:
        return

    async def line(self, stream: Stream, line: bytes) -> None:
        if stream.events < self.after:
            await stream.write(line)
            return
        await stream.write(line[: len(line) // 2])
        raise StreamOver


class Garbage(AfterEvents, frozen=True, kw_only=True):
    """A line that is not JSON comes in between; the stream goes on."""

    text: str = "this is not JSON"

    async def strike(self, stream: Stream) -> None:
        await stream.write(self.text.encode() + b"\n")


class Expired(AfterEvents, frozen=True, kw_only=True):
    """410: as the answer to a list, as an ERROR event in a stream that has begun with 200."""

    async def instead(self, exchange: Exchange) -> web.StreamResponse | None:
        return None if exchange.entry.verb == "watch" else await exchange.refuse(expired())

    async def strike(self, stream: Stream) -> None:
        await stream.write(too_old_line(int(stream.exchange.entry.query.get("resourceVersion") or 0), 1))
        raise StreamOver


class Reset(AfterEvents, frozen=True, kw_only=True):
    """The connection is reset: at once, or after that many events of a stream."""

    async def instead(self, exchange: Exchange) -> web.StreamResponse | None:
        return await exchange.abort(reset=True) if self.after == 0 else None

    async def strike(self, stream: Stream) -> None:
        await stream.exchange.abort(reset=True)


class OldRevision(Fault, frozen=True, kw_only=True):
    """The resourceVersion goes back by so much: of lists, and of the objects and bookmarks of streams."""

    by: int = 500

    def page(self, page: Page) -> None:
        page.revision = max(1, page.revision - self.by)

    async def line(self, stream: Stream, line: bytes) -> None:
        event = msgspec.json.decode(line)
        metadata = event["object"]["metadata"]
        metadata["resourceVersion"] = str(max(1, int(metadata["resourceVersion"]) - self.by))
        await stream.write(msgspec.json.encode(event) + b"\n")


class Large(Fault, frozen=True, kw_only=True):
    """The first `count` objects of each page, and each object of a stream, carry an annotation of `size` bytes."""

    size: int = 2 << 20
    count: int = 1

    def page(self, page: Page) -> None:
        for index, body in enumerate(page.bodies[: self.count]):
            page.bodies[index] = msgspec.json.encode(self._pad(msgspec.json.decode(body)))

    async def line(self, stream: Stream, line: bytes) -> None:
        event = msgspec.json.decode(line)
        await stream.write(msgspec.json.encode({**event, "object": self._pad(event["object"])}) + b"\n")

    def _pad(self, manifest: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
        metadata = manifest["metadata"]
        notes = dict(metadata.get("annotations") or {}) | {"example.com/padding": "x" * self.size}  # type: ignore[call-overload]
        return {**manifest, "metadata": {**metadata, "annotations": notes}}


AnyFault = (
    Latency
    | Answer
    | Body
    | CutBody
    | Slow
    | HalfOpen
    | EndStream
    | CutLine
    | Garbage
    | Expired
    | Reset
    | OldRevision
    | Large
)
