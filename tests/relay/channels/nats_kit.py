"""A real NATS server with one stream, as the suite of channels wants it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, StreamConfig

from backup_sentinel.errors import DeliveryReason
from backup_sentinel.relay.channels.nats import NatsSettings
from relay.channels.river import aside
from relay.channels.suite import Case, Received, ReceiverKit
from support.nats import NatsServer

PASSWORD = "fake-nats-password"
ADMIN = {"user": "admin", "password": "fake-admin"}


def users(password: str = PASSWORD, **me: Any) -> dict[str, Any]:
    return {"users": [{"user": "me", "password": password, **me}, ADMIN]}


class NatsKit(ReceiverKit):
    kind = "nats"
    secrets = (PASSWORD,)
    cases = (
        Case("wrong password", DeliveryReason.UNAUTHORIZED, retry=True),
        Case("publishing denied", DeliveryReason.UNAUTHORIZED, retry=True),
        Case("no stream", DeliveryReason.UNROUTABLE, retry=True),
        Case("another stream", DeliveryReason.UNROUTABLE, retry=True),
        Case("stream full", DeliveryReason.SERVER_ERROR, retry=True),
        Case("too large for the stream", DeliveryReason.TOO_LARGE, retry=False),
        Case("too large for the server", DeliveryReason.TOO_LARGE, retry=False),
        Case("no JetStream", DeliveryReason.UNROUTABLE, retry=True),
    )

    def __init__(self, folder: Path) -> None:
        self.server = NatsServer(folder, authorization=users())

    def settings(self, **changes: Any) -> NatsSettings:
        given: dict[str, Any] = {
            "name": "stream",
            "servers": (f"nats://{self.server.address}",),
            "stream": "ALERTS",
            "username": "me",
            "password": PASSWORD,
        }
        return NatsSettings(**{**given, **changes})

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[Client]:
        client = await nats.connect(self.server.address, **ADMIN, allow_reconnect=False)
        try:
            yield client
        finally:
            await client.close()

    async def stream(self, name: str = "ALERTS", **limits: Any) -> bool:
        """Make it so that this is the only stream."""
        async with self.admin() as client:
            manager = client.jsm()
            config = StreamConfig(name=name, subjects=["backup-sentinel.>", "other.>"], **limits)
            names = [info.config.name for info in await manager.streams_info()]
            for other in names:
                if other != name:
                    await manager.delete_stream(str(other))
            await (manager.update_stream(config) if name in names else manager.add_stream(config))
        return True

    async def messages(self) -> list[Any]:
        async with self.admin() as client:
            stream = client.jetstream()
            info = await stream.stream_info("ALERTS")
            first, last = info.state.first_seq, info.state.last_seq
            return [await stream.get_msg("ALERTS", seq) for seq in range(max(first, 1), last + 1)]

    def received(self) -> list[Received]:
        return [
            Received(found.headers["Nats-Msg-Id"], found.data.decode())
            for found in aside(self.messages)
            if found.headers
        ]

    def start(self) -> None:
        self.server.start()
        aside(self.stream)

    def stop(self) -> None:
        self.server.stop()

    def fail(self, case: Case) -> None:
        match case.name:
            case "wrong password":
                self.server.reload(authorization=users("another"))
            case "publishing denied":
                allowed = {"publish": {"deny": "backup-sentinel.>"}}
                self.server.reload(authorization=users(permissions=allowed))
            case "no stream":
                aside(self._drop)
            case "another stream":
                aside(lambda: self.stream("OTHER"))
            case "stream full":
                aside(self._fill)
            case "too large for the stream":
                aside(lambda: self.stream(max_msg_size=100))
            case "too large for the server":
                self.server.reload(max_payload=400)
            case "no JetStream":
                self.server.stop()
                self.server.jetstream = False
                self.server.start()

    def heal(self) -> None:
        if not self.server.jetstream:
            self.server.stop()
            self.server.jetstream = True
            self.server.start()
        self.server.reload(authorization=users(), max_payload=1 << 20)
        aside(self.stream)

    async def _drop(self) -> bool:
        async with self.admin() as client:
            return await client.jsm().delete_stream("ALERTS")

    async def _fill(self) -> bool:
        async with self.admin() as client:
            await client.jetstream().publish("other.filler", b"-")
        return await self.stream(max_msgs=1, discard=DiscardPolicy.NEW)
