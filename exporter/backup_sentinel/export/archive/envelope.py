"""A document as it is stored: compressed JSON that says whose it is."""

import gzip
import hashlib
import zlib
from collections.abc import Iterable

import msgspec

from backup_sentinel.errors import SentinelError
from backup_sentinel.export.store import SavedCluster
from backup_sentinel.export.store.saved import VERSION, SavedStream


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


class Print:
    """A hash that tells documents of one cluster apart; the streams are added as they come, the rest at the end."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, streams: Iterable[SavedStream]) -> None:
        """Take in the next streams of the document."""
        for stream in streams:
            self._hash.update(msgspec.json.encode(stream))

    def end(self, document: SavedCluster) -> bytes:
        """Take in everything but the streams, and return the hash."""
        self._hash.update(msgspec.json.encode(msgspec.structs.replace(document, streams=[])))
        return self._hash.digest()

    @classmethod
    def of(cls, document: SavedCluster) -> bytes:
        """Return the hash of a whole document."""
        known = cls()
        known.add(document.streams)
        return known.end(document)


def pack(document: SavedCluster, home: str, written: float = 0.0) -> bytes:
    """Return the bytes to store; equal documents, written in the same second (Unix time), give equal bytes.

    For a thread: the interpreter changes to another one between two streams, and while it compresses.
    """
    hull = msgspec.json.encode(Envelope(home, msgspec.structs.replace(document, streams=[])))
    parts = [hull.removesuffix(b"}}")]  # `streams` is the last field of the last field
    for number, stream in enumerate(document.streams):
        parts += [b"," if number else b',"streams":[', msgspec.json.encode(stream)]
    parts += [b"]}}" if document.streams else b"}}"]
    return gzip.compress(b"".join(parts), 6, mtime=int(written))


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


def written(body: bytes) -> float | None:
    """Return when a document was stored, of which the beginning is enough; None where it does not say.

    Source: RFC 1952, section 2.3: MTIME is Unix time in the bytes 4 to 7, and 0 where it is not known.
    """
    return float(int.from_bytes(body[4:8], "little")) or None if body[:2] == b"\x1f\x8b" else None


def slot(cluster: str) -> str:
    """Return a short name for a cluster that is fit for files and keys, whatever it is called."""
    return hashlib.sha256(cluster.encode(errors="surrogatepass")).hexdigest()[:40]
