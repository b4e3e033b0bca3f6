"""A real HTTP proxy on the loopback interface: it forwards requests and tunnels (RFC 9110, 7.6 and 9.3.6)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import threading
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """Forwards, and lists in `seen` what it was asked for. With `login` ("user:password") it serves nobody else.

    `hosts` leads names elsewhere, as its own name server might.
    """

    def __init__(self, login: str = "", hosts: dict[str, str] | None = None) -> None:
        self.seen: list[str] = []
        self.port = 0
        self._wanted = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
        self._login = login
        self._hosts = hosts or {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address, with the login where there is one."""
        return f"http://{self._login}{'@' if self._login else ''}127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        self.seen.append(f"{method} {target}")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("proxy-authorization", "") != self._wanted:
            writer.write(
                b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="proxy"\r\n'
                b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            await writer.drain()
            return
        there = urlsplit(target if method != "CONNECT" else f"//{target}")
        host = self._hosts.get(there.hostname or "", there.hostname or "")
        try:
            theirs, ours = await asyncio.open_connection(host, there.port or 80)
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        with contextlib.closing(ours):
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:  # one request for each connection, so that the rest may simply be copied
                path = there.path + (f"?{there.query}" if there.query else "")
                kept = [line for line in lines if not line.lower().startswith(("proxy-", "connection:"))]
                ours.write(_head(f"{method} {path} HTTP/1.1", *kept))
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                ours.write(body)
                answer = (await theirs.readuntil(b"\r\n\r\n")).decode("latin-1")
                writer.write(_head(*answer.rstrip("\r\n").split("\r\n")))
            await asyncio.gather(_copy(reader, ours), _copy(theirs, writer), return_exceptions=True)


def _head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(1 << 16):
        target.write(data)
        await target.drain()
    target.close()
