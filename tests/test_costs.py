"""What one more Backup costs, in counts that do not depend on how busy the machine is. Times: `make bench`."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType

import msgspec
import pytest

from backup_sentinel.export.profile import Reader, load_profiles
from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.export.store import Feed, FeedKey, Store
from support.velero import backup, stamp

NOW = 1_800_000_000.0
OBJECTS, SCHEDULES = 2000, 20


class World:
    """A store and what fills it."""

    def __init__(self) -> None:
        [velero] = load_profiles(operators=("velero",))
        resource = next(found for found in velero.resources if found.type.plural == "backups")
        self.store = Store(ExportSettings(), lambda: NOW)
        self.reader: Reader = velero.reader("prod", resource, lambda: NOW)
        self.feed: Feed = self.store.feed(
            FeedKey("prod", "velero", resource.name), record="run", max_silence=0.0
        )

    def list(self, first: int, last: int, *, end: bool = True) -> None:
        """Take in a page of Backups, oldest first; with `end` it is all there is."""
        items = [self._body(number) for number in range(first, last)]
        body = {"kind": "BackupList", "metadata": {"resourceVersion": "1"}, "items": items}
        page = self.reader.page(msgspec.json.encode(body))
        self.store.listed(self.feed, page.items, first=first == 0, complete=end)

    @staticmethod
    def _body(number: int) -> dict[str, object]:
        begun = NOW - 3600.0 * (OBJECTS - number)
        made = backup(
            f"backup-{number}",
            "Completed",
            schedule=f"schedule-{number % SCHEDULES}",
            startTimestamp=stamp(begun),
            completionTimestamp=stamp(begun + 60),
            expiration=stamp(begun + 1e7),
        )
        made["metadata"] |= {"creationTimestamp": stamp(begun), "uid": str(number), "resourceVersion": "1"}
        return made


def calls(work: Callable[[], object]) -> int:
    """Return how many functions written in Python were called."""
    count = 0

    def hear(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        del frame, argument
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(hear)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.fixture
def world() -> World:
    return World()


def test_a_listed_backup_costs_few_calls(world: World) -> None:
    written = calls(lambda: [World._body(number) for number in range(OBJECTS)])
    spent = calls(lambda: world.list(0, OBJECTS)) - written
    assert spent / OBJECTS < 50


def test_a_backup_that_is_listed_again_costs_fewer_and_marks_nothing(world: World) -> None:
    world.list(0, OBJECTS)
    for scope in world.store.marks._keys:
        world.store.marks.take(scope)
    written = calls(lambda: [World._body(number) for number in range(OBJECTS)])
    spent = calls(lambda: world.list(0, OBJECTS)) - written
    assert spent / OBJECTS < 30
    assert {scope for scope, keys in world.store.marks._keys.items() if keys} == {"resource"}


def test_memory_grows_by_about_a_kilobyte_at_most_for_each_backup(world: World) -> None:
    world.list(0, OBJECTS // 2, end=False)
    gc.collect()
    tracemalloc.start()
    try:
        world.list(OBJECTS // 2, OBJECTS)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / (OBJECTS // 2) < 1100
