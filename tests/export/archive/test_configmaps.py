"""ConfigMaps on the simulated API server: made when needed, merged with what others write, and never trusted blindly."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from backup_sentinel.demo import faults
from backup_sentinel.demo.access import Grant
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.faults import HTML_PAGE, Fault
from backup_sentinel.errors import ApiError, SentinelError
from backup_sentinel.export.archive import ConfigMaps
from backup_sentinel.export.archive.configmaps import KEPT, LABELS, LIMIT, ConfigMapError
from backup_sentinel.export.archive.envelope import CorruptStateError, ForeignStateError, slot
from backup_sentinel.export.store import SavedCluster
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.settings import ClusterSettings
from export.archive.documents import document
from export.store.world import DAY
from kube.scripted import FakeClock

NAMESPACE = "monitoring"
STATUS = '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"no","code":500}'


@pytest.fixture
async def server() -> AsyncIterator[SimulatedApiServer]:
    async with SimulatedApiServer() as running:
        yield running


class Writers:
    """Processes that keep their state on one server."""

    def __init__(self, server: SimulatedApiServer) -> None:
        self.server = server
        self.opened: list[ConfigMaps] = []

    def one(self, *, token: str | None = None, later: float = 0.0) -> ConfigMaps:
        clock = FakeClock()
        clock.time += later
        settings = ClusterSettings(api_url=self.server.url, token=token)
        self.opened.append(ConfigMaps(Client(Access(settings, clock), clock), NAMESPACE, clock=clock))
        return self.opened[-1]

    def maps(self) -> list[dict[str, Any]]:
        return self.server.cluster.objects("configmaps", NAMESPACE)

    def requests(self, verb: str) -> int:
        return len(self.server.journal.find(verb, "configmaps"))


@pytest.fixture
async def writers(server: SimulatedApiServer) -> AsyncIterator[Writers]:
    made = Writers(server)
    yield made
    for archive in made.opened:
        await archive.close()


def neighbours(count: int = 2) -> list[str]:
    """Return names of clusters that share one object."""
    found: dict[str, list[str]] = {}
    for number in range(1000):
        group = found.setdefault(slot(f"cluster-{number}")[0], [])
        group.append(f"cluster-{number}")
        if len(group) == count:
            return group
    raise AssertionError


async def test_the_process_makes_the_object_so_that_no_chart_resets_it_and_no_backup_carries_it(
    writers: Writers,
) -> None:
    archive = writers.one()
    assert await archive.load("prod") is None
    known = document(schedules=2)
    stored, size = await archive.save(known)
    assert stored == known
    [made] = writers.maps()
    assert made["metadata"]["labels"] == LABELS
    assert LABELS["velero.io/exclude-from-backup"] == "true"
    assert made["metadata"]["name"] == f"backup-sentinel-state-{slot('prod')[0]}"
    assert len(base64.b64decode(made["binaryData"][slot("prod")])) == size
    assert await writers.one().load("prod") == known
    await archive.save(document(schedules=1))
    assert (writers.requests("create"), writers.requests("patch")) == (1, 1)


async def test_an_object_that_was_deleted_is_made_again(writers: Writers) -> None:
    archive = writers.one()
    await archive.save(document(counted=1))
    [made] = writers.maps()
    writers.server.cluster.delete("configmaps", NAMESPACE, made["metadata"]["name"])
    await archive.save(document(counted=2))
    assert await writers.one().load("prod") == document(counted=2)


async def test_writers_of_neighbouring_clusters_do_not_disturb_each_other(writers: Writers) -> None:
    first, second = neighbours()
    one, other = writers.one(), writers.one()
    for number in (1, 2, 3):
        for archive, name in ((one, first), (other, second)):
            stored, _ = await archive.save(document(name, counted=number))
            assert stored == document(name, counted=number), "nothing was merged"
    assert await writers.one().load(first) == document(first, counted=3)
    assert await writers.one().load(second) == document(second, counted=3)
    assert len(writers.maps()) == 1


async def test_two_writers_of_one_cluster_merge(writers: Writers) -> None:
    one, other = writers.one(), writers.one()
    ahead, behind = document(schedules=2, counted=3), document(schedules=1, counted=1)
    assert await one.load("prod") is None
    assert await other.load("prod") is None
    await one.save(ahead)
    merged, _ = await other.save(behind)
    assert [stream.totals for stream in merged.streams] == [stream.totals for stream in ahead.streams]
    again, _ = await one.save(ahead)
    assert again.streams == merged.streams
    assert again == await writers.one().load("prod")


async def test_many_writers_at_once_all_get_through(writers: Writers) -> None:
    names = neighbours(5)
    await asyncio.gather(*(writers.one().save(document(name)) for name in names))
    assert [await writers.one().load(name) for name in names] == [document(name) for name in names]


async def test_a_write_whose_answer_was_lost_is_no_conflict_with_oneself(writers: Writers) -> None:
    archive = writers.one()
    await archive.save(document(counted=1))
    writers.server.faults.add(faults.CutBody(verb="patch", resource="configmaps", times=1))
    with pytest.raises(ApiError):
        await archive.save(document(counted=2))
    stored, _ = await archive.save(document(counted=3))
    assert stored == document(counted=3)


async def test_the_memory_of_another_cluster_is_refused_and_then_replaced(writers: Writers) -> None:
    await writers.one().save(document(counted=5))
    elsewhere = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "kube-system", "uid": "elsewhere"},
    }
    writers.server.cluster.put(elsewhere)
    archive = writers.one()
    with pytest.raises(ForeignStateError):
        await archive.load("prod")
    stored, _ = await archive.save(document(counted=1))
    assert stored == document(counted=1), "nothing foreign is merged"
    assert await writers.one().load("prod") == document(counted=1)


async def test_a_value_that_somebody_edited_is_corrupt_and_then_replaced(writers: Writers) -> None:
    await writers.one().save(document())
    [made] = writers.maps()
    for broken in ("not base64!", base64.b64encode(b"not gzip").decode()):
        writers.server.cluster.put({**made, "binaryData": {slot("prod"): broken}})
        archive = writers.one()
        with pytest.raises(CorruptStateError):
            await archive.load("prod")
        stored, _ = await archive.save(document())
        assert stored == document()


FAULTS: dict[str, Fault] = {
    "status with 200": faults.Body(text=STATUS),
    "empty body": faults.Body(text=""),
    "another kind of object": faults.Body(text='{"kind":"ConfigMap","metadata":{}}'),
    "html": faults.Body(text=HTML_PAGE, content_type="text/html"),
    "html with 404": faults.Body(text=HTML_PAGE, content_type="text/html", http=404),
    "unavailable": faults.Answer(code=503),
    "throttled": faults.Answer(code=429, retry_after=1),
    "reset": faults.Reset(),
    "cut": faults.CutBody(),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_trouble_of_the_server_is_an_error_and_not_an_empty_memory(name: str, writers: Writers) -> None:
    await writers.one().save(document(counted=2))
    archive = writers.one()
    with writers.server.faults.active(FAULTS[name]):
        with pytest.raises(SentinelError):
            await archive.load("prod")
        with pytest.raises(SentinelError):
            await archive.save(document(counted=3))
    assert await archive.load("prod") in {2: [document(counted=2)], 3: [document(counted=3)]}[2] + [
        document(counted=3)
    ]
    stored, _ = await archive.save(document(counted=3))
    assert stored == document(counted=3)


async def test_a_missing_right_is_told_with_what_is_missing(writers: Writers) -> None:
    writers.server.access.grants["system:anonymous"] = [Grant(resources=("namespaces",))]
    archive = writers.one()
    with pytest.raises(ApiError, match="configmaps"):
        await archive.load("prod")
    with pytest.raises(ApiError, match="configmaps"):
        await archive.save(document())
    writers.server.access.grants.clear()
    await archive.save(document())


async def test_a_thousand_schedules_fit(writers: Writers) -> None:
    known = document(schedules=1000)
    _, size = await writers.one().save(known)
    assert size < LIMIT / 7
    assert await writers.one().load("prod") == known


async def test_a_state_that_cannot_fit_is_refused_before_it_is_sent(
    writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backup_sentinel.export.archive.configmaps.LIMIT", 500)
    with pytest.raises(ConfigMapError, match="a ConfigMap holds 500"):
        await writers.one().save(document(schedules=3))
    assert not writers.maps()
    assert LIMIT == 1048576


def fill(writers: Writers, *, spare: int) -> None:
    """Leave room for so many more bytes in the one ConfigMap there is, with what no clock tells the age of."""
    [made] = writers.maps()
    data = made["binaryData"]
    held = sum(len(base64.b64decode(text)) for text in data.values())
    full = {**data, "f" * 40: base64.b64encode(b"\0" * (LIMIT - held - spare)).decode()}
    writers.server.cluster.put({**made, "binaryData": full})


async def test_in_a_full_object_clusters_that_nobody_wrote_for_long_make_room(
    writers: Writers, caplog: pytest.LogCaptureFixture
) -> None:
    old, quiet, fresh = neighbours(3)
    await writers.one().save(document(old))
    await writers.one(later=DAY).save(document(quiet))
    fill(writers, spare=10)
    writer = writers.one(later=KEPT + 2 * DAY - 60)
    with caplog.at_level("INFO"):
        stored, _ = await writer.save(document(fresh, counted=2))
    assert stored == document(fresh, counted=2)
    reader = writers.one()
    assert await reader.load(fresh) == stored
    assert await reader.load(old) is None
    assert await reader.load(quiet) is None
    [made] = writers.maps()
    assert "f" * 40 in made["binaryData"], "what does not say when it was written stays"
    assert "was not written for 90 days made room for others: 2" in caplog.text


async def test_a_full_object_of_clusters_that_are_written_is_told_and_nothing_is_lost(
    writers: Writers,
) -> None:
    old, fresh = neighbours()
    await writers.one().save(document(old))
    fill(writers, spare=10)
    with pytest.raises(ApiError, match="Too long"):
        await writers.one(later=KEPT).save(document(fresh))
    assert await writers.one().load(old) == document(old)
    assert writers.requests("patch") == 1


async def test_what_is_old_stays_where_there_is_room(writers: Writers) -> None:
    old, fresh = neighbours()
    await writers.one().save(document(old))
    fill(writers, spare=LIMIT // 2)
    await writers.one(later=10 * KEPT).save(document(fresh))
    assert await writers.one().load(old) == document(old)


async def test_a_refusal_for_another_reason_costs_nothing(writers: Writers) -> None:
    old, fresh = neighbours()
    await writers.one().save(document(old))
    with (
        writers.server.faults.active(faults.Answer(code=422, verb="patch")),
        pytest.raises(ApiError),
    ):
        await writers.one(later=10 * KEPT).save(document(fresh))
    assert await writers.one().load(old) == document(old)


async def test_five_hundred_clusters_spread_over_sixteen_objects(writers: Writers) -> None:
    names = [f"cluster-{number:03}" for number in range(500)]
    assert max(Counter(slot(name)[0] for name in names).values()) < 60
    archive = writers.one()
    for name in names:
        await archive.save(SavedCluster(version=1, cluster=name))
    assert len(writers.maps()) == 16
    writers.server.journal.clear()
    fresh = writers.one()
    found = await asyncio.gather(*(fresh.load(name) for name in names))
    assert [known.cluster for known in found if known is not None] == names
    assert writers.requests("get") == 16, "those who ask at once share one answer"


async def test_which_object_holds_a_cluster_depends_on_its_name_only(writers: Writers) -> None:
    names = [f"cluster-{number}" for number in range(40)]
    for shard in range(4):
        archive = writers.one()
        for name in names[shard::4]:
            await archive.save(SavedCluster(version=1, cluster=name))
    whole = writers.one()
    assert [await whole.load(name) is not None for name in names] == [True] * 40
    assert len(writers.maps()) == len({slot(name)[0] for name in names})
