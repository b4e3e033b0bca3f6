"""All objects of one resource type: the current ones, the log of changes, and snapshots for paged lists."""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from .resources import ResourceType
from .selectors import Stored

_SNAPSHOTS = 64


class Change(msgspec.Struct, frozen=True, gc=False):
    """One entry of the log: the object after and before; `after` is the last state where it was deleted."""

    revision: int
    after: Stored
    before: Stored | None
    deleted: bool = False


class Shelf:
    """Objects of one type in the order of their keys, as a list returns them.

    `oldest` is the revision before which nothing is remembered: a watch from an earlier one has expired.
    `gone` says that the type is no longer served; streams end then.
    """

    def __init__(self, resource_type: ResourceType, revision: int, *, log_limit: int) -> None:
        self.type = resource_type
        self.items: dict[str, Stored] = {}
        self.log: list[Change] = []
        self.oldest = revision
        self.gone = False
        self._log_limit = log_limit
        self._dropped = 0
        self._ordered: list[Stored] | None = None
        self._snapshots: dict[int, list[Stored]] = {}
        self._watchers: set[asyncio.Event] = set()

    def write(self, stored: Stored) -> None:
        """Put a new version of an object and tell the watchers."""
        before = self.items.get(stored.key)
        self.items[stored.key] = stored
        self._append(Change(stored.revision, stored, before))

    def erase(self, last: Stored) -> None:
        """Delete an object; `last` is its final form, with the revision of the deletion."""
        before = self.items.pop(last.key)
        self._append(Change(last.revision, last, before, deleted=True))

    def snapshot(self, revision: int) -> list[Stored]:
        """Return the objects as they are now, remembered as the state at `revision` for later pages."""
        if self._ordered is None:
            self._ordered = [self.items[key] for key in sorted(self.items)]
        self._snapshots[revision] = self._ordered
        while len(self._snapshots) > _SNAPSHOTS:
            del self._snapshots[next(iter(self._snapshots))]
        return self._ordered

    def recall(self, revision: int) -> list[Stored] | None:
        """Return the objects as they were at `revision`; None when that has been compacted."""
        return self._snapshots.get(revision)

    def locate(self, revision: int) -> int:
        """Return the place in the log after `revision`, for `read`; it stays valid when the log is compacted."""
        return self._dropped + bisect_right(self.log, revision, key=_revision_of)

    def read(self, place: int, limit: int) -> list[Change] | None:
        """Return at most `limit` changes from a place on, oldest first; None if the log no longer reaches back."""
        first = place - self._dropped
        return self.log[first : first + limit] if first >= 0 else None

    def compact(self, revision: int) -> None:
        """Forget the log and the snapshots up to `revision`."""
        self._drop(bisect_right(self.log, revision, key=_revision_of))
        self.oldest = max(self.oldest, revision)
        self._snapshots = {at: items for at, items in self._snapshots.items() if at > revision}

    @contextmanager
    def watcher(self) -> Iterator[asyncio.Event]:
        """Give an event that is set after each change, and when the type goes."""
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            yield event
        finally:
            self._watchers.discard(event)

    def wake(self) -> None:
        """Let every watcher look again."""
        for event in self._watchers:
            event.set()

    def _append(self, change: Change) -> None:
        self.log.append(change)
        if len(self.log) > self._log_limit:
            half = len(self.log) // 2
            self.oldest = self.log[half - 1].revision
            self._drop(half)
        self._ordered = None
        self.wake()

    def _drop(self, count: int) -> None:
        del self.log[:count]
        self._dropped += count


def span(ordered: list[Stored], namespace: str) -> tuple[int, int]:
    """Return the first and the last-but-one index of a namespace ("" for all) in a snapshot."""
    if not namespace:
        return 0, len(ordered)
    return bisect_left(ordered, f"{namespace}/", key=_key_of), bisect_left(
        ordered, f"{namespace}0", key=_key_of
    )


def position(ordered: list[Stored], key: str) -> int:
    """Return the index of the first object whose key is not before `key`."""
    return bisect_left(ordered, key, key=_key_of)


def _revision_of(change: Change) -> int:
    return change.revision


def _key_of(stored: Stored) -> str:
    return stored.key
