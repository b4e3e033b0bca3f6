"""What is configured for a channel of type `amqp`."""

import logging
from typing import Annotated, Literal

import msgspec

from backup_sentinel.relay.channels.channel import Channel, ChannelSettings, MissingPackageError
from backup_sentinel.relay.rendering import Rendering
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import SecretText

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
ShortText = Annotated[str, msgspec.Meta(max_length=255)]
Heartbeat = Annotated[int, msgspec.Meta(ge=2, le=600)]


class AmqpTopology(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is created at the broker where it is not there yet; all of it durable."""

    exchange_type: Literal["direct", "fanout", "topic", "headers"] = "topic"
    """Type of the exchange; the default exchange is always there."""
    queue: ShortText | None = None
    """A queue; none unless given."""
    queue_type: Literal["classic", "quorum"] = "quorum"
    """Kind of the queue."""
    binding_key: str = "#"
    """What leads from the exchange to the queue."""


class AmqpSettings(ChannelSettings, frozen=True, kw_only=True, tag="amqp"):
    """Publishes to an exchange of RabbitMQ, or of another broker of AMQP 0-9-1 with publisher confirms."""

    host: str
    """Name or address of the broker."""
    port: Port | None = None
    """5671 with TLS and 5672 without unless given."""
    encryption: Literal["tls", "none"] = "tls"
    """With `none` everybody in between can read messages and the password."""
    virtual_host: str = "/"
    """Virtual host."""
    username: str | None = None
    """User to log in as. Without one the client certificate of `tls` tells who we are (mechanism EXTERNAL)."""
    password: SecretText | None = None
    """Belongs to `username`."""
    exchange: ShortText = ""
    """Exchange to publish to. The default exchange, `""`, leads to the queue that is named by the routing key."""
    routing_key: str = "backup-sentinel"
    """Template of the routing key, such as `backups.{{ type }}.{{ labels.cluster }}`."""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    """Further headers; each value is a template."""
    body: str | None = None
    """Template of the body (Jinja2, sandboxed); all that templates see as JSON unless given."""
    content_type: str = "application/json"
    """Media type of the body."""
    declare: AmqpTopology | None = None
    """What to create at the broker. Nothing unless given: publishing then needs no right to configure."""
    heartbeat_seconds: Heartbeat = 30
    """A broker that is silent for about three times as long counts as gone."""
    tls: ClientTLS = ClientTLS()
    """How the broker is checked, and who we are."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.username is None) is not (self.password is None):
            raise ValueError("`username` and `password` go together")
        if self.username is None and (self.encryption == "none" or not self.tls.cert_file):
            raise ValueError("give `username` and `password`, or a client certificate in `tls`")

    def open(self, rendering: Rendering) -> Channel:
        """Return the channel. Raises SentinelError for templates, secrets, certificates, and without aio-pika."""
        try:
            from .channel import AmqpChannel  # noqa: PLC0415 - only channels of this kind need the package
        except ImportError:
            raise MissingPackageError("amqp") from None
        # What they report is raised as well; and at DEBUG they write whole messages.
        for library in ("aiormq", "aio_pika"):
            logging.getLogger(library).setLevel(logging.CRITICAL)
        return AmqpChannel(self, rendering)


__all__ = ["AmqpSettings", "AmqpTopology"]
