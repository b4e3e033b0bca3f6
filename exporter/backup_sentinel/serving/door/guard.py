"""What stands before the application: nothing passes but a request that the rules allow."""

import base64
import binascii
import math

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backup_sentinel.serving.answer import Header, refuse
from backup_sentinel.serving.identity import introduce

from .file import Rules
from .front import FrontDoor
from .users import BusyError

_CHALLENGE = (b"www-authenticate", b'Basic realm="Backup Sentinel", charset="UTF-8"')


class Guard:
    """Asks in the order of web/handler.go of prometheus/exporter-toolkit: rate, headers, password.

    Unlike there, the headers go along with 429 as well. What is no HTTP request is turned away.
    """

    def __init__(self, app: ASGIApp, door: FrontDoor) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        if scope["type"] != "http":
            return
        rules = self._door.rules()
        send = _dressed(send, rules.headers)
        if not self._door.takes():
            assert rules.rate is not None, "without a rate everything is taken"
            await refuse(send, 429, (b"retry-after", str(math.ceil(rules.rate.interval)).encode()))
            return
        try:
            known = not rules.users or await self._knows(rules, scope)
        except BusyError:
            await refuse(send, 503, (b"retry-after", b"1"))
            return
        if not known:
            await refuse(send, 401, _CHALLENGE)
            return
        if rules.users:
            introduce(scope)
        await self._app(scope, receive, send)

    async def _knows(self, rules: Rules, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        credentials = _credentials(given[0]) if len(given) == 1 else None
        return credentials is not None and await self._door.verdicts.check(rules.users, *credentials)


def _credentials(header: bytes) -> tuple[str, bytes] | None:
    """Return user and password of a Basic header (RFC 7617), or None where it is none."""
    scheme, _, encoded = header.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode("utf-8"), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _dressed(send: Send, headers: tuple[Header, ...]) -> Send:
    """Return a `send` that adds headers to the answer, in place of those of the same name."""
    if not headers:
        return send
    names = {name for name, _ in headers}

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [pair for pair in message.get("headers", ()) if pair[0].lower() not in names]
            message = {**message, "headers": [*own, *headers]}
        await send(message)

    return sending
