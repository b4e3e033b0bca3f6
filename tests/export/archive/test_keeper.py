"""When memory is read and written, what is said about trouble, and what trouble does not do."""

import asyncio
import gzip
import logging
from collections.abc import Sized
from typing import Any

import msgspec
import pytest

from backup_sentinel.demo.times import ManualClock
from backup_sentinel.errors import ApiError, OutageReason, SentinelError
from backup_sentinel.export.archive import Keeper, keeper
from backup_sentinel.export.archive.envelope import Envelope, Print, pack
from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.export.store import FeedKey, SavedCluster, Store
from backup_sentinel.export.store.recollection import FEW, SLICE
from backup_sentinel.telemetry import Telemetry
from export.archive.documents import document, until
from export.store.world import MONDAY, key, run, told

FORBIDDEN = ApiError(
    'configmaps is forbidden: User "x" cannot get resource', reason=OutageReason.FORBIDDEN, status=403
)
TOO_LARGE = SentinelError("the state of cluster b needs 2000000 bytes")


class Shelf:
    """An archive in memory; `trouble` is raised, by cluster or for all ("*"), `stuck` ones never answer."""

    def __init__(self) -> None:
        self.documents: dict[str, SavedCluster] = {}
        self.trouble: dict[str, Exception] = {}
        self.stuck = False
        self.loads: list[str] = []
        self.saves: list[str] = []

    async def load(self, cluster: str) -> SavedCluster | None:
        self.loads.append(cluster)
        await self._hurt(cluster)
        return self.documents.get(cluster)

    async def save(self, document: SavedCluster) -> tuple[SavedCluster, int]:
        self.saves.append(document.cluster)
        await self._hurt(document.cluster)
        self.documents[document.cluster] = document
        return document, 100

    async def close(self) -> None:
        pass

    async def _hurt(self, cluster: str) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        for name in (cluster, "*"):
            if name in self.trouble:
                raise self.trouble[name]


class House:
    """A store of some clusters with its keeper."""

    def __init__(self, *clusters: str) -> None:
        self.clock = ManualClock(MONDAY)
        self.store = Store(ExportSettings(), self.clock.now, durable=True)
        self.shelf = Shelf()
        self.telemetry = Telemetry()
        self.keeper = Keeper(self.store, self.shelf, self.telemetry, clock=self.clock)
        for cluster in clusters:
            self.feed(cluster)

    def feed(self, cluster: str) -> Any:
        return self.store.feed(FeedKey(cluster, "velero", "backups"), record="run", max_silence=1.0)

    def happen(self, cluster: str, at: float = 1.0) -> None:
        """Let a run finish that is seen."""
        of = document(cluster).streams[0].key
        self.store.put(self.feed(cluster), told(run(MONDAY + at, of=of)))

    def count(self, name: str) -> float:
        lines = self.telemetry.text().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


FAILURES = "backup_sentinel_state_save_failures_total"


@pytest.fixture
def house(caplog: pytest.LogCaptureFixture) -> House:
    caplog.set_level(logging.INFO, "backup_sentinel")
    return House("a", "b", "c")


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(line.levelname, getattr(line, "reason", "")) for line in caplog.records]


async def test_it_is_saved_when_something_has_changed_and_only_then(house: House) -> None:
    await house.keeper.save()
    assert house.shelf.saves == [], "nothing is known yet"
    house.happen("b")
    for _ in range(3):
        await house.keeper.save()
    assert house.shelf.saves == ["b"]
    assert house.count("backup_sentinel_state_bytes") == 100
    assert house.count("backup_sentinel_state_last_save_timestamp_seconds") == MONDAY


async def test_it_is_saved_every_fifteen_seconds_at_most_and_at_the_end(house: House) -> None:
    task = asyncio.create_task(house.keeper.run())
    for second in range(60):
        house.happen("a", float(second))
        house.clock.move(1.0)
        await asyncio.sleep(0.001)
    assert 2 <= len(house.shelf.saves) <= 4
    house.happen("a", 100.0)
    before = len(house.shelf.saves)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(house.shelf.saves) == before + 1


async def test_a_missing_right_is_said_once_for_all_clusters_and_its_end_too(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.shelf.trouble["*"] = FORBIDDEN
    await asyncio.gather(*(house.keeper.recall(name) for name in "abc"))
    house.happen("a")
    for _ in range(5):
        await house.keeper.save()
    assert said(caplog) == [("ERROR", "forbidden")]
    assert "allow it, or set state.backend to off" in caplog.text
    assert "configmaps is forbidden" in caplog.text
    assert house.count(FAILURES) >= 5
    house.shelf.trouble.clear()
    await house.keeper.save()
    assert said(caplog)[1:] == [("INFO", "forbidden")]
    assert house.shelf.saves == ["a"]


async def test_one_state_that_cannot_be_stored_does_not_stop_the_others(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.shelf.trouble["b"] = TOO_LARGE
    for name in "abc":
        house.happen(name)
    await house.keeper.save()
    assert sorted(house.shelf.documents) == ["a", "c"]
    assert [level for level, _ in said(caplog)] == ["ERROR"]


async def test_a_server_that_is_away_is_not_asked_for_every_cluster(house: House) -> None:
    house.shelf.trouble["*"] = ApiError("no", reason=OutageReason.UNREACHABLE)
    await house.keeper.save()
    assert len(house.shelf.loads) == 1


async def test_a_defect_is_a_log_line_with_its_trace_and_stops_nothing(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.shelf.trouble["a"] = UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
    for name in "abc":
        house.happen(name)
    await house.keeper.save()
    assert sorted(house.shelf.documents) == ["b", "c"]
    [line] = caplog.records
    assert line.exc_info is not None


async def test_an_archive_that_does_not_answer_holds_up_neither_the_start_nor_the_end(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keeper, "PATIENCE", 0.05)
    house.shelf.stuck = True
    async with asyncio.timeout(5):
        await asyncio.gather(*(house.keeper.recall(name) for name in "abc"))
        task = asyncio.create_task(house.keeper.run())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert said(caplog) == [("ERROR", "timeout"), ("ERROR", "")]
    assert house.count(FAILURES) == 4


async def test_memory_that_was_not_read_is_not_overwritten(house: House) -> None:
    house.shelf.documents["a"] = document("a", counted=7)
    house.shelf.trouble["*"] = FORBIDDEN
    await house.keeper.recall("a")
    house.happen("a", 40 * 86400.0)
    await house.keeper.save()
    assert house.shelf.saves == []
    house.shelf.trouble.clear()
    await house.keeper.save()
    [stream] = house.shelf.documents["a"].streams
    assert stream.totals == {"succeeded": 8}


async def test_a_cluster_that_goes_is_saved_and_forgotten(house: House) -> None:
    await house.keeper.save()
    house.happen("b")
    await house.keeper.part("b")
    house.store.remove_cluster("b")
    assert house.shelf.saves == ["b"]
    house.feed("b")
    await house.keeper.recall("b")
    house.clock.move(1.0)
    house.happen("b", 50.0)
    await house.keeper.save()
    [stream] = house.shelf.documents["b"].streams
    assert stream.totals == {"succeeded": 2}


async def test_a_cluster_that_went_while_it_was_read_is_left_alone(house: House) -> None:
    house.shelf.stuck = True
    reading = asyncio.create_task(house.keeper.recall("b"))
    await until(lambda: house.shelf.loads, "it is being read")
    house.store.remove_cluster("b")
    reading.cancel()
    house.shelf.stuck = False
    await asyncio.gather(reading, return_exceptions=True)
    await house.keeper.recall("b")
    await house.keeper.save()
    assert "b" not in house.shelf.saves


async def test_nothing_is_written_down_while_nothing_lasting_happens(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.happen("b")
    for _ in range(2):  # the first one settles what is shown
        await house.keeper.save()
    asked: list[str] = []
    saving = house.store.saving

    def count(document: SavedCluster) -> Any:
        asked.append(document.cluster)
        return saving(document)

    monkeypatch.setattr(house.store, "saving", count)
    for name in "abc":
        house.store.contact(house.feed(name))
    await house.keeper.save()
    assert asked == []
    house.happen("c")
    await house.keeper.save()
    assert asked == ["c"]


async def test_others_get_their_turn_while_a_large_cluster_is_written_down(house: House) -> None:
    schedules = 10 * SLICE
    for number in range(schedules):
        house.store.put(house.feed("a"), told(run(MONDAY, of=key(f"daily-{number}", cluster="a"))))
    await house.keeper.recall("a")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await house.keeper.save()
    task.cancel()
    assert turns >= schedules / SLICE
    assert len(house.shelf.documents["a"].streams) == schedules


async def test_what_happens_while_it_is_written_down_is_saved_in_the_next_round(house: House) -> None:
    for number in range(4 * SLICE):
        house.store.put(house.feed("a"), told(run(MONDAY, of=key(f"daily-{number}", cluster="a"))))
    await house.keeper.recall("a")
    saving = asyncio.create_task(house.keeper.save())
    await asyncio.sleep(0)  # the first of them are written down
    await asyncio.sleep(0)
    house.clock.move(60.0)
    late = run(MONDAY + 60, of=key("daily-0", cluster="a"))
    house.store.put(house.feed("a"), told(late))
    await saving
    await house.keeper.save()
    [stream] = [known for known in house.shelf.documents["a"].streams if known.key.schedule == "daily-0"]
    assert stream.last_attempt == MONDAY + 60


async def test_others_get_their_turn_while_a_large_cluster_is_remembered(house: House) -> None:
    house.shelf.documents["a"] = document("a", schedules=10 * FEW)
    turns, half = 0, 0

    async def other() -> None:
        nonlocal turns, half
        while True:
            turns += 1
            half += 0 < len(house.store.installations("a")[0].streams) < 10 * FEW
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await house.keeper.recall("a")
    task.cancel()
    assert half >= 5
    assert house.store.recalled("a")
    assert len(house.store.installations("a")[0].streams) == 10 * FEW


async def begun(streams: Sized) -> None:
    """Let others have turns until the first streams are there."""
    for _ in range(100):
        if streams:
            return
        await asyncio.sleep(0)


async def test_a_memory_that_is_being_taken_over_is_taken_over_whole(house: House) -> None:
    house.shelf.documents["a"] = document("a", schedules=10 * FEW)
    recalling = asyncio.create_task(house.keeper.recall("a"))
    streams = house.store.installations("a")[0].streams
    await begun(streams)
    assert not house.store.recalled("a")
    recalling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await recalling
    assert house.store.recalled("a")
    assert len(streams) == 10 * FEW


async def test_a_cluster_that_goes_while_its_memory_is_taken_over_leaves_nothing(house: House) -> None:
    house.shelf.documents["a"] = document("a", schedules=10 * FEW)
    recalling = asyncio.create_task(house.keeper.recall("a"))
    streams = house.store.installations("a")[0].streams
    await begun(streams)
    house.store.remove_cluster("a")
    await recalling
    assert house.store.marks.changes("a") == 0
    assert len(streams) < 10 * FEW


async def test_a_print_tells_documents_apart_and_bytes_are_those_of_the_whole() -> None:
    one, other = document(schedules=3), document(schedules=3, counted=2)
    assert Print.of(one) == Print.of(document(schedules=3))
    assert (
        len(
            {
                Print.of(known)
                for known in (one, other, document(schedules=2), SavedCluster(version=1, cluster="x"))
            }
        )
        == 4
    )
    for known in (one, SavedCluster(version=1, cluster="prod")):
        whole = msgspec.json.encode(Envelope("uid", known))
        assert gzip.decompress(pack(known, "uid")) == whole
