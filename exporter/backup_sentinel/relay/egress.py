"""HTTP requests to addresses that the configuration names, with a guard against those that nobody should name.

Private and loopback addresses are fine: the address is the operator's. Link-local ones, where clouds keep credentials, and
redirects, which somebody else chooses, are refused. The address is checked when the socket is made, after the name was
resolved and for each attempt, so that a name that changes its mind gains nothing.
"""

import asyncio
import base64
import ipaddress
import socket
import ssl
import time
from collections.abc import Container, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from backup_sentinel import __version__
from backup_sentinel.errors import DeliveryError, DeliveryReason, SentinelError

LONGEST = 64 << 10
"""Bytes of an answer that are read unless more are asked for."""
_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
"""Metadata services outside 169.254.0.0/16: Alibaba, Azure, Oracle, Amazon, Google."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LATER = frozenset({408, 425, 429})

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressError(SentinelError):
    """An address of the configuration cannot be used; the text does not show what may be secret in it."""


class Answer(msgspec.Struct, frozen=True):
    """What a receiver said: a status from 200 to 299 or one that was expected, and the beginning of the body."""

    status: int
    body: bytes


class _RefusedError(Exception):
    """Nothing is sent to this address."""


class Egress:
    """The HTTP connections of one channel; they are kept between requests."""

    def __init__(self, context: ssl.SSLContext | None = None, *, proxy: str | None = None) -> None:
        self._context = context
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        expected: Container[int] = (),
        longest: int = LONGEST,
    ) -> Answer:
        """Send once and return what a receiver that is content says. Raises DeliveryError for everything else.

        `expected` holds statuses beyond 200 to 299 that are answers, too. Of the body `longest` bytes are read.
        There is no time limit here: the courier has one.
        """
        host = urlsplit(url).hostname or ""
        try:
            if self._proxy is not None:  # the socket leads to the proxy; a name is the proxy's to resolve
                _refuse(host)
            async with self._open().request(
                method,
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                proxy=self._proxy,
            ) as response:
                text = await _read(response, longest)
                if response.status not in expected:
                    _judge(response, text, host)
                return Answer(response.status, text)
        except DeliveryError:
            raise
        except _RefusedError:
            raise DeliveryError(
                f"{host} is a link-local or metadata address; nothing is sent there",
                reason=DeliveryReason.FORBIDDEN_ADDRESS,
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure(error, host) from None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._context if self._context is not None else True,
                socket_factory=_socket,
                use_dns_cache=False,
                limit=0,  # the courier bounds what is under way
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"backup-sentinel/{__version__}"},
                auto_decompress=False,
            )
        return self._session


def basic(username: str, password: str) -> str:
    """Return the value of a header `Authorization` (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def check_url(url: str, what: str) -> None:
    """Raise AddressError unless this is an http or https URL with a host that something may be sent to."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressError(f"{what} is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise AddressError(f"{what} must be an http:// or https:// URL with a host")
    try:
        _refuse(parts.hostname)
    except _RefusedError:
        raise AddressError(
            f"{what} leads to {parts.hostname}, a link-local or metadata address; nothing is sent there"
        ) from None


def forbidden(address: IPAddress) -> bool:
    """Tell whether nothing is sent to an address; one inside another (mapped, 6to4, Teredo, NAT64) counts, too."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(one is not None and forbidden(one) for one in inner):
            return True
    return address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA


def _refuse(host: str) -> None:
    """Raise where a host is the text of an address that is refused; a name is looked at when it is resolved."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return
    if forbidden(address):
        raise _RefusedError


def _socket(info: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, address = info
    _refuse(address[0])
    return socket.socket(family=family, type=kind, proto=protocol)


async def _read(response: aiohttp.ClientResponse, longest: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(16 << 10):
        body += chunk
        if len(body) >= longest:
            response.close()
            break
    return bytes(body[:longest])


def _judge(response: aiohttp.ClientResponse, body: bytes, host: str) -> None:
    status = response.status
    if 200 <= status < 300:
        return
    text = f"{host} answered {status}"
    # OpsGenie names the period of its limit where others have `Retry-After`.
    named = response.headers.get("Retry-After") or response.headers.get("X-RateLimit-Period-In-Sec")
    after = retry_after(named)
    if 300 <= status < 400:
        raise DeliveryError(
            f"{text}, a redirect; give the address it leads to", reason=DeliveryReason.REJECTED
        )
    said = " ".join(body[:300].decode("utf-8", "replace").split())
    text += f": {said}" if said else ""
    if status in {401, 403, 407}:
        raise DeliveryError(text, reason=DeliveryReason.UNAUTHORIZED, after=after)
    if status == 413:
        raise DeliveryError(text, reason=DeliveryReason.TOO_LARGE)
    if status in _LATER or status >= 500:
        reason = DeliveryReason.THROTTLED if status == 429 else DeliveryReason.SERVER_ERROR
        raise DeliveryError(text, reason=reason, retry=True, after=after)
    raise DeliveryError(text, reason=DeliveryReason.REJECTED)


def _reason(status: int) -> DeliveryReason:
    """Return what the status of a proxy means that opens no tunnel; it may open one later."""
    return DeliveryReason.UNAUTHORIZED if status in {401, 403, 407} else DeliveryReason.SERVER_ERROR


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a `Retry-After` header (RFC 9110, 10.2.3); None where there is none to be understood."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _failure(error: Exception, host: str) -> DeliveryError:
    """Say what went wrong, without the URL that libraries like to show."""
    if isinstance(error, ssl.SSLError | aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError):
        inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
        why = getattr(inner, "verify_message", None) or getattr(inner, "reason", None) or type(inner).__name__
        return DeliveryError(f"TLS with {host} failed: {why}", reason=DeliveryReason.TLS)
    if isinstance(error, aiohttp.InvalidURL | aiohttp.InvalidUrlClientError):
        return DeliveryError(f"the address of {host} is not a URL", reason=DeliveryReason.REJECTED)
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return DeliveryError(f"{host} did not answer in time", reason=DeliveryReason.TIMEOUT)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return DeliveryError(
            f"the proxy answered {error.status} when it was asked for {host}", reason=_reason(error.status)
        )
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        host = "the proxy"
    inner = getattr(error, "os_error", error)
    why = getattr(inner, "strerror", None) or type(inner).__name__
    return DeliveryError(f"{host} cannot be reached: {why}", reason=DeliveryReason.UNREACHABLE)


__all__ = ["AddressError", "Answer", "Egress", "basic", "check_url", "forbidden", "retry_after"]
