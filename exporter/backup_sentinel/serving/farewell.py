"""The end of an answer to a client that still sends.

A connection that is closed while bytes of the client are unread is reset, and most clients then tell of a broken
connection and not of the answer (RFC 9112, section 9.6). So what still comes is read and thrown away for a while.
"""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .limits import Limits


class Farewell:
    """Ends an answer only when the request has ended, too, or when that takes too long or too many bytes."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, and hear the client out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sends, asks = _intent(scope)

        async def receiving() -> Message:
            nonlocal sends, asks
            asks = False  # uvicorn says `100 Continue` now
            message = await receive()
            sends = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if not last or not sends or asks:
                await send(message)
                return
            await send({**message, "more_body": True})
            await self._hear(receive)
            await send({"type": "http.response.body", "body": b""})

        await self._app(scope, receiving, sending)

    async def _hear(self, receive: Receive) -> None:
        left = self._limits.linger_bytes
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.linger_seconds):
                while left > 0:
                    message = await receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    left -= len(message.get("body", b""))


def _intent(scope: Scope) -> tuple[bool, bool]:
    """Return whether a body follows the head, and whether the client asks before it sends it."""
    sends = asks = False
    for name, value in scope["headers"]:
        if name == b"content-length":
            sends = sends or value.strip(b"0") != b""
        elif name == b"transfer-encoding":
            sends = True
        elif name == b"expect":
            asks = asks or value.lower() == b"100-continue"
    return sends, asks
