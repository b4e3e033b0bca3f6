"""An SMTP server for one machine: it takes every mail and puts it into a Maildir, which mail programs can open.

The commands are the least that RFC 5321, section 4.5.1 asks for; there is no TLS and nobody logs in.
"""

import asyncio
import contextlib
import mailbox
from collections import deque
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from typing import Self

LARGEST = 10 << 20
"""Bytes of one mail."""
KEPT = 50
"""Mails that are shown; the Maildir has all."""
_HELLO = (b"demo.example.org", b"8BITMIME", b"SMTPUTF8", f"SIZE {LARGEST}".encode())
_END = b".\r\n"


class MailBox:
    """Listens on a free port of 127.0.0.1; `async with` starts and ends it."""

    def __init__(self, folder: Path, arrived: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self.port = 0
        self.mails: deque[EmailMessage] = deque(maxlen=KEPT)
        """The newest first."""
        self._box = mailbox.Maildir(folder, create=True)
        self._arrived = arrived
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LARGEST)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)
        try:
            with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
                await self._talk(reader, writer)
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer commands until the client leaves. Raises ValueError for a line without end."""
        sender, recipients = False, 0
        writer.write(b"220 demo.example.org takes mail\r\n")
        while line := await reader.readline():
            verb = line[:4].strip().upper()
            answer = b"250 OK"
            if verb == b"EHLO":
                answer = b"\r\n".join([*(b"250-" + word for word in _HELLO[:-1]), b"250 " + _HELLO[-1]])
            elif verb == b"MAIL":
                sender, recipients = True, 0
            elif verb == b"RCPT" and sender:
                recipients += 1
            elif verb == b"DATA" and recipients:
                answer = await self._data(reader, writer)
                sender, recipients = False, 0
            elif verb == b"RSET":
                sender, recipients = False, 0
            elif verb in {b"RCPT", b"DATA"}:
                answer = b"503 that comes later"
            elif verb not in {b"HELO", b"NOOP", b"QUIT", b"VRFY"}:
                answer = b"500 no such command"
            writer.write((b"221 goodbye" if verb == b"QUIT" else answer) + b"\r\n")
            await writer.drain()
            if verb == b"QUIT":
                return

    async def _data(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"354 go on, end with a dot\r\n")
        text = bytearray()
        while (line := await reader.readline()) != _END:
            if not line.endswith(b"\n"):
                raise ValueError("the client left in the middle of a mail")
            text += line.removeprefix(b".")
            if len(text) > LARGEST:
                raise ValueError("the mail is too large")
        self._box.add(bytes(text))
        parsed = message_from_bytes(bytes(text), EmailMessage, policy=SMTPUTF8)
        self.mails.appendleft(parsed)
        self._arrived()
        return b"250 in the mail box"
