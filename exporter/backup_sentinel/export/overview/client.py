"""Asks a running exporter for its overview, over its API."""

import base64
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

import msgspec

from backup_sentinel.errors import SentinelError

from .rows import Overview
from .words import plain

PAGE = 1000
"""Schedules per request."""

LARGEST = 256 << 20
"""Bytes of an answer beyond which it is none of ours."""


class ClientError(SentinelError):
    """The exporter did not answer as expected, or a file of credentials cannot be used. Holds no secret."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """How to prove who asks, and whom to trust. All but `user` are paths of files."""

    ca_file: str | None = None
    user: str | None = None
    password_file: str | None = None
    token_file: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: credentials are for the server that was named."""

    def redirect_request(self, *_: Any) -> None:
        return None


def ask(
    url: str, parameters: Sequence[tuple[str, str]], credentials: Credentials, *, timeout: float
) -> Overview:
    """Get the overview of the schedules that parameters ask for, in as many requests as it takes. Raises ClientError."""
    base, header = _address(url, credentials)
    opener = urllib.request.build_opener(
        _Straight, urllib.request.HTTPSHandler(context=_context(credentials))
    )
    whole: Overview | None = None
    while whole is None or len(whole.schedules) < whole.total:
        offset = len(whole.schedules) if whole is not None else 0
        query = urlencode([*parameters, ("limit", str(PAGE)), ("offset", str(offset))], errors="replace")
        part = _get(opener, f"{base}/api/v1/schedules", query, header, timeout)
        if whole is not None:
            if not part.schedules:
                break  # meanwhile there are fewer
            part = msgspec.structs.replace(part, offset=0, schedules=(*whole.schedules, *part.schedules))
        whole = part
        if not part.schedules:
            break
    return whole


def _get(
    opener: urllib.request.OpenerDirector, url: str, query: str, header: dict[str, str], timeout: float
) -> Overview:
    request = urllib.request.Request(f"{url}?{query}", headers={**header, "Accept": "application/json"})  # noqa: S310 - the scheme was checked
    try:
        with opener.open(request, timeout=timeout) as answer:
            return msgspec.json.decode(answer.read(LARGEST), type=Overview)
    except urllib.error.HTTPError as error:
        raise ClientError(f"{url} answered {error.code}{_hint(error)}") from error
    except (OSError, ValueError, http.client.HTTPException, msgspec.MsgspecError) as error:
        raise ClientError(f"{url} did not answer with an overview: {plain(_why(error))}") from error


def _why(error: Exception) -> str:
    """Return what went wrong, without what wraps it."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    return (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__


def _hint(error: urllib.error.HTTPError) -> str:
    with error:
        if error.code == 401:
            return ": it wants a password; give --user and --password-file"
        if 300 <= error.code < 400:
            return ": it sends us elsewhere; give the address that it means"
        try:
            return f": {plain(msgspec.json.decode(error.read(4096))['error'])}"
        except (OSError, TypeError, KeyError, msgspec.MsgspecError):
            return ""


def _address(url: str, credentials: Credentials) -> tuple[str, dict[str, str]]:
    """Return the address without user and password, and the header that proves who asks."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    strange = any(char.isspace() or not char.isprintable() for char in url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or strange:
        shown = plain(url.rpartition("@")[2])
        raise ClientError(f"`{shown}` is no URL; write for example http://localhost:9950")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    base = urlunsplit(
        (parts.scheme, f"{host}:{port}" if port is not None else host, parts.path.rstrip("/"), "", "")
    )
    user, password = credentials.user, None
    if parts.username is not None and user is None:
        user, password = unquote(parts.username), unquote(parts.password or "")
    if credentials.token_file is not None:
        return base, {"Authorization": f"Bearer {_read(credentials.token_file)}"}
    if user is None:
        return base, {}
    if credentials.password_file is not None:
        password = _read(credentials.password_file)
    if password is None:
        raise ClientError("a user needs a password; give --password-file")
    return base, {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def _read(path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ClientError(f"{path} cannot be read: {why}") from None
    if not text or not text.isprintable():
        raise ClientError(f"{path} holds no password or token: it must be one line")
    return text


def _context(credentials: Credentials) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=credentials.ca_file)
        if credentials.client_certificate is not None:
            context.load_cert_chain(credentials.client_certificate, credentials.client_key)
    except (OSError, ssl.SSLError) as error:
        raise ClientError(f"the certificates cannot be used: {error}") from error
    return context
