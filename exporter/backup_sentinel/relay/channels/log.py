"""One JSON object per line, on standard output: what a log collector of the cluster picks up."""

import asyncio
import json
import os

from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.message import Delivery
from backup_sentinel.relay.rendering import Rendering, view

from .channel import Channel, ChannelSettings, Content


class LogSettings(ChannelSettings, frozen=True, tag="log"):
    """Writes messages to standard output; the process's own log goes to standard error."""

    def open(self, rendering: Rendering) -> Channel:  # noqa: ARG002 - there is nothing to compile
        """Return the channel."""
        return LogChannel()


class LogChannel:
    """Writes lines; one at a time, so that none is torn.

    They go past the buffer of `sys.stdout`: what could not be written would stay there, and come again.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._lock = asyncio.Lock()

    def render(self, delivery: Delivery) -> Content:
        """Return the line: everything a template sees, as JSON."""
        return Content(body=json.dumps(view(delivery), ensure_ascii=False, default=str))

    async def send(self, delivery: Delivery, content: Content) -> None:  # noqa: ARG002 - its id is in the line
        """Write the line and flush it."""
        async with self._lock:
            try:
                await asyncio.to_thread(_write, self._descriptor, f"{content.body}\n".encode())
            except OSError as error:
                raise DeliveryError(
                    f"standard output: {error.strerror}", reason=DeliveryReason.UNREACHABLE
                ) from error

    async def close(self) -> None:
        """Nothing is open."""


def _write(descriptor: int, line: bytes) -> None:
    while line:
        line = line[os.write(descriptor, line) :]
