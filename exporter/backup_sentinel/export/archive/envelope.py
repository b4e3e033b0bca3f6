"""A document as it is stored: compressed JSON that says whose it is."""

import gzip
import hashlib

import msgspec

from backup_sentinel.errors import SentinelError
from backup_sentinel.export.store import SavedCluster


class CorruptStateError(SentinelError):
    """What was stored cannot be read; it is as if nothing had been stored."""


class ForeignStateError(SentinelError):
    """What was stored is the memory of another cluster: restored from a backup, most likely."""


class Envelope(msgspec.Struct):
    """`home` is the UID of the namespace kube-system where the document is kept in a cluster, else ""."""

    home: str
    document: SavedCluster


def pack(document: SavedCluster, home: str) -> bytes:
    """Return the bytes to store; equal documents give equal bytes."""
    return gzip.compress(msgspec.json.encode(Envelope(home, document)), 6, mtime=0)


def unpack(body: bytes, home: str) -> SavedCluster:
    """Return the document. Raises CorruptStateError, ForeignStateError."""
    try:
        envelope = msgspec.json.decode(gzip.decompress(body), type=Envelope)
    except (OSError, EOFError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise CorruptStateError(f"the stored state cannot be read: {error}") from error
    if envelope.document.version != 1:
        raise CorruptStateError(
            f"the stored state has version {envelope.document.version}; this program knows 1"
        )
    if envelope.home != home:
        raise ForeignStateError("the stored state belongs to another cluster; it is not used")
    return envelope.document


def slot(cluster: str) -> str:
    """Return a short name for a cluster that is fit for files and keys, whatever it is called."""
    return hashlib.sha256(cluster.encode()).hexdigest()[:40]
