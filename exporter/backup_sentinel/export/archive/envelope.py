"""A document as it is stored: compressed JSON that says whose it is."""

import gzip
import hashlib
import zlib

import msgspec

from backup_sentinel.errors import SentinelError
from backup_sentinel.export.store import SavedCluster
from backup_sentinel.export.store.saved import VERSION


class LostStateError(SentinelError):
    """What was stored is of no use; it is as if nothing had been stored."""


class CorruptStateError(LostStateError):
    """What was stored cannot be read."""


class ForeignStateError(LostStateError):
    """What was stored is the memory of another cluster: restored from a backup, most likely."""


class Envelope(msgspec.Struct):
    """`home` is the UID of the namespace kube-system where the document is kept in a cluster, else ""."""

    home: str
    document: SavedCluster


class _Label(msgspec.Struct):
    """The part of a document that every version can read."""

    document: "_Version"


class _Version(msgspec.Struct):
    version: int


def pack(document: SavedCluster, home: str) -> bytes:
    """Return the bytes to store; equal documents give equal bytes."""
    return gzip.compress(msgspec.json.encode(Envelope(home, document)), 6, mtime=0)


def unpack(body: bytes, home: str, cluster: str) -> SavedCluster:
    """Return the document of a cluster. Raises CorruptStateError, ForeignStateError."""
    try:
        text = gzip.decompress(body)
        version = msgspec.json.decode(text, type=_Label).document.version
        if version != VERSION:
            raise CorruptStateError(f"the stored state has version {version}; this program knows {VERSION}")
        envelope = msgspec.json.decode(text, type=Envelope)
    except (OSError, EOFError, zlib.error, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise CorruptStateError(f"the stored state cannot be read: {error}") from error
    if envelope.home != home or envelope.document.cluster != cluster:
        raise ForeignStateError("the stored state belongs to another cluster; it is not used")
    return envelope.document


def slot(cluster: str) -> str:
    """Return a short name for a cluster that is fit for files and keys, whatever it is called."""
    return hashlib.sha256(cluster.encode(errors="surrogatepass")).hexdigest()[:40]
