"""The endpoint of a chat service: it takes messages in the form that Slack documents for incoming webhooks."""

import time
from collections import deque
from typing import Any

import msgspec
from aiohttp import web

KEPT = 50
PATH = "/chat"


class Attachment(msgspec.Struct):
    """A part of a message with a coloured edge."""

    color: str = "#dddddd"
    title: str = ""
    title_link: str = ""
    text: str = ""
    footer: str = ""


class Line(msgspec.Struct):
    """A message, and when it came (Unix seconds)."""

    text: str
    attachments: list[Attachment] = []
    at: float = 0.0


class ChatRoom:
    """Keeps the newest messages."""

    def __init__(self) -> None:
        self.lines: deque[Line] = deque(maxlen=KEPT)
        """The newest first."""

    async def take(self, request: web.Request) -> web.Response:
        """Take a message; one that has another form is refused, as Slack does."""
        body: Any = await request.read()
        try:
            line = msgspec.json.decode(body, type=Line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return web.Response(status=400, text="invalid_payload")
        line.at = time.time()
        self.lines.appendleft(line)
        return web.Response(text="ok")
