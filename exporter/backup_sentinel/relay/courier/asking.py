"""One enricher is asked about one message, within limits that hold whatever it does."""

import asyncio
import logging
import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec

from backup_sentinel.cause.message import LONGEST, tell
from backup_sentinel.errors import EnrichmentError
from backup_sentinel.relay.enrichers import Enricher, EnricherSettings
from backup_sentinel.relay.finding import Finding
from backup_sentinel.relay.message import Message
from backup_sentinel.secret import SecretError, mask

LARGEST = 64 << 10
"""Bytes of one finding."""
_LENGTHS = (LONGEST, 1000, 250)
"""Characters to which each text of a finding is cut, as far as the size of all makes it necessary."""
_READ = 16 << 10
"""Characters of one text that are looked at."""
_DEEPEST = 16
_MANY = 10_000
"""Values in one finding that are looked at."""
_NOTES = 20
_OURS = (bytes, bytearray, memoryview)
"""Types that msgspec would turn into text, and that are none of a finding's."""

_log = logging.getLogger("backup_sentinel.relay")


class Answer(NamedTuple):
    """What became of the question: the finding as plain values, notes, and whether to ask again some time."""

    finding: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    failed: bool = False


class Desk:
    """Asks one enricher, about so many messages at once."""

    def __init__(self, settings: EnricherSettings, enricher: Enricher) -> None:
        self.settings = settings
        self.kind = settings.kind
        self._enricher = enricher
        self._gate = asyncio.Semaphore(settings.concurrency)
        self._lost: set[asyncio.Task[Any]] = set()

    async def ask(self, message: Message, facts: Mapping[str, Any], left: float) -> Answer:
        """Ask within `left` seconds at most. Never raises, but for being cancelled."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + left
        if len(self._lost) >= self.settings.concurrency:
            return Answer(notes=("still hangs over earlier messages",), failed=True)
        try:
            async with asyncio.timeout_at(deadline):
                await self._gate.acquire()
        except TimeoutError:
            return Answer(notes=("was busy with other messages",), failed=True)
        try:
            patience = min(self.settings.timeout_seconds, max(0.0, deadline - loop.time()))
            return await self._within(message, facts, patience)
        finally:
            self._gate.release()

    async def close(self, patience: float) -> None:
        """Close the enricher, and give what was given up some seconds to end."""
        try:
            if self._lost:
                await asyncio.wait(self._lost, timeout=patience)
            async with asyncio.timeout(patience):
                await self._enricher.close()
        except Exception as error:  # noqa: BLE001 - the process ends
            _log.warning("enricher not closed", extra={"enricher": self.kind, "error": type(error).__name__})

    async def _within(self, message: Message, facts: Mapping[str, Any], patience: float) -> Answer:
        task = asyncio.create_task(self._find(message, facts), name=f"enricher {self.kind}")
        try:
            # Not awaited itself: one that does not heed being cancelled must not hold up the message.
            await asyncio.wait({task}, timeout=patience)
        finally:
            if not task.done():
                task.cancel()
                self._lost.add(task)
                task.add_done_callback(self._found_again)
        if not task.done():
            return self._fail(f"no answer within {patience:.3g} s", "TimeoutError")
        if task.cancelled():
            return self._fail("failed (CancelledError)", "CancelledError")
        error = task.exception()
        if isinstance(error, EnrichmentError | SecretError):
            return self._fail(self._clean(str(error)), type(error).__name__)
        if error is not None:  # neither its text nor its values are known to be harmless
            return self._fail(f"failed ({type(error).__name__})", type(error).__name__)
        return self._take(task.result())

    async def _find(self, message: Message, facts: Mapping[str, Any]) -> Finding | None:
        return await self._enricher.find(message, facts)

    def _take(self, found: object) -> Answer:
        if found is None:
            return Answer()
        try:
            assert isinstance(found, Finding)
            raw = msgspec.to_builtins(found, builtin_types=_OURS)
            for longest in _LENGTHS:
                plain = _plain(raw, partial(self._cut, longest), _Budget())
                size = len(msgspec.msgpack.encode(plain))
                if size <= LARGEST:
                    break
            msgspec.convert(plain, Finding)
        except Exception as error:  # noqa: BLE001 - whatever it gave, the message goes out
            return self._fail("gave something that is no finding", type(error).__name__)
        if size > LARGEST:
            return self._fail(f"found out too much ({size} bytes)", "size")
        notes = tuple(str(note) for note in plain.pop("notes", ()))[:_NOTES]
        failed = bool(plain.pop("failed", False))
        return Answer(plain or None, notes, failed)

    def _clean(self, text: str) -> str:
        return tell(mask(text[:_READ], self.settings.secrets())) or ""

    def _cut(self, longest: int, text: str) -> str:
        text = self._clean(text)
        return text if len(text) <= longest else f"{text[: longest - 1]}…"

    def _fail(self, note: str, error: str) -> Answer:
        _log.warning("enricher failed", extra={"enricher": self.kind, "error": error})
        return Answer(notes=(note,), failed=True)

    def _found_again(self, task: asyncio.Task[Any]) -> None:
        self._lost.discard(task)
        if not task.cancelled():
            task.exception()  # told already; nobody else asks


class _Budget:
    """Counts values, so that cleaning ends."""

    def __init__(self) -> None:
        self.left = _MANY

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too many values")


def _plain(value: Any, clean: Any, budget: _Budget, depth: int = 0) -> Any:
    """Return a value made of JSON's types, every text of it cleaned. Raises TypeError or ValueError for anything else."""
    budget.take()
    if depth > _DEEPEST:
        raise ValueError("too deep")
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(_key(name)): _plain(part, clean, budget, depth + 1) for name, part in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, _OURS):
        return [_plain(part, clean, budget, depth + 1) for part in value]
    raise TypeError(f"{type(value).__name__} is no plain value")


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError("a name is text")
    return name
