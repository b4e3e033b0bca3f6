"""Velero's results file: errors and warnings by namespace and item.

Sources: velero, pkg/util/results/result.go (the shape) and pkg/util/logging/log_counter_hook.go (one error of a backup:
` resource: /pods name: /shop-0 message: /... error: /...`, each part only where it is known). Errors of restores are
plain sentences.
"""

import re
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from backup_sentinel.errors import SentinelError
from backup_sentinel.relay.finding import ItemError

LARGEST = 16 << 20
"""Bytes of the unpacked file."""
_ITEM = re.compile(
    r"(?:\s*resource: /(?P<resource>\S+))?(?:\s*name: /(?P<name>\S+))?"
    r"(?:\s*message: /(?P<message>.*?))?(?:\s*error: /(?P<error>.*))?\s*",
    re.DOTALL,
)
_LONGEST = 8192
"""Characters of one error that are looked at."""


class ResultsError(SentinelError):
    """A results file cannot be read."""


class Result(msgspec.Struct):
    """What is said at one level: about Velero itself, about objects of the cluster, and about namespaces."""

    velero: list[str] | None = None
    cluster: list[str] | None = None
    namespaces: dict[str, list[str] | None] | None = None

    def told(self) -> Iterator[tuple[str, str]]:
        """Yield namespaces with errors; those about items come first, "" is no namespace."""
        for namespace, errors in (self.namespaces or {}).items():
            for error in errors or ():
                yield namespace, error
        for error in (*(self.cluster or ()), *(self.velero or ())):
            yield "", error


class Results(msgspec.Struct):
    """The file."""

    errors: Result = msgspec.field(default_factory=Result)
    warnings: Result = msgspec.field(default_factory=Result)


_decode = msgspec.json.Decoder(Results).decode


def read_results(body: bytes, most: int) -> tuple[tuple[ItemError, ...], int]:
    """Return the first errors of a file, packed with gzip or not, and how many there are. Raises ResultsError."""
    try:
        results = _decode(_unpack(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ResultsError("the results file cannot be understood") from None
    found = list(dict.fromkeys(results.errors.told()))
    return tuple(item(namespace, error) for namespace, error in found[:most]), len(found)


def item(namespace: str, text: str) -> ItemError:
    """Return what one error is about."""
    text = text[:_LONGEST].strip()
    found = _ITEM.fullmatch(text)
    if found is None or not any(found.groupdict().values()):
        return ItemError(namespace=namespace, error=text)
    parts: dict[str, Any] = found.groupdict(default="")
    name = "/".join(filter(None, (parts["resource"], parts["name"])))
    said = dict.fromkeys(part.strip() for part in (parts["message"], parts["error"]) if part.strip())
    return ItemError(namespace=namespace, name=name, error=": ".join(said))


def _unpack(body: bytes) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacking = zlib.decompressobj(wbits=31)
    try:
        text = unpacking.decompress(body, LARGEST)
    except zlib.error:
        raise ResultsError("the results file is damaged") from None
    if unpacking.unconsumed_tail:
        raise ResultsError(f"the results file has more than {LARGEST} bytes")
    if not unpacking.eof:
        raise ResultsError("the results file ends early")
    return text
