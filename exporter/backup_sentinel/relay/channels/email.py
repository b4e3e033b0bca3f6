"""Mail by SMTP, as HTML and as text, with the alerts of a group in one table and the mails of a group in one thread.

SMTP codes are those of RFC 5321 and RFC 3463: 4yz is tried again, 5yz is not.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Annotated, Literal

import aiosmtplib
import msgspec

from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.mail import address, compose, line, thread
from backup_sentinel.relay.message import Delivery
from backup_sentinel.relay.rendering import Rendering
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import SecretText, reveal

from .channel import Channel, ChannelSettings, Content

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Addresses = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]

REMEMBERED = 1000
"""Mails that some recipients have and others not, of which is remembered who has them."""


class EmailSettings(ChannelSettings, frozen=True, kw_only=True, tag="email"):
    """Sends mail by SMTP."""

    host: str
    """Name or address of the SMTP server."""
    port: Port = 587
    """587 for submission with STARTTLS, 465 for TLS from the start, 25 between servers."""
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` is required once it is chosen: a server that does not offer it gets nothing."""
    username: str | None = None
    """User to log in as; nobody unless given."""
    password: SecretText | None = None
    """Belongs to `username`."""
    from_: str = msgspec.field(name="from")
    """Sender, such as `backups@example.org` or `Backup Sentinel <backups@example.org>`."""
    to: Addresses
    """Recipients."""
    cc: tuple[str, ...] = ()
    """Recipients of a copy."""
    bcc: tuple[str, ...] = ()
    """Recipients whom the others do not see."""
    reply_to: tuple[str, ...] = ()
    """Where answers go; to the sender unless given."""
    subject_prefix: str = ""
    """Stands before each subject, such as `[backup] `."""
    subject: str | None = None
    """Template of the subject; what it gives is put on one line."""
    text: str | None = None
    """Template of the text."""
    html: str | None = None
    """Template of the HTML; values are escaped. `""` for mails that are text only."""
    helo: str | None = None
    """Name this host greets the server with; its own unless given."""
    tls: ClientTLS = ClientTLS()
    """How the server is checked."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.username is None) is not (self.password is None):
            raise ValueError("`username` and `password` go together")
        if self.username is not None and self.encryption == "none":
            raise ValueError("a password is not sent without encryption: use `starttls` or `tls`")
        for each in (self.from_, *self.to, *self.cc, *self.bcc, *self.reply_to):
            address(each)
        if not self.subject_prefix.isprintable():
            raise ValueError("`subject_prefix` holds a character that a subject must not")

    def open(self, rendering: Rendering) -> Channel:
        """Return the channel. Raises SentinelError for templates, secrets and certificates."""
        return EmailChannel(self, rendering)


class EmailChannel:
    """Sends one mail per message, each over a connection of its own: mails are rare, and servers hang up early."""

    def __init__(self, settings: EmailSettings, rendering: Rendering) -> None:
        self._settings = settings
        name = f"channel {settings.name}"
        self._subject = rendering.choose(settings.subject, f"{name}, subject", "email.subject.txt")
        self._text = rendering.choose(settings.text, f"{name}, text", "email.txt")
        self._html = (
            None if settings.html == "" else rendering.choose(settings.html, f"{name}, html", "email.html")
        )
        self._domain = address(settings.from_).domain
        self._taken: OrderedDict[str, set[str]] = OrderedDict()
        if settings.password is not None:
            reveal(settings.password)
        settings.tls.context()

    def render(self, delivery: Delivery) -> Content:
        """Return the text, and as fields the subject, the HTML and what makes a thread of the mails of a group."""
        fields = thread(delivery, self._domain)
        fields["subject"] = self._settings.subject_prefix + line(self._subject.render(delivery))
        if self._html is not None:
            fields["html"] = self._html.render(delivery)
        return Content(
            body=self._text.render(delivery), content_type="text/plain; charset=utf-8", fields=fields
        )

    async def send(self, delivery: Delivery, content: Content) -> None:
        """Send the mail to those recipients who do not have it yet."""
        settings = self._settings
        mail = compose(
            delivery,
            content.body,
            content.fields,
            sender=settings.from_,
            to=settings.to,
            cc=settings.cc,
            reply_to=settings.reply_to,
        )
        everybody = dict.fromkeys(
            address(each).addr_spec for each in (*settings.to, *settings.cc, *settings.bcc)
        )
        left = [each for each in everybody if each not in self._taken.get(delivery.id, ())]
        try:
            refused = await self._transmit(mail, left)
        except DeliveryError:
            raise
        except (aiosmtplib.SMTPException, OSError) as error:
            raise self._explain(error) from None
        if not refused:
            self._taken.pop(delivery.id, None)
            return
        self._remember(delivery.id, [each for each in left if each not in refused])
        code, text = worst(refused)
        raise DeliveryError(
            f"{settings.host} took the mail for {len(everybody) - len(refused)} of {len(everybody)} recipients, "
            f"and not for {', '.join(refused)}: {code} {text}",
            reason=_reason(code, text),
        )

    async def close(self) -> None:
        """No connection outlives its mail."""

    async def _transmit(
        self, mail: EmailMessage, recipients: list[str]
    ) -> dict[str, aiosmtplib.SMTPResponse]:
        """Return who was refused, and why. Raises SMTPException, OSError, DeliveryError."""
        settings = self._settings
        client = _Client(
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=reveal(settings.password) if settings.password is not None else None,
            local_hostname=settings.helo or socket.gethostname(),
            timeout=settings.delivery.timeout_seconds,
            use_tls=settings.encryption == "tls",
            start_tls=settings.encryption == "starttls",
            tls_context=settings.tls.context() if settings.encryption != "none" else None,
        )
        try:
            await client.connect()
            try:
                refused, _ = await client.send_message(
                    mail, sender=address(settings.from_).addr_spec, recipients=recipients
                )
            except aiosmtplib.SMTPRecipientsRefused as error:
                return {
                    each.recipient: aiosmtplib.SMTPResponse(each.code, each.message)
                    for each in error.recipients
                }
            # The mail is taken: what becomes of the connection now changes nothing.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=2)
            return refused
        finally:
            client.close()
            await asyncio.sleep(0)  # the turn of the loop in which it is closed

    def _remember(self, delivery: str, taken: list[str]) -> None:
        if taken:
            self._taken.setdefault(delivery, set()).update(taken)
            self._taken.move_to_end(delivery)
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)

    def _explain(self, error: Exception) -> DeliveryError:
        """Return what an operator can act on. What the server says is cut, and never a password: we do not send it back."""
        host = self._settings.host
        for cause in _causes(error):
            if isinstance(cause, ssl.SSLError):
                why = getattr(cause, "verify_message", "") or cause.reason or "handshake failed"
                return DeliveryError(f"TLS with {host}: {why}", reason=DeliveryReason.TLS)
        if isinstance(error, aiosmtplib.SMTPResponseException):
            text = line(error.message)
            if isinstance(error, aiosmtplib.SMTPAuthenticationError):
                reason = DeliveryReason.UNAUTHORIZED
            else:
                reason = _reason(error.code, text)
            return DeliveryError(f"{host} answered {error.code} {text}", reason=reason)
        if isinstance(error, aiosmtplib.SMTPNotSupported):
            return DeliveryError(f"{host}: {line(str(error))}", reason=DeliveryReason.SERVER_ERROR)
        if isinstance(error, TimeoutError):
            return DeliveryError(f"{host} did not answer in time", reason=DeliveryReason.TIMEOUT)
        if "STARTTLS" in str(error):
            return DeliveryError(f"{host} does not offer STARTTLS", reason=DeliveryReason.TLS)
        return DeliveryError(f"{host}: {line(str(error))}", reason=DeliveryReason.UNREACHABLE)


class _Client(aiosmtplib.SMTP):
    """A client that does not wait for the server's goodbye: a server that hangs would keep connections open."""

    def close(self) -> None:
        transport = self.transport
        super().close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


def worst(refused: Mapping[str, aiosmtplib.SMTPResponse]) -> tuple[int, str]:
    """Return code and text of the refusal that decides: one that may pass, as long as there is one."""
    response = min(refused.values(), key=lambda each: each.code)
    return response.code, line(response.message)


def _reason(code: int, text: str) -> DeliveryReason:
    """Return what an SMTP code means. RFC 5321, section 4.2.1; RFC 3463 for the enhanced codes in the text."""
    if code == 552 or re.match(r"5\.(2\.3|3\.4)\b", text):
        return DeliveryReason.TOO_LARGE
    if code in {530, 535, 538, 454}:
        return DeliveryReason.UNAUTHORIZED
    if code in {421, 450, 452}:
        return DeliveryReason.THROTTLED
    return DeliveryReason.REJECTED if code >= 500 else DeliveryReason.SERVER_ERROR


def _causes(error: BaseException | None) -> list[BaseException]:
    """Return an error and what led to it."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
