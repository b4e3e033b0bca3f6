"""Answers of the house itself, before any application: refusals, each of which ends its connection."""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.types import Send

Header = tuple[bytes, bytes]


def _parts(status: int, extra: Iterable[Header]) -> tuple[list[Header], bytes]:
    body = f"{HTTPStatus(status).phrase}\n".encode()
    named = {name for name, _ in extra}
    fixed = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    return [*(header for header in fixed if header[0] not in named), *extra], body


async def refuse(send: Send, status: int, *extra: Header) -> None:
    """Answer with a status, its phrase as text, and further headers (names in lower case); then the connection ends.

    A refused client gives its place back at once, so that refusals cannot fill the house.
    """
    headers, body = _parts(status, extra)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def plain(status: int, extra: Iterable[Header] = ()) -> bytes:
    """Return the same as bytes, for a client whose request is not read at all."""
    headers, body = _parts(status, tuple(extra))
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(),
        *(b": ".join(pair) for pair in headers),
    ]
    return b"\r\n".join([*lines, b"", body])
