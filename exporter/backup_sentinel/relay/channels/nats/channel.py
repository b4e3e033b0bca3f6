"""A delivery becomes a message, which is published and acknowledged."""

import contextlib
import json
import math
import random
import re
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.errors import NoServersError

from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.channels.channel import Content
from backup_sentinel.relay.connection import SharedConnection
from backup_sentinel.relay.message import Delivery
from backup_sentinel.relay.rendering import Rendering, view

from .identity import identity_of
from .refusal import explained
from .session import Session
from .settings import NatsSettings

_HEADER = "header "
"""What the names of fields begin with that become headers."""
_ILLEGAL = re.compile(r"[\s\x00-\x1f\x7f*>]+")
"""What the name of a subject must not hold (docs.nats.io/nats-concepts/subjects): white space and wildcards."""


class NatsChannel:
    """Publishes one message per delivery, over one connection."""

    def __init__(self, settings: NatsSettings, rendering: Rendering) -> None:
        self._settings = settings
        name = f"channel {settings.name}"
        self._subject = rendering.compile(settings.subject, f"{name}, subject", check=_check_subject)
        self._headers = {
            header: rendering.compile(text, f"{name}, header {header}")
            for header, text in settings.headers.items()
        }
        self._body = rendering.compile(settings.body, f"{name}, body") if settings.body is not None else None
        identity_of(settings)  # what can be known to be wrong is an error at start
        settings.tls.context()
        self._shared = SharedConnection(self._connect, Session.usable, Session.close)

    def render(self, delivery: Delivery) -> Content:
        """Return the body, and as fields the subject and the headers."""
        fields = {"subject": subject(self._subject.render(delivery))}
        fields[_HEADER + "Nats-Msg-Id"] = delivery.id
        fields[_HEADER + "Content-Type"] = self._settings.content_type
        if self._settings.stream is not None:
            fields[_HEADER + "Nats-Expected-Stream"] = self._settings.stream
        for header, template in self._headers.items():
            fields[_HEADER + header] = _line(template.render(delivery))
        if self._body is None:
            body = json.dumps(view(delivery), ensure_ascii=False, default=str)
        else:
            body = self._body.render(delivery)
        return Content(body=body, content_type=self._settings.content_type, fields=fields)

    async def send(self, delivery: Delivery, content: Content) -> None:  # noqa: ARG002 - its id is in the fields
        """Publish, and wait for the stream's acknowledgement. That it has the message already is a success."""
        headers = {
            name.removeprefix(_HEADER): text
            for name, text in content.fields.items()
            if name.startswith(_HEADER)
        }
        body = content.body.encode()
        size = len(body) + sum(len(f"{name}: {text}\r\n".encode()) for name, text in headers.items()) + 12
        limit = 0
        for _ in range(2):
            async with self._shared.lend() as session:
                limit = session.client.max_payload
                if size <= limit:
                    with explained(session.server, content.fields["subject"]):
                        await session.publish(content.fields["subject"], body, headers)
                    return
                self._shared.forget(
                    session
                )  # the server tells its limit once, and may have another one by now
        raise DeliveryError(
            f"{urlsplit(session.server).netloc}: the message has {size} bytes; the server takes {limit}",
            reason=DeliveryReason.TOO_LARGE,
        )

    async def close(self) -> None:
        """Close the connection."""
        await self._shared.close()

    async def _connect(self) -> Session:
        """Connect to the first server, in random order, that lets us. Raises DeliveryError, SecretError, TLSError."""
        servers = random.sample(self._settings.servers, len(self._settings.servers))
        for server in servers[:-1]:
            with contextlib.suppress(DeliveryError):
                return await self._dial(server)
        return await self._dial(servers[-1])

    async def _dial(self, server: str) -> Session:
        settings = self._settings
        session = Session(Client(), server)
        seconds = math.ceil(settings.delivery.timeout_seconds / len(settings.servers))
        identity = identity_of(settings)
        encrypted = urlsplit(server).scheme == "tls"
        if encrypted:
            for name in identity.keys() & {"user", "password", "token"}:
                identity[name] = session.guard(identity[name])
        try:
            with explained(server, settings.subject):
                try:
                    await session.client.connect(
                        [server],
                        name=f"backup-sentinel {settings.name}",
                        error_cb=session.hear,
                        closed_cb=session.end,
                        allow_reconnect=False,  # it would keep messages in memory, and hide that it does
                        max_reconnect_attempts=1,
                        reconnect_time_wait=0,
                        connect_timeout=seconds,
                        ping_interval=settings.ping_seconds,
                        max_outstanding_pings=2,
                        tls=settings.tls.context(),
                        **identity,
                    )
                except NoServersError:
                    raise session.heard or NoServersError() from None
                if encrypted:
                    session.check()
        except BaseException:
            self._shared.retire(session)
            raise
        return session


def subject(text: str) -> str:
    """Return a text as the name of a subject, with `_` for what a name must not hold."""
    return ".".join(_ILLEGAL.sub("_", token) or "_" for token in text.strip().split("."))


def _check_subject(text: str) -> None:
    if not text.strip() or _ILLEGAL.search(text.strip()):
        raise DeliveryError(
            f"the subject {text.strip()!r} holds white space or a wildcard, or nothing",
            reason=DeliveryReason.TEMPLATE,
        )


def _line(text: str) -> str:
    return " ".join(text.split())[:300]


__all__ = ["NatsChannel", "subject"]
