"""Brings the memory of the store into an archive and back. Counters show only what has been saved."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from backup_sentinel.clock import Clock
from backup_sentinel.errors import ApiError, SentinelError
from backup_sentinel.export.store import SavedCluster, Store
from backup_sentinel.export.store.saved import VERSION
from backup_sentinel.telemetry import Telemetry

from .envelope import LostStateError, Print

_log = logging.getLogger("backup_sentinel.export")

PATIENCE = 10.0
"""Seconds to wait for an archive that does not answer: at the start of a cluster, and at the end of the process."""

REFUSALS = frozenset({400, 404, 409, 413, 422})
"""Answers of an API server about one object; whatever else it says, it says of all."""


class Archive(Protocol):
    """Something that keeps documents."""

    async def load(self, cluster: str) -> SavedCluster | None:
        """Return what was stored of a cluster; None if nothing was. Raises SentinelError."""

    async def save(self, document: SavedCluster) -> tuple[SavedCluster, int]:
        """Store a document, merged with what others stored; return it and its size. Raises SentinelError."""

    async def close(self) -> None:
        """Let go of connections."""


class Keeper:
    """Saves each cluster when something lasting has changed, at most once in `interval` seconds.

    A cluster whose memory could not be read yet is not saved, so that the memory is still there when it can be.
    """

    def __init__(
        self, store: Store, archive: Archive, telemetry: Telemetry, *, clock: Clock, interval: float = 15.0
    ) -> None:
        self._store = store
        self._archive = archive
        self._telemetry = telemetry
        self._clock = clock
        self._interval = interval
        self._saved: dict[str, bytes] = {}
        self._settled: dict[str, int] = {}
        """The number of changes of each cluster (`Marks.changes`) that are saved."""
        self._busy: set[str] = set()
        self._ailing: dict[str, set[str]] = {}

    async def run(self) -> None:
        """Save from time to time until cancelled, and once more then."""
        try:
            while True:
                await self._clock.sleep(self._interval)
                await self.save()
        finally:
            await asyncio.shield(self.flush())

    async def recall(self, cluster: str) -> None:
        """Give the store what was saved of a cluster, if that can be read now; else a later round does."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._attend(cluster, self._recall)
        except TimeoutError:
            self._telemetry.save_failed()
            self._ail(cluster, "timeout", f"no answer within {PATIENCE:g} s")

    async def save(self) -> None:
        """Save every cluster that has changed. Failures are counted and logged once; the next round tries again."""
        for cluster in list(self._store.clusters):
            if not await self._attend(cluster, self._save):
                return
            await asyncio.sleep(0)

    async def flush(self) -> None:
        """Save now what has changed, and do not wait for ever: somebody waits for the end of the process."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.save()
        except TimeoutError:
            self._telemetry.save_failed()
            _log.error("the last changes of the state are not saved: no answer within %g s", PATIENCE)

    async def part(self, cluster: str) -> None:
        """Save a cluster that will not be watched any more, and forget it."""
        if cluster in self._saved:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._attend(cluster, self._save)
        self._saved.pop(cluster, None)
        self._settled.pop(cluster, None)
        self._heal(cluster)

    async def _attend(self, cluster: str, do: Callable[[str], Awaitable[None]]) -> bool:
        """Read or write the memory of a cluster unless that is going on; return whether others are worth a try."""
        if cluster in self._busy:
            return True
        self._busy.add(cluster)
        try:
            await do(cluster)
        except SentinelError as error:
            self._telemetry.save_failed()
            self._ail(cluster, str(getattr(error, "reason", type(error).__name__)), str(error))
            return not isinstance(error, ApiError) or error.status in REFUSALS
        except Exception as error:  # noqa: BLE001 - the memory of one cluster may not end the watch of all
            self._telemetry.save_failed()
            self._ail(cluster, type(error).__name__, "a defect of this program", defect=error)
        else:
            self._heal(cluster)
        finally:
            self._busy.discard(cluster)
        return True

    async def _recall(self, cluster: str) -> None:
        try:
            document = await self._archive.load(cluster)
        except LostStateError as error:
            _log.warning("starting without memory: %s", error, extra={"cluster": cluster})
            document = None
        if cluster in self._store.clusters:
            document = document or SavedCluster(version=VERSION, cluster=cluster)
            self._saved[cluster] = Print.of(document)
            await self._remember(document)

    async def _save(self, cluster: str) -> None:
        if cluster not in self._saved:
            await self._recall(cluster)
        changes = self._store.marks.changes(cluster)
        if changes == self._settled.get(cluster):
            return
        document, known = await self._write_down(cluster)
        if known != self._saved.get(cluster):
            stored, size = await self._archive.save(document)
            self._telemetry.saved(cluster, self._clock.now(), size)
            if stored is not document:
                known = Print.of(stored)
                await self._remember(stored)
            self._store.saved(stored)
        if cluster not in self._saved:  # parted from meanwhile
            return
        self._saved[cluster] = known
        # Those that came meanwhile may be in it or not, and are looked at in the next round.
        self._settled[cluster] = changes

    async def _remember(self, document: SavedCluster) -> None:
        """Let the store take over a document. Yields to other tasks every millisecond or so, and never stops half-way."""
        steps = self._store.remembering(document)
        try:
            for _ in steps:
                await asyncio.sleep(0)
                if document.cluster not in self._store.clusters:  # parted from meanwhile
                    return
        finally:
            if document.cluster in self._store.clusters:
                deque(steps, maxlen=0)

    async def _write_down(self, cluster: str) -> tuple[SavedCluster, bytes]:
        """Return what is to be saved of a cluster and its print. Yields to other tasks every millisecond or so."""
        document = SavedCluster(version=VERSION, cluster=cluster)
        known = Print()
        for streams in self._store.saving(document):
            known.add(streams)
            await asyncio.sleep(0)
        return document, known.end(document)

    def _ail(self, cluster: str, topic: str, text: str, defect: BaseException | None = None) -> None:
        ailing = self._ailing.setdefault(topic, set())
        if not ailing:
            _log.error(
                "cannot read or save the state, so counters stand still; allow it, or set state.backend to off: %s",
                text,
                extra={"cluster": cluster, "reason": topic},
                exc_info=defect,
            )
        ailing.add(cluster)

    def _heal(self, cluster: str) -> None:
        for topic in [topic for topic, ailing in self._ailing.items() if cluster in ailing]:
            self._ailing[topic].discard(cluster)
            if not self._ailing[topic]:
                del self._ailing[topic]
                _log.info("can save the state again", extra={"cluster": cluster, "reason": topic})
