"""A delivery becomes a message, which is published and confirmed."""

import json
from datetime import UTC, datetime

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel
from aio_pika.connection import Connection, make_url

from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.channels.channel import Content
from backup_sentinel.relay.connection import SharedConnection
from backup_sentinel.relay.message import Delivery
from backup_sentinel.relay.rendering import Rendering, view
from backup_sentinel.secret import reveal

from .refusal import explained
from .session import Session
from .settings import AmqpSettings, AmqpTopology

_HEADER = "header "
"""What the names of fields begin with that become headers."""


class AmqpChannel:
    """Publishes one message per delivery, over one connection."""

    def __init__(self, settings: AmqpSettings, rendering: Rendering) -> None:
        self._settings = settings
        name = f"channel {settings.name}"
        self._routing_key = rendering.compile(settings.routing_key, f"{name}, routing_key", check=_check_key)
        self._headers = {
            header: rendering.compile(text, f"{name}, header {header}")
            for header, text in settings.headers.items()
        }
        self._body = rendering.compile(settings.body, f"{name}, body") if settings.body is not None else None
        if settings.password is not None:
            reveal(settings.password)
        if settings.encryption == "tls":
            settings.tls.context()
        self._shared = SharedConnection(self._connect, Session.usable, Session.close)

    def render(self, delivery: Delivery) -> Content:
        """Return the body, and as fields the exchange, the routing key and the headers."""
        routing_key = self._routing_key.render(delivery)
        _check_key(routing_key)
        fields = {"exchange": self._settings.exchange, "routing_key": routing_key, "message_id": delivery.id}
        for header, template in self._headers.items():
            fields[_HEADER + header] = template.render(delivery)
        if self._body is None:
            body = json.dumps(view(delivery), ensure_ascii=False, default=str)
        else:
            body = self._body.render(delivery)
        return Content(body=body, content_type=self._settings.content_type, fields=fields)

    async def send(self, delivery: Delivery, content: Content) -> None:
        """Publish, and wait for the broker's confirmation."""
        fields = content.fields
        message = Message(
            content.body.encode(),
            content_type=content.content_type,
            content_encoding="utf-8",
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=delivery.id,
            timestamp=datetime.fromtimestamp(delivery.message.received, UTC),
            type=delivery.message.type.value,
            app_id="backup-sentinel",
            headers={
                name.removeprefix(_HEADER): text for name, text in fields.items() if name.startswith(_HEADER)
            },
        )
        async with self._shared.lend() as session:
            with explained(self._settings, fields["routing_key"]):
                async with session.channel() as channel:
                    exchange = await channel.get_exchange(self._settings.exchange, ensure=False)
                    await exchange.publish(message, fields["routing_key"], mandatory=True)

    async def close(self) -> None:
        """Close the connection."""
        await self._shared.close()

    async def _connect(self) -> Session:
        """Connect, and declare what is to be declared. Raises DeliveryError, SecretError."""
        settings = self._settings
        encrypted = settings.encryption == "tls"
        password = reveal(settings.password) if settings.password is not None else ""
        url = make_url(
            host=settings.host,
            port=settings.port or (5671 if encrypted else 5672),
            login=settings.username or "",
            password=password,
            virtualhost=settings.virtual_host,
            ssl=encrypted,
            heartbeat=settings.heartbeat_seconds,
            auth="plain" if settings.username is not None else "external",
        )
        connection = Connection(
            url,
            ssl_context=settings.tls.context() if encrypted else None,
            client_properties={"connection_name": f"backup-sentinel {settings.name}"},
        )
        session = Session(connection)
        try:
            with explained(settings, settings.routing_key):
                await connection.connect()
                if settings.declare is not None:
                    async with session.channel() as channel:
                        await self._declare(channel, settings.declare)
        except BaseException:
            self._shared.retire(session)
            raise
        return session

    async def _declare(self, channel: AbstractChannel, wanted: AmqpTopology) -> None:
        exchange = self._settings.exchange
        if exchange:
            await channel.declare_exchange(exchange, wanted.exchange_type, durable=True)
        if wanted.queue is not None:
            queue = await channel.declare_queue(
                wanted.queue, durable=True, arguments={"x-queue-type": wanted.queue_type}
            )
            if exchange:
                await queue.bind(exchange, wanted.binding_key)


def _check_key(key: str) -> None:
    if len(key.encode()) > 255:
        raise DeliveryError(
            f"the routing key has {len(key.encode())} bytes; AMQP allows 255", reason=DeliveryReason.TEMPLATE
        )


__all__ = ["AmqpChannel"]
