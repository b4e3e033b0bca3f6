"""One file for each cluster, exchanged whole, so that a crash leaves the old or the new one."""

import asyncio
import fcntl
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from backup_sentinel.errors import SentinelError
from backup_sentinel.export.store import SavedCluster, merge

from .envelope import LostStateError, pack, slot, unpack

PATIENCE = 5.0
"""Seconds to wait for another process that is writing."""


class FolderError(SentinelError):
    """The folder cannot be read or written."""


class Folder:
    """Files in a folder, which is made if need be. Two processes may write: the later merges what the other wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, bytes] = {}
        # A thread of its own: a slow disk stops neither scrapes nor, as in the shared pool, the resolver.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="state")

    async def load(self, cluster: str) -> SavedCluster | None:
        """Return what was stored; None if nothing was.

        Raises FolderError, and LostStateError for a file that is of no use, which is put aside.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._load, cluster)

    async def save(self, document: SavedCluster) -> tuple[SavedCluster, int]:
        """Store a document; return what was stored, and its size in bytes. Raises FolderError."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._save, document)

    async def close(self) -> None:
        """Let go of the thread."""
        self._executor.shutdown(wait=False)

    def _load(self, cluster: str) -> SavedCluster | None:
        file = self._file(cluster)
        try:
            body = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FolderError(f"cannot read {file}: {error.strerror}") from error
        try:
            document = unpack(body, "", cluster)
        except LostStateError:
            with suppress(OSError):
                file.replace(file.with_suffix(".corrupt"))
            raise
        self._known[cluster] = body
        return document

    def _save(self, document: SavedCluster) -> tuple[SavedCluster, int]:
        file = self._file(document.cluster)
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            with self._locked():
                document = self._merged(file, document)
                body = pack(document, "")
                _exchange(file, body)
        except OSError as error:
            raise FolderError(f"cannot write {file}: {error.strerror}") from error
        self._known[document.cluster] = body
        return document, len(body)

    def _merged(self, file: Path, document: SavedCluster) -> SavedCluster:
        """Add what another process has stored since this one did."""
        try:
            found = file.read_bytes()
            if found != self._known.get(document.cluster):
                return merge(document, unpack(found, "", document.cluster))
        except (FileNotFoundError, LostStateError):
            pass
        return document

    @contextmanager
    def _locked(self) -> Iterator[None]:
        deadline = time.monotonic() + PATIENCE
        with (self._path / ".lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise FolderError(f"another process keeps {self._path} locked") from None
                    time.sleep(0.02)
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
