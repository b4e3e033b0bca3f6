"""What is saved of a store comes back from the bytes, and documents that are of no use are told apart."""

import gzip

import msgspec
import pytest

from backup_sentinel.export.archive.envelope import (
    CorruptStateError,
    ForeignStateError,
    pack,
    slot,
    unpack,
    written,
)
from backup_sentinel.export.store import SavedCluster
from backup_sentinel.model import Outcome
from export.archive.documents import Durable, document, told
from export.store.world import DAY, HOUR, MONDAY, PARTIAL, key, location, run, schedule

HOME = "0b5e7b2a-kube-system"


def packed(change: dict[str, object]) -> bytes:
    inside = {**msgspec.to_builtins(document()), **change}
    return gzip.compress(msgspec.json.encode({"home": HOME, "document": inside}), mtime=0)


def test_a_document_comes_back_as_it_was() -> None:
    known = document(schedules=3)
    body = pack(known, HOME)
    assert unpack(body, HOME, "prod") == known
    assert pack(known, HOME) == body, "equal documents give equal bytes"
    dated = pack(known, HOME, 1_700_000_000.9)
    assert (unpack(dated, HOME, "prod"), written(dated[:9])) == (known, 1_700_000_000.0)
    assert [written(other) for other in (body, b"", dated[:2], b"PK" + dated[2:])] == [None] * 4


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        pack(document(), HOME)[:-20],
        pack(document(), HOME)[:40] + b"\0" * 40,
        gzip.compress(b"null", mtime=0),
        gzip.compress(b'{"home":"","document":{"version":1}}', mtime=0),
        gzip.compress(b"[" * 100_000, mtime=0),
        gzip.compress(b"\xff\xfe", mtime=0),
        packed({"version": 0}),
        packed({"version": 2, "streams": "of another form"}),
        packed({"streams": [{"key": 7}]}),
    ],
    ids=range(11),
)
def test_older_newer_and_broken_documents_are_corrupt(body: bytes) -> None:
    with pytest.raises(CorruptStateError, match=r"version|cannot be read"):
        unpack(body, HOME, "prod")


def test_fields_of_a_later_release_are_left_alone() -> None:
    assert unpack(packed({"novelty": [1]}), HOME, "prod") == document()


@pytest.mark.parametrize(("home", "cluster"), [("another", "prod"), ("", "prod"), (HOME, "staging")])
def test_the_memory_of_another_cluster_is_foreign(home: str, cluster: str) -> None:
    with pytest.raises(ForeignStateError, match="another cluster"):
        unpack(pack(document(), HOME), home, cluster)


@pytest.mark.parametrize(
    "name", ["", "prod", "../../etc/passwd", "a/b\\c:d", "\0", "x" * 10_000, "生产", "\ud800"]
)
def test_any_name_of_a_cluster_gives_a_plain_slot(name: str) -> None:
    assert len(slot(name)) == 40
    assert set(slot(name)) <= set("0123456789abcdef")


def test_objects_that_promise_several_schedules_are_remembered_as_objects() -> None:
    several = [schedule(of=key(f"tree/{part}"), name=f"tree/{part}") for part in ("daily", "weekly")]
    world = Durable()
    world.start()
    world.list("schedule", told("tree", *several))
    again = Durable(world.save(), world.now + HOUR)
    shown = again.families(schedule="tree/daily")
    assert "schedule_next_due" in shown
    again.list("schedule", told("tree", *several))
    assert again.families(schedule="tree/daily") == shown
    again.list("schedule")
    assert again.value("schedule_deleted", schedule="tree/weekly") == world.now + HOUR


def test_an_invalid_schedule_is_still_invalid_before_the_first_list() -> None:
    world = Durable()
    world.start()
    world.list("schedule", told("daily", schedule("every now and then")))
    assert Durable(world.save()).value("schedule_valid") == 0


def test_a_schedule_that_is_made_again_with_another_cron_after_a_restart_has_changed() -> None:
    world = Durable()
    world.start()
    world.list("schedule", told("daily", schedule()))
    world.list("schedule")
    again = Durable(world.save(), world.now + DAY)
    again.list("schedule", told("daily", schedule("0 5 * * 0", created=again.now)))
    [stream] = again.store.save("prod").streams
    assert stream.cron_changed == again.now


def test_a_partial_run_that_was_a_recovery_point_stays_one() -> None:
    world = Durable()
    world.start(schedule(), location(), run(MONDAY, PARTIAL, failed_volumes=0.0))
    before = world.value("last_recovery_point")
    assert before == MONDAY
    assert Durable(world.save()).value("last_recovery_point") == before


def test_sizes_and_failures_in_a_row_outlive_the_process() -> None:
    world = Durable()
    runs = [run(MONDAY + day * DAY, size=100.0 + day) for day in range(8)]
    failed = [run(MONDAY + day * DAY, Outcome.FAILED) for day in (9, 10)]
    world.start(schedule(), *runs, *failed)
    again = Durable(world.save())
    assert again.value("size_baseline_bytes") == world.value("size_baseline_bytes") == 103.0
    assert again.value("consecutive_failures") == 2


def test_equal_states_give_equal_documents() -> None:
    world = Durable()
    world.start(schedule(), run(MONDAY))
    first = world.save()
    again = Durable(first)
    assert again.save() == first, "what was not changed is not written"


def test_nothing_is_counted_in_public_before_it_is_known_what_was() -> None:
    world = Durable()
    fresh = type(world.store)(world.store.settings, lambda: world.now, durable=True)
    world.store = fresh
    world.start(schedule(), run(MONDAY))
    world.put(run(MONDAY + HOUR))
    assert not world.found("runs_total")
    world.store.remember(SavedCluster(version=1, cluster="prod"))
    assert world.value("runs_total", outcome="succeeded") == 0
    world.save()
    assert world.value("runs_total", outcome="succeeded") == 1
