"""The record in a file of its own, for a process outside of clusters."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from .record import Record
from .shelf import RecordError, lost, recover


class FileShelf:
    """One JSON file with the same keys, exchanged whole, so that a crash leaves the old or the new one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: bytes | None = None

    async def load(self) -> Record:
        """Return the record."""
        return await asyncio.to_thread(self._load)

    async def save(self, record: Record) -> None:
        """Write the record; what the file holds by now is merged if another process has written it."""
        await asyncio.to_thread(self._save, record)

    async def close(self) -> None:
        """Nothing is open."""

    def _load(self) -> Record:
        try:
            self._known = self.path.read_bytes()
        except FileNotFoundError:
            self._known = None
            return Record()
        except OSError as error:
            raise RecordError(f"cannot read {self.path}: {error.strerror}") from error
        where = str(self.path)
        try:
            return recover(msgspec.json.decode(self._known, type=dict[str, str]), where)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return lost(where, str(error))

    async def edit(self, change: Callable[[Record], object]) -> None:
        """Read the record, change it and write it."""
        await asyncio.to_thread(self._edit, change)

    def _save(self, record: Record) -> None:
        with self._locked():
            before = self._known
            now = self._load()
            if self._known != before:
                record.merge(now)
            self._write(record)

    def _edit(self, change: Callable[[Record], object]) -> None:
        with self._locked():
            record = self._load()
            change(record)
            self._write(record)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Be the only one, for as long as it takes to exchange a small file."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise RecordError(f"cannot write {self.path}: {error.strerror}") from error

    def _write(self, record: Record) -> None:
        body = msgspec.json.format(msgspec.json.encode(record.texts(), order="sorted"), indent=1)
        fresh = self.path.with_suffix(".new")
        with fresh.open("wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self.path)
        self._known = body
