"""A real RabbitMQ with one exchange and one queue, as the suite of channels wants it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from backup_sentinel.errors import DeliveryReason
from backup_sentinel.relay.channels.amqp import AmqpSettings
from relay.channels.river import aside
from relay.channels.suite import (
    Case,
    Received,
    ReceiverKit,
)
from support.rabbitmq import RabbitServer

PASSWORD = "fake-amqp-password"


class AmqpKit(ReceiverKit):
    kind = "amqp"
    secrets = (PASSWORD,)
    cases = (
        Case("wrong password", DeliveryReason.UNAUTHORIZED, retry=True),
        Case("writing denied", DeliveryReason.UNAUTHORIZED, retry=True),
        Case("no right to the virtual host", DeliveryReason.UNAUTHORIZED, retry=True),
        Case("no queue", DeliveryReason.UNROUTABLE, retry=True),
        Case("no exchange", DeliveryReason.UNROUTABLE, retry=True),
        Case("queue full", DeliveryReason.SERVER_ERROR, retry=True),
        Case("too large", DeliveryReason.TOO_LARGE, retry=False),
    )

    def __init__(self, server: RabbitServer) -> None:
        self.server = server
        self.messages: list[AbstractIncomingMessage] = []

    def settings(self, **changes: Any) -> AmqpSettings:
        given: dict[str, Any] = {
            "name": "rabbit",
            "host": "localhost",
            "port": self.server.port,
            "encryption": "none",
            "username": "me",
            "password": PASSWORD,
            "exchange": "alerts",
            "routing_key": "backups.{{ type }}",
        }
        return AmqpSettings(**{**given, **changes})

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AbstractChannel]:
        server = self.server
        connection = await aio_pika.connect(
            host="localhost", port=server.port, login=server.user, password=server.password
        )
        async with connection, connection.channel() as channel:
            yield channel

    async def arrange(self, *, bound: bool = True, arguments: dict[str, Any] | None = None) -> bool:
        """Make exchange and queue anew."""
        async with self.admin() as channel:
            await channel.exchange_delete("alerts")
            await channel.queue_delete("alerts")
            exchange = await channel.declare_exchange("alerts", ExchangeType.TOPIC, durable=True)
            queue = await channel.declare_queue("alerts", durable=True, arguments=arguments)
            if bound:
                await queue.bind(exchange, "backups.#")
        return True

    async def fetch(self, name: str = "alerts") -> list[AbstractIncomingMessage]:
        found = []
        async with self.admin() as channel:
            queue = await channel.get_queue(name)
            while (message := await queue.get(no_ack=True, fail=False)) is not None:
                found.append(message)
        return found

    def received(self) -> list[Received]:
        self.messages += aside(self.fetch)
        return [Received(str(message.message_id), message.body.decode()) for message in self.messages]

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def fail(self, case: Case) -> None:
        match case.name:
            case "wrong password":
                self.server.user_may("me", "fake-other-password")
            case "writing denied":
                self.server.user_may("me", PASSWORD, write="^$")
            case "no right to the virtual host":
                self.server.tell(
                    'rabbit_auth_backend_internal:clear_permissions(<<"me">>, <<"/">>, <<"tests">>)'
                )
            case "no queue":
                aside(lambda: self.arrange(bound=False))
            case "no exchange":
                aside(self._drop)
            case "queue full":
                aside(self._fill)
            case "too large":
                self.server.tell("application:set_env(rabbit, max_message_size, 100)")
                self.server.cut()  # what is open keeps to the old limit

    def heal(self) -> None:
        self.server.tell("application:set_env(rabbit, max_message_size, 134217728)")
        self.server.user_may("me", PASSWORD)
        aside(self.arrange)

    async def _drop(self) -> bool:
        async with self.admin() as channel:
            await channel.exchange_delete("alerts")
        return True

    async def _fill(self) -> bool:
        await self.arrange(arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        async with self.admin() as channel:
            await channel.default_exchange.publish(aio_pika.Message(b"-"), "alerts")
        return True
