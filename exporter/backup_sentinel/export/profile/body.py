"""Answers of the API server cut into objects, whose bytes are decoded by whoever wants them; broken ones are mended, as far as that goes."""

import json
import re
from typing import Any

import msgspec

from backup_sentinel.cause.secret import redact

DEEPEST = 120
"""Levels of nesting that are kept. What lies deeper becomes null: no field of any operator is that deep."""
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
_TEXT = msgspec.json.Decoder()


class PageError(ValueError):
    """An answer is not a list of objects; the text says what it is instead."""


class Meta(
    msgspec.Struct,
    rename={
        "resource_version": "resourceVersion",
        "continue_": "continue",
        "remaining": "remainingItemCount",
    },
):
    """What a list says of itself."""

    resource_version: str | None = None
    continue_: str | None = None
    remaining: int | None = None


class Envelope(msgspec.Struct, gc=False):
    """A list whose objects are still bytes."""

    kind: str
    metadata: Meta
    items: list[msgspec.Raw] | None


_ENVELOPE = msgspec.json.Decoder(Envelope)


def mend(body: bytes) -> bytes:
    """Replace what is no UTF-8 and what are halves of surrogate pairs, which JSON of other tongues lets through."""
    text = body.decode("utf-8", "replace")
    return _ESCAPE.sub(lambda found: "\\ufffd" if found["lone"] else found[0], text).encode()


def flatten(body: bytes) -> bytes:
    """Replace what is nested deeper than any decoder dares by null, without recursion."""
    kept: list[bytes] = []
    depth, start, hole = 0, 0, 0
    for token in _TOKEN.finditer(body):
        sign = token[0]
        if sign in {b"{", b"["}:
            depth += 1
            if depth == DEEPEST + 1:
                kept.append(body[start : token.start()])
                hole = depth
        elif sign in {b"}", b"]"}:
            if depth == hole:
                kept.append(b"null")
                start, hole = token.end(), 0
            depth -= 1
    return b"".join([*kept, body[start:]]) if not hole else b"".join([*kept, b"null"])


def split(body: bytes) -> Envelope:
    """Return the list with its objects as bytes; raise PageError where it is no list."""
    for _ in range(3):
        try:
            page = _ENVELOPE.decode(body)
        except RecursionError:
            body = flatten(body)
        except msgspec.ValidationError as error:
            raise PageError(_instead(body, str(error))) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            mended = mend(body)
            if mended == body:
                raise PageError(_instead(body, str(error))) from None
            body = mended
        else:
            check(page.kind)
            return page
    raise PageError("the answer cannot be decoded")


def check(kind: str) -> None:
    """Raise PageError where the answer is an object, a Status for one, and no list."""
    if not kind.endswith("List"):
        raise PageError(f"expected a list, got kind {kind[:60]!r}")


def decode(body: bytes) -> Any:
    """Return one object as plain values whatever it takes; raise ValueError where it is no JSON."""
    for _ in range(3):
        try:
            return _TEXT.decode(body)
        except RecursionError:
            body = flatten(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            mended = mend(body)
            if mended == body:
                return _forgiving(body)
            body = mended
    raise ValueError("cannot be decoded")


def _forgiving(body: bytes) -> Any:
    """Decode with the standard library, which knows numbers beyond those of JSON's usual readers."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _instead(body: bytes, problem: str) -> str:
    """Say what the answer is: the message of a Status, or how it begins."""
    try:
        value = decode(body)
    except ValueError:
        return f"no JSON: {redact(body[:80].decode('utf-8', 'replace'))!r}"
    if isinstance(value, dict) and value.get("kind") == "Status":
        return f"a Status instead of a list: {redact(str(value.get('message') or value.get('reason') or ''))[:300]}"
    return f"no list: {problem[:200]}"
