"""Where a relay delivers: one real receiver for each kind of channel, which counts what arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aio_pika
import nats
from aio_pika import ExchangeType
from aiohttp import web

from support.mailserver import MailServer
from support.nats import NatsServer
from support.rabbitmq import RabbitServer

PASSWORD = "fake-password"


class Inbox(NamedTuple):
    """A channel's settings, and how many messages have come by it."""

    settings: dict[str, Any]
    arrived: Callable[[], int]


class _Tail:
    """Counts the lines that the log channel has written into a file."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._position = 0
        self._lines = 0

    def count(self) -> int:
        if self._log.exists():
            with self._log.open("rb") as log:
                log.seek(self._position)
                fresh = log.read()
            self._position += len(fresh)
            self._lines += fresh.count(b'"group_key":')
        return self._lines


@asynccontextmanager
async def log(folder: Path) -> AsyncIterator[Inbox]:
    """The log of the relay in a folder."""
    yield Inbox({"type": "log", "name": "log"}, _Tail(folder / "relay.log").count)


@asynccontextmanager
async def webhook(_: Path) -> AsyncIterator[Inbox]:
    """An HTTP server that takes everything."""
    async with _taking() as (url, arrived):
        yield Inbox({"type": "webhook", "name": "webhook", "url": url}, arrived)


@asynccontextmanager
async def opsgenie(_: Path) -> AsyncIterator[Inbox]:
    """An HTTP server that answers as Opsgenie does, and has carried everything out when it is asked."""
    async with _taking() as (url, arrived):
        settings = {"type": "opsgenie", "name": "opsgenie", "api_url": url, "api_key": PASSWORD}
        yield Inbox(settings, arrived)


@asynccontextmanager
async def email(_: Path) -> AsyncIterator[Inbox]:
    """An SMTP server without TLS."""
    server = MailServer()
    server.start()
    settings = {
        "type": "email",
        "name": "email",
        "host": "127.0.0.1",
        "port": server.port,
        "encryption": "none",
        "from": "relay@example.com",
        "to": ["oncall@example.com"],
    }
    try:
        yield Inbox(settings, lambda: len(server.mails))
    finally:
        server.stop()


@asynccontextmanager
async def amqp(folder: Path) -> AsyncIterator[Inbox]:
    """A RabbitMQ without TLS, with one durable queue and somebody who reads it."""
    (folder / "rabbitmq").mkdir()
    server = RabbitServer(folder / "rabbitmq", PASSWORD)
    server.boot()
    numbers: list[None] = []

    async def note(_: object) -> None:
        numbers.append(None)

    try:
        connection = await aio_pika.connect(
            host="127.0.0.1", port=server.port, login=server.user, password=PASSWORD
        )
        async with connection, connection.channel() as channel:
            exchange = await channel.declare_exchange("alerts", ExchangeType.TOPIC, durable=True)
            queue = await channel.declare_queue("alerts", durable=True)
            await queue.bind(exchange, "#")
            await queue.consume(note, no_ack=True)
            settings = {
                "type": "amqp",
                "name": "amqp",
                "host": "127.0.0.1",
                "port": server.port,
                "encryption": "none",
                "username": server.user,
                "password": PASSWORD,
                "exchange": "alerts",
            }
            yield Inbox(settings, lambda: len(numbers))
    finally:
        server.halt()


@asynccontextmanager
async def jetstream(folder: Path) -> AsyncIterator[Inbox]:
    """A NATS server with a stream on disk, and somebody who reads it."""
    (folder / "nats").mkdir()
    server = NatsServer(folder / "nats")
    server.start()
    numbers: list[None] = []

    async def note(_: object) -> None:
        numbers.append(None)

    try:
        client = await nats.connect(server.address)
        try:
            stream = client.jetstream()
            await stream.add_stream(name="ALERTS", subjects=["backup-sentinel.>"])
            await stream.subscribe("backup-sentinel.>", cb=note)
            yield Inbox(
                {"type": "nats", "name": "nats", "servers": [f"nats://{server.address}"]},
                lambda: len(numbers),
            )
        finally:
            await client.close()
    finally:
        server.stop()


@asynccontextmanager
async def _taking() -> AsyncIterator[tuple[str, Callable[[], int]]]:
    """Serve; give the address and the count of messages."""
    bodies: list[int] = []

    async def take(request: web.Request) -> web.StreamResponse:
        bodies.append(len(await request.read()))
        return web.json_response({"result": "Request will be processed", "requestId": "1"}, status=202)

    async def tell(_: web.Request) -> web.StreamResponse:
        return web.json_response({"data": {"success": True, "isSuccess": True}, "requestId": "1"})

    application = web.Application()
    application.router.add_post("/{path:.*}", take)
    application.router.add_get("/{path:.*}", tell)
    async with AsyncExitStack() as stack:
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", lambda: len(bodies)


INBOXES = {
    "log": log,
    "webhook": webhook,
    "opsgenie": opsgenie,
    "email": email,
    "amqp": amqp,
    "nats": jetstream,
}
"""By kind of channel."""
