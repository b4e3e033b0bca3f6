"""Brings the memory of the store into an archive and back. Counters show only what has been saved."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

import msgspec

from backup_sentinel.clock import Clock
from backup_sentinel.errors import SentinelError
from backup_sentinel.export.store import SavedCluster, Store
from backup_sentinel.telemetry import Telemetry

_log = logging.getLogger("backup_sentinel.export")


class Archive(Protocol):
    """Something that keeps documents."""

    async def load(self, cluster: str) -> SavedCluster | None:
        """Return what was stored of a cluster; None if nothing was. Raises SentinelError."""

    async def save(self, document: SavedCluster) -> tuple[SavedCluster, int]:
        """Store a document, merged with what others stored; return it and its size. Raises SentinelError."""

    async def close(self) -> None:
        """Let go of connections."""


class Keeper:
    """Saves each cluster when something lasting has changed, at most once in `interval` seconds."""

    def __init__(
        self, store: Store, archive: Archive, telemetry: Telemetry, *, clock: Clock, interval: float = 15.0
    ) -> None:
        self._store = store
        self._archive = archive
        self._telemetry = telemetry
        self._clock = clock
        self._interval = interval
        self._saved: dict[str, bytes] = {}
        self._ailing: set[str] = set()

    async def load(self, clusters: Sequence[str]) -> None:
        """Give the store what was saved of clusters. What cannot be read is logged, and counters start at 0."""
        for cluster in clusters:
            try:
                document = await self._archive.load(cluster)
            except SentinelError as error:
                _log.warning("starting without memory: %s", error, extra={"cluster": cluster})
                continue
            if document is not None and document.cluster == cluster:
                self._store.remember(document)
                self._saved[cluster] = msgspec.json.encode(document)

    async def run(self) -> None:
        """Save from time to time until cancelled, and once more then."""
        try:
            while True:
                await self._clock.sleep(self._interval)
                await self.save()
        finally:
            await asyncio.shield(self.save())

    async def save(self) -> None:
        """Save every cluster that has changed. Failures are counted and logged once; the next round tries again."""
        for cluster in list(self._store.clusters):
            document = self._store.save(cluster)
            body = msgspec.json.encode(document)
            if body == self._saved.get(cluster):
                continue
            try:
                stored, size = await self._archive.save(document)
            except SentinelError as error:
                self._telemetry.save_failed()
                if cluster not in self._ailing:
                    self._ailing.add(cluster)
                    _log.error(
                        "cannot save the state, so counters stand still; allow it, or set state.backend to off: %s",
                        error,
                        extra={"cluster": cluster},
                    )
                continue
            if cluster in self._ailing:
                self._ailing.discard(cluster)
                _log.info("can save the state again", extra={"cluster": cluster})
            self._saved[cluster] = body
            self._telemetry.saved(cluster, self._clock.now(), size)
            self._store.saved(stored)
            await asyncio.sleep(0)
