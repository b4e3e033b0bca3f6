"""Which format and which encoding a client gets (RFC 9110, 12.5; Prometheus: content negotiation)."""

from enum import Enum
from typing import NamedTuple


class Format(Enum):
    """An exposition format: its media type, and what comes at its end."""

    TEXT = ("text/plain; version=0.0.4; charset=utf-8", b"")
    OPENMETRICS = ("application/openmetrics-text; version=1.0.0; charset=utf-8", b"# EOF\n")

    def __init__(self, content_type: str, end: bytes) -> None:
        self.content_type = content_type
        self.end = end


_OPENMETRICS_VERSIONS = frozenset({"", "0.0.1", "1.0.0"})
_TEXT_VERSIONS = frozenset({"", "0.0.4"})


class _Wish(NamedTuple):
    quality: float
    value: str
    parameters: dict[str, str]


def _wishes(header: str) -> list[_Wish]:
    wishes = []
    for part in header.split(","):
        value, *rest = (piece.strip() for piece in part.split(";"))
        parameters = {
            name.strip().lower(): text.strip().strip('"')
            for name, _, text in (item.partition("=") for item in rest)
        }
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        if value:
            wishes.append(_Wish(quality, value.lower(), parameters))
    return wishes


def negotiate(accept: str) -> Format:
    """Return the format of the acceptable ones that the client likes best.

    Of equals the first named wins; a client that accepts nothing we have gets text 0.0.4, as from every exporter.
    """
    best, chosen = 0.0, Format.TEXT
    for wish in _wishes(accept):
        offer = _offer(wish)
        if offer is not None and wish.quality > best:
            best, chosen = wish.quality, offer
    return chosen


def _offer(wish: _Wish) -> Format | None:
    version = wish.parameters.get("version", "")
    if wish.value == "application/openmetrics-text" and version in _OPENMETRICS_VERSIONS:
        return Format.OPENMETRICS
    if wish.value == "text/plain" and version in _TEXT_VERSIONS:
        return Format.TEXT
    return Format.TEXT if wish.value in {"*/*", "text/*"} else None


def wants_gzip(accept_encoding: str) -> bool:
    """Tell whether the client takes gzip; `*` counts, `gzip;q=0` does not."""
    named = {wish.value: wish.quality for wish in _wishes(accept_encoding)}
    return named.get("gzip", named.get("x-gzip", named.get("*", 0.0))) > 0
