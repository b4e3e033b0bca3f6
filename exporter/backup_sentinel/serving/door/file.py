"""The file becomes rules: every value is checked, and every complaint points at its line and column."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backup_sentinel.document import Document, nearest
from backup_sentinel.errors import DocumentError

from . import users
from .context import server_context
from .dialect import follow
from .material import FlawError, Material
from .rate import Rate, seconds
from .settings import Headers, RateSettings, TLSSettings, WebSettings
from .suites import CURVES, SUITES
from .veil import veil
from .watch import Watch


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for each connection and request."""

    context: ssl.SSLContext | None = None
    """For the handshake; without one, connections are plain."""
    names: frozenset[str] = frozenset()
    """`client_allowed_sans`."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Names in lower case."""
    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Name to bcrypt hash."""
    rate: Rate | None = None
    notes: tuple[str, ...] = ()
    """What the file asks for without effect."""
    empty: bool = False
    """The file says nothing at all."""


def read(path: Path, watch: Watch) -> Rules:
    """Return the rules of a file; `watch` learns what was read. Raises DocumentError, which holds no secret."""
    name = str(path)
    try:
        text = watch.read(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"cannot be read: {_told(error)}", file=name) from None
    try:
        document = Document(text, name)
    except DocumentError as error:
        raise veil(error, of_syntax=True) from None
    try:
        return _rules(document, path.parent, watch)
    except DocumentError as error:
        raise veil(error) from None


def _rules(document: Document, folder: Path, watch: Watch) -> Rules:
    if document.value is None:
        return Rules(empty=True)
    follow(document.value)
    web = document.convert(WebSettings)
    context: ssl.SSLContext | None = None
    notes: list[str] = []
    if web.tls_server_config is not None:
        context, notes = _encryption(document, web.tls_server_config, folder, watch)
    return Rules(
        context=context,
        names=frozenset((web.tls_server_config and web.tls_server_config.client_allowed_sans) or ()),
        headers=_headers(document, web.http_server_config.headers),
        users=_users(document, web.basic_auth_users),
        rate=_rate(document, web.rate_limit),
        notes=tuple(notes),
    )


def _encryption(
    document: Document, tls: TLSSettings, folder: Path, watch: Watch
) -> tuple[ssl.SSLContext, list[str]]:
    here = "tls_server_config"
    written: Any = document.value[here] if isinstance(document.value, dict) else {}
    for key, given, known in (
        ("cipher_suites", tls.cipher_suites, SUITES),
        ("curve_preferences", tls.curve_preferences, CURVES),
    ):
        for index, name in enumerate(given):
            if name not in known:
                raise document.error(
                    f"`{name}` is not one of Go's {key.partition('_')[0]}s",
                    (here, key, index),
                    hint=nearest(name, known),
                )
    try:
        pem = Material(
            *_content(document, tls, "cert", folder, watch),
            *_content(document, tls, "key", folder, watch),
            *_content(document, tls, "client_ca", folder, watch),
        )
        return server_context(tls, pem)
    except FlawError as flaw:
        place = flaw.field if flaw.field in written else flaw.field.removesuffix("_file")
        raise document.error(flaw.message, (here, place), hint=flaw.hint) from None


def _content(
    document: Document, tls: TLSSettings, name: str, folder: Path, watch: Watch
) -> tuple[bytes, str]:
    """Return what is written or named, and the key it stands at; ("", "") where `client_ca` is not given."""
    inline, path = getattr(tls, name), getattr(tls, f"{name}_file")
    if inline and path:
        raise document.error(
            f"give `{name}` or `{name}_file`, not both", ("tls_server_config", name), key=True
        )
    if inline:
        return inline.encode("utf-8"), name
    if path:
        try:
            return watch.read(folder / path), f"{name}_file"
        except OSError as error:
            raise FlawError(f"{name}_file", f"cannot be read: {_told(error)}") from None
    if name == "client_ca":
        return b"", ""
    raise document.error(
        f"`{name}_file` is missing, so nothing would be encrypted",
        ("tls_server_config",),
        key=True,
        hint="give cert_file and key_file, or leave tls_server_config out",
    )


def _headers(document: Document, headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    written = []
    for attribute, name in zip(headers.__struct_fields__, headers.__struct_encode_fields__, strict=True):
        value = re.sub(r"\s*\n\s*", " ", getattr(headers, attribute) or "").strip()
        if not value.isascii() or any(not character.isprintable() for character in value):
            raise document.error("only plain ASCII text can be sent", ("http_server_config", "headers", name))
        if value:
            written.append((name.lower().encode(), value.encode()))
    return tuple(written)


def _users(document: Document, given: dict[str, str]) -> dict[str, bytes]:
    for name, hashed in given.items():
        place = ("basic_auth_users", name)
        if ":" in name:
            raise document.error(
                "a colon ends the name in HTTP, so this user can never log in", place, key=True
            )
        message = users.flaw(hashed)
        if message:
            raise document.error(message, place, hint="make one with: htpasswd -nBC 10 NAME")
    return {name: hashed.encode() for name, hashed in given.items()}


def _rate(document: Document, given: RateSettings) -> Rate | None:
    try:
        interval = seconds(given.interval)
    except ValueError:
        raise document.error(
            "expected a Go duration with its unit",
            ("rate_limit", "interval"),
            hint="write for example 100ms or 1s",
        ) from None
    if not interval:
        return None
    if given.burst < 1:
        raise document.error("a burst below 1 answers no request at all", ("rate_limit", "burst"))
    return Rate(interval, given.burst)


def _told(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
