"""An HTTP request with a body made by a template: chat services, and everything else that has a URL.

The signature follows Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md):
`webhook-id` stays the same over all attempts, `webhook-timestamp` is that of the attempt, and there is one signature
per key, so that keys can be exchanged without a gap.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from backup_sentinel.errors import DeliveryError, DeliveryReason, SentinelError
from backup_sentinel.relay.egress import AddressError, Answer, Egress, basic, check_url
from backup_sentinel.relay.message import Delivery
from backup_sentinel.relay.rendering import Rendering, view
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import SecretError, SecretText, reveal

from .channel import Channel, ChannelSettings, Content

Style = Literal["json", "slack", "msteams", "rocketchat", "discord", "mattermost"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature", "content-length", "host"})


class SigningError(SentinelError):
    """A signing key cannot be used."""


class WebhookSettings(ChannelSettings, frozen=True, tag="webhook"):
    """Sends HTTP requests, with ready-made bodies for chat services or with one of your own."""

    url: SecretText
    """Where to; secret, because chat services put their password there."""
    method: Literal["POST", "PUT", "PATCH", "GET"] = "POST"
    """Method of the request."""
    style: Style = "json"
    """The body where no `body` is given: all that templates see as JSON, or what a chat service wants."""
    body: str | None = None
    """Template of the body (Jinja2, sandboxed)."""
    content_type: str = "application/json"
    """Media type of the body. What is called JSON must be JSON, which is checked at start."""
    headers: dict[str, SecretText] = msgspec.field(default_factory=dict)
    """Further headers."""
    bearer_token: SecretText | None = None
    """Sent as `Authorization: Bearer`."""
    username: str | None = None
    """Sent with the password as `Authorization: Basic`."""
    password: SecretText | None = None
    """Belongs to `username`."""
    signing_keys: tuple[SecretText, ...] = ()
    """Keys of Standard Webhooks, `whsec_` and base64; one signature each. Put the new one first, remove the old one later."""
    tls: ClientTLS = ClientTLS()
    """How the receiver is checked."""
    proxy_url: SecretText | None = None
    """HTTP proxy, such as `http://proxy.example.com:3128`; it may hold a login. No proxy is taken from the environment."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.username is None) is not (self.password is None):
            raise ValueError("`username` and `password` go together")
        ways = [self.bearer_token is not None, self.username is not None]
        ways.append(any(name.lower() == "authorization" for name in self.headers))
        if sum(ways) > 1:
            raise ValueError("give one of `bearer_token`, `username` and a header Authorization, not several")
        for name in self.headers:
            if not _TOKEN.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a header")
            if name.lower() in _OURS:
                raise ValueError(f"the header {name} is not yours to set")

    def secrets(self) -> Iterator[str]:
        """Yield every secret text, and the header that is made of two of them."""
        yield from super().secrets()
        if self.username is not None and self.password is not None:
            with contextlib.suppress(SecretError):
                yield basic(self.username, reveal(self.password))

    def open(self, rendering: Rendering) -> Channel:
        """Return the channel. Raises SentinelError for templates, addresses, secrets and certificates."""
        return WebhookChannel(self, rendering)


class WebhookChannel:
    """Sends one request per message."""

    def __init__(self, settings: WebhookSettings, rendering: Rendering) -> None:
        self._settings = settings
        name = f"channel {settings.name}, body"
        self._template = None
        if settings.body is not None:
            self._template = rendering.compile(settings.body, name, check=self._check)
        elif settings.style != "json":
            self._template = rendering.shipped(f"webhook.{settings.style}.json", check=self._check)
        url = reveal(settings.url)
        check_url(url, f"`url` of channel {settings.name}")
        if any(name.lower() == "authorization" for name in self._headers()) and urlsplit(url).username:
            raise AddressError(
                f"`url` of channel {settings.name} holds a user beside another way to log in: give one of them"
            )
        self._keys()
        proxy = reveal(settings.proxy_url) if settings.proxy_url is not None else None
        if proxy is not None:
            check_url(proxy, f"`proxy_url` of channel {settings.name}")
        self._egress = Egress(settings.tls.context(), proxy=proxy)

    def render(self, delivery: Delivery) -> Content:
        """Return the body. Raises DeliveryError with reason TEMPLATE where JSON was promised and is not there."""
        if self._template is None:
            body = json.dumps(view(delivery), ensure_ascii=False, default=str)
        else:
            body = self._template.render(delivery)
            self._check(body)
        return Content(body=body, content_type=self._settings.content_type)

    async def send(self, delivery: Delivery, content: Content) -> None:
        """Send the request; any status from 200 to 299 is success, unless the body says otherwise."""
        body = content.body.encode()
        stamp = str(int(time.time()))
        headers = {
            **self._headers(),
            "Content-Type": content.content_type,
            "webhook-id": delivery.id,
            "webhook-timestamp": stamp,
        }
        keys = self._keys()
        if keys:
            headers["webhook-signature"] = " ".join(sign(key, delivery.id, stamp, body) for key in keys)
        answer = await self._egress.request(
            self._settings.method, reveal(self._settings.url), headers=headers, body=body
        )
        self._doubt(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._egress.close()

    def _headers(self) -> dict[str, str]:
        settings = self._settings
        headers = {name: reveal(value) for name, value in settings.headers.items()}
        if settings.bearer_token is not None:
            headers["Authorization"] = f"Bearer {reveal(settings.bearer_token)}"
        if settings.username is not None and settings.password is not None:
            headers["Authorization"] = basic(settings.username, reveal(settings.password))
        for name, value in headers.items():
            if not value.isprintable():
                raise SigningError(
                    f"the header {name} of channel {settings.name} holds a character it must not"
                )
        return headers

    def _keys(self) -> list[bytes]:
        return [decode_key(reveal(key), self._settings.name) for key in self._settings.signing_keys]

    def _check(self, body: str) -> None:
        if self._settings.content_type.partition(";")[0].strip().endswith("json"):
            try:
                json.loads(body)
            except ValueError as error:
                raise DeliveryError(
                    f"the body of channel {self._settings.name} is not JSON: {error}",
                    reason=DeliveryReason.TEMPLATE,
                ) from None

    def _doubt(self, answer: Answer) -> None:
        """Look for the errors that chat services send with status 200."""
        if self._settings.style == "msteams":
            found = re.search(rb"HTTP error (\d{3})", answer.body)
            if found:
                throttled = found[1] == b"429"
                raise DeliveryError(
                    f"Microsoft Teams answered 200 and says: HTTP error {found[1].decode()}",
                    reason=DeliveryReason.THROTTLED if throttled else DeliveryReason.SERVER_ERROR,
                )
        if self._settings.style == "rocketchat" and _said(answer.body).get("success") is False:
            raise DeliveryError(
                "Rocket.Chat answered 200 and did not take the message", reason=DeliveryReason.REJECTED
            )


def sign(key: bytes, identity: str, stamp: str, body: bytes) -> str:
    """Return one signature of Standard Webhooks over id, time stamp and body."""
    content = f"{identity}.{stamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def decode_key(text: str, channel: str) -> bytes:
    """Return the bytes of a key. Raises SigningError where it is no base64, or shorter than the 24 bytes of the standard."""
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise SigningError(f"a signing key of channel {channel} is no base64") from None
    if not 24 <= len(key) <= 64:
        raise SigningError(f"a signing key of channel {channel} has {len(key)} bytes; 24 to 64 are right")
    return key


def _said(body: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
