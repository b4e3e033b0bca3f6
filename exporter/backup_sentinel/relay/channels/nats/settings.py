"""What is configured for a channel of type `nats`."""

import re
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from backup_sentinel.relay.channels.channel import Channel, ChannelSettings, MissingPackageError
from backup_sentinel.relay.rendering import Rendering
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import SecretText

Servers = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class NatsSettings(ChannelSettings, frozen=True, kw_only=True, tag="nats"):
    """Publishes to a stream of NATS JetStream."""

    servers: Servers
    """Addresses such as `tls://nats.example.com:4222`. `tls://` requires TLS; with `nats://` the server decides."""
    subject: str = "backup-sentinel.{{ type }}"
    """Template of the subject. White space, `*` and `>` in a value, and what is empty between two dots, become `_`;
    a dot in a value begins a new token unless it is replaced: `{{ labels.schedule | replace(".", "_") }}`."""
    stream: str | None = None
    """The stream that must take the message; whichever has the subject unless given."""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    """Further headers; each value is a template, and is put on one line."""
    body: str | None = None
    """Template of the body (Jinja2, sandboxed); all that templates see as JSON unless given."""
    content_type: str = "application/json"
    """Sent as the header `Content-Type`."""
    username: str | None = None
    """User to log in as."""
    password: SecretText | None = None
    """Belongs to `username`."""
    token: SecretText | None = None
    """Token to log in with."""
    credentials: SecretText | None = None
    """Content of a `.creds` file, with JWT and seed; mostly given as `{file: PATH}`."""
    nkey_seed: SecretText | None = None
    """Seed of a user's NKey; it begins with `SU`."""
    ping_seconds: Annotated[int, msgspec.Meta(ge=1, le=600)] = 20
    """Time between two pings; a server that leaves two of them unanswered counts as gone."""
    tls: ClientTLS = ClientTLS()
    """How the server is checked."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.username is None) is not (self.password is None):
            raise ValueError("`username` and `password` go together")
        ways = (self.username, self.token, self.credentials, self.nkey_seed)
        if sum(way is not None for way in ways) > 1:
            raise ValueError("give one of `username`, `token`, `credentials` and `nkey_seed`, not several")
        for server in self.servers:
            _check_server(server)
        for name in self.headers:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a header")
            if name.lower().startswith("nats-") or name.lower() == "content-type":
                raise ValueError(f"the header {name} is not yours to set")

    def open(self, rendering: Rendering) -> Channel:
        """Return the channel. Raises SentinelError for templates, secrets, certificates, and without nats-py."""
        try:
            from .channel import NatsChannel  # noqa: PLC0415 - only channels of this kind need the package
        except ImportError:
            raise MissingPackageError("nats") from None
        return NatsChannel(self, rendering)


def _check_server(server: str) -> None:
    try:
        parts = urlsplit(server)
        known = parts.scheme in {"nats", "tls"} and parts.hostname and (parts.port or 1)
    except ValueError:
        known = None
    if not known or parts.path.strip("/") or parts.query:
        raise ValueError("a server is written as `nats://host:port` or `tls://host:port`")
    if parts.username is not None:
        raise ValueError("a server's address holds no password: use `username` and `password`, or `token`")


__all__ = ["NatsSettings"]
