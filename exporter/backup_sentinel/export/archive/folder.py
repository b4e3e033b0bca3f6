"""One file for each cluster, exchanged whole, so that a crash leaves the old or the new one."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backup_sentinel.errors import SentinelError
from backup_sentinel.export.store import SavedCluster, merge

from .envelope import CorruptStateError, pack, slot, unpack


class FolderError(SentinelError):
    """The folder cannot be written."""


class Folder:
    """Files in a folder, which is made if need be. Two processes may write: the later merges what the other wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: dict[str, bytes] = {}

    async def load(self, cluster: str) -> SavedCluster | None:
        """Return what was stored; None if nothing was. Raises CorruptStateError; the file is put aside."""
        file = self._file(cluster)
        try:
            body = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FolderError(f"cannot read {file}: {error.strerror}") from error
        try:
            document = unpack(body, "")
        except CorruptStateError:
            file.replace(file.with_suffix(".corrupt"))
            raise
        self._written[cluster] = body
        return document

    async def save(self, document: SavedCluster) -> tuple[SavedCluster, int]:
        """Store a document; return what was stored, and its size in bytes. Raises FolderError."""
        file = self._file(document.cluster)
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            with self._locked():
                document = self._merged(file, document)
                body = pack(document, "")
                _exchange(file, body)
        except OSError as error:
            raise FolderError(f"cannot write {file}: {error.strerror}") from error
        self._written[document.cluster] = body
        return document, len(body)

    async def close(self) -> None:
        """Do nothing: files are closed after each use."""

    def _merged(self, file: Path, document: SavedCluster) -> SavedCluster:
        """Add what another process has stored since this one did."""
        try:
            found = file.read_bytes()
            if found != self._written.get(document.cluster):
                return merge(document, unpack(found, ""))
        except (FileNotFoundError, CorruptStateError):
            pass
        return document

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._path / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _file(self, cluster: str) -> Path:
        readable = re.sub(r"[^A-Za-z0-9.-]", "_", cluster)[:40] or "cluster"
        return self._path / f"{readable}-{slot(cluster)[:12]}.json.gz"


def _exchange(file: Path, body: bytes) -> None:
    fresh = file.with_suffix(".new")
    with fresh.open("wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
