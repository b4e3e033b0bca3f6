"""One request: how long its URL, its head and its body may be, and how long the body may take."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answer import refuse
from .limits import Limits
from .seldom import Seldom

_LINE = 4
"""Bytes of a header line beside name and value."""


class Bounds:
    """Refuses what is too large or too slow, and hands a request on only when its body is complete.

    uvicorn bounds none of this with httptools, and with h11 only the head; so it is done here, for both parsers.
    Heads that never end do not come this far: `connection` counts their bytes.
    """

    def __init__(self, app: ASGIApp, limits: Limits, seldom: Seldom) -> None:
        self._app = app
        self._limits = limits
        self._seldom = seldom

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on when it is complete, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, has_body = self._measure(scope)
        if status:
            await self._refuse(scope, send, status)
            return
        if has_body:
            body = await self._read(receive)
            if body is None:
                return
            if isinstance(body, bytes) and not _is_whole(scope, body):
                body = 400
            if isinstance(body, int):
                await self._refuse(scope, send, body)
                return
            receive = _replay(body, receive)
        await self._run(scope, receive, send)

    async def _refuse(self, scope: Scope, send: Send, status: int) -> None:
        if status == 413:  # a sender that gives up has lost its message; the others can be seen in metrics
            client = (scope.get("client") or ("",))[0]
            self._seldom.tell("a body is too large", client=client, limit=self._limits.body_bytes)
        await refuse(send, status)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            if not begun:  # uvicorn would answer 500 as well, but without the headers of the door
                await refuse(send, 500)
            raise  # for the log

    def _measure(self, scope: Scope) -> tuple[int, bool]:
        """Return the status that refuses the head, or 0, and whether a body follows."""
        if len(scope["raw_path"]) + 1 + len(scope["query_string"]) > self._limits.url_bytes:
            return 414, False
        size, has_body = 0, False
        for name, value in scope["headers"]:
            size += len(name) + len(value) + _LINE
            if name == b"content-length":
                if not value.isdigit() or len(value) > 18 or int(value) > self._limits.body_bytes:
                    return 413, True
                has_body = has_body or int(value) > 0
            elif name == b"transfer-encoding":
                has_body = True
        return (431 if size > self._limits.head_bytes else 0), has_body

    async def _read(self, receive: Receive) -> bytes | int | None:
        """Return the body, the status that refuses it, or None where the client has gone."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return None
                    body += message.get("body", b"")
                    if len(body) > self._limits.body_bytes:
                        return 413
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            return 408


def _is_whole(scope: Scope, body: bytes) -> bool:
    """Tell whether a body is what its head says: httptools drops that of a request with `Upgrade`, without a word."""
    length: int | None = None
    upgrades = False
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value)
        elif name == b"upgrade":
            upgrades = True
    return bool(body) or not upgrades if length is None else len(body) == length


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body first, and then what the connection says."""
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving
