"""A connection to a server, with the attempts that wait for an acknowledgement."""

import asyncio
import contextlib
from collections.abc import Callable

from nats.aio.client import Client
from nats.errors import SecureConnWantedError
from nats.js.api import PubAck


class Session:
    """A connection, with the attempts that wait for an acknowledgement."""

    def __init__(self, client: Client, server: str) -> None:
        self.client = client
        self.server = server
        self.heard: Exception | None = None
        self._waiting: dict[asyncio.Task[PubAck], str] = {}

    def usable(self) -> bool:
        """Tell whether the connection is open."""
        return self.client.is_connected

    def check(self) -> None:
        """Raise SecureConnWantedError where the connection is not encrypted."""
        # The library upgrades the connection if, and only if, the server says that it requires TLS.
        if not self.client._server_info.get("tls_required"):  # noqa: SLF001 - there is no other way to know
            raise SecureConnWantedError

    def guard(self, text: str) -> Callable[[], str]:
        """Return a callback that tells a secret, unless it would go over a connection that is not encrypted."""

        def tell() -> str:
            self.check()
            return text

        return tell

    async def publish(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        """Wait for the acknowledgement, as long as it takes, or until it is known that there will be none."""
        stream = self.client.jetstream()
        task = asyncio.ensure_future(stream.publish(subject, body, timeout=3600, headers=headers))
        self._waiting[task] = subject
        try:
            await asyncio.wait({task})
            if task.cancelled():
                raise self.heard or ConnectionResetError("the connection was lost")
            task.result()
        finally:
            del self._waiting[task]
            task.cancel()

    async def hear(self, error: Exception) -> None:
        """Remember what the library reports. It leaves requests alone that are refused, or lose their connection."""
        self.heard = error
        for task, subject in self._waiting.items():
            if f'"{subject}"'.lower() in str(error).lower():
                task.cancel()

    async def end(self) -> None:
        """Let those go who wait: the connection is closed."""
        for task in self._waiting:
            task.cancel()

    async def close(self) -> None:
        """Say goodbye, but not for long."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await self.client.close()


__all__ = ["Session"]
