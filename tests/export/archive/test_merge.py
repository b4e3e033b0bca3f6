"""Two documents of one cluster become one without loss, in whatever order."""

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backup_sentinel.export.store import SavedCluster, merge
from backup_sentinel.export.store.ledger import MARGIN, mark_of
from backup_sentinel.export.store.memory import Rank, Success
from backup_sentinel.export.store.saved import SavedFeed, SavedObject, SavedStream
from backup_sentinel.export.store.union import merge_streams
from backup_sentinel.model import FINISHED, Outcome
from export.archive.documents import Durable
from export.store.world import HOUR, MONDAY, RUNNING, key, run, schedule

patient = settings(suppress_health_check=[HealthCheck.too_slow])
"""Whole documents are much to draw, and the machine may be busy."""

INSTANTS = (
    "unpaused",
    "cron_changed",
    "last_restore_success",
    "last_attempt",
    "last_success",
    "last_partial",
    "last_failure",
    "recovery",
    "longest",
    "floor",
)
TIMES = st.integers(1, 30).map(lambda hour: MONDAY + hour * 100.0)
MAYBE = st.none() | TIMES
MARKS = st.integers(1, 12)


def named(at: float) -> Rank:
    return at, ("velero", f"run-{at:.0f}")


@st.composite
def streams(draw: st.DrawFn, floor: float | None = None) -> SavedStream:
    """Make a stream as a process could have saved it."""
    floor = floor if floor is not None else draw(MAYBE)
    good = draw(st.tuples(MAYBE, MAYBE))
    newest_good = max((named(at) for at in good if at is not None), default=None)
    unpaused, paused = draw(MAYBE), draw(MAYBE)
    counted = draw(st.dictionaries(MARKS, TIMES.filter(lambda at: floor is None or at > floor), max_size=4))
    outcomes = {
        mark: draw(st.sampled_from(sorted(FINISHED))) for mark in sorted(counted) if draw(st.booleans())
    }
    settled = draw(st.dictionaries(st.sampled_from(sorted(FINISHED)), st.integers(1, 5), max_size=3))
    for outcome in outcomes.values():
        settled[outcome] = settled.get(outcome, 0) + 1
    going = [run(at, RUNNING) for at in draw(st.lists(TIMES, max_size=2, unique=True))]
    marks = {mark_of(one): one.clock or 0.0 for one in going} | draw(
        st.dictionaries(MARKS, TIMES, max_size=2)
    )
    sizes = draw(st.dictionaries(TIMES, st.none() | st.floats(1, 9), max_size=3))
    finished = draw(st.none() | TIMES.map(run))
    return SavedStream(
        key=key(),
        rhythm=draw(st.none() | st.sampled_from([(("0 1 * * *",), None), (("0 2 * * *",), "Europe/Rome")])),
        created=draw(MAYBE),
        deleted=draw(MAYBE),
        paused_since=paused if paused is not None and (unpaused is None or paused > unpaused) else None,
        unpaused=unpaused,
        cron_changed=draw(MAYBE),
        default_location=draw(st.sampled_from([None, "aws", "minio"])),
        last_restore_success=draw(MAYBE),
        tallied=draw(st.booleans()),
        last_attempt=draw(MAYBE),
        last_success=good[0],
        last_partial=good[1],
        last_failure=draw(MAYBE),
        recovery=draw(MAYBE),
        longest=draw(MAYBE),
        newest=finished,
        good=newest_good,
        failures=sorted(
            draw(
                st.sets(
                    TIMES.map(named).filter(lambda rank: newest_good is None or rank > newest_good),
                    max_size=3,
                )
            )
        ),
        successes=[Success(*named(at), sizes[at], None) for at in sorted(sizes)],
        floor=floor,
        open={mark: marks[mark] for mark in sorted(marks.keys() - counted.keys())},
        running=sorted(going, key=lambda one: (one.clock or 0.0, one.name)),
        counted=dict(sorted(counted.items())),
        outcomes=outcomes,
        totals={outcome: settled[outcome] for outcome in sorted(settled)},
    )


SAME = streams(floor=MONDAY)


@patient
@given(streams(), streams())
def test_the_order_does_not_matter(one: SavedStream, other: SavedStream) -> None:
    assert merge_streams(one, other) == merge_streams(other, one)


@patient
@given(streams())
def test_a_document_adds_nothing_to_itself(one: SavedStream) -> None:
    assert merge_streams(one, one) == one


@patient
@given(SAME, SAME, SAME)
def test_neither_does_the_grouping(one: SavedStream, two: SavedStream, three: SavedStream) -> None:
    left = merge_streams(merge_streams(one, two), three)
    right = merge_streams(one, merge_streams(two, three))
    # Runs that were told with different outcomes stay counted under each, of pauses the first after the end of the
    # last one counts, and the cron of who saw it change last: that depends on who met whom first.
    loose = {"totals", "outcomes", "paused_since", "rhythm"}
    names = [field.name for field in msgspec.structs.fields(SavedStream) if field.name not in loose]
    assert [getattr(left, name) for name in names] == [getattr(right, name) for name in names]


@patient
@given(streams(), streams())
def test_nothing_goes_down(one: SavedStream, other: SavedStream) -> None:
    merged = merge_streams(one, other)
    for before in (one, other):
        for name in INSTANTS:
            told = getattr(before, name)
            assert told is None or getattr(merged, name) >= told, name
        assert all(merged.totals[outcome] >= total for outcome, total in before.totals.items())
        assert not set(merged.open) & before.counted.keys(), "what one has counted is open no more"
        assert before.created is None or (merged.created or 0) <= before.created


@patient
@given(streams(), streams())
def test_a_counter_is_at_most_the_sum(one: SavedStream, other: SavedStream) -> None:
    merged = merge_streams(one, other)
    assert all(
        total <= one.totals.get(outcome, 0) + other.totals.get(outcome, 0)
        for outcome, total in merged.totals.items()
    )


def test_schedules_that_exist_are_not_deleted() -> None:
    stream = SavedStream(key=key(), deleted=MONDAY)
    promised = SavedFeed(
        operator="velero", resource="schedules", objects=[SavedObject("velero", "daily", [schedule()])]
    )
    one = SavedCluster(version=1, cluster="prod", streams=[stream])
    other = SavedCluster(version=1, cluster="prod", streams=[stream], feeds=[promised])
    assert [known.deleted for known in merge(one, one).streams] == [MONDAY]
    assert [known.deleted for known in merge(one, other).streams] == [None]
    assert merge(one, other).feeds == [promised]


@settings(patient, max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "other", "both"]),
            st.sampled_from(["ended", "opened first", "deleted while open"]),
            st.sampled_from(["", "one", "other"]),
        ),
        max_size=12,
    )
)
def test_two_writers_lose_nothing_and_count_nothing_twice(  # noqa: C901 - one story of two
    events: list[tuple[str, str, str]],
) -> None:
    writers = {name: Durable() for name in ("one", "other")}
    for world in writers.values():
        world.start(schedule())
    archived = SavedCluster(version=1, cluster="prod")

    def save(name: str) -> None:
        nonlocal archived
        archived = merge(writers[name].store.save("prod"), archived)
        writers[name].store.remember(archived)
        writers[name].store.saved(archived)

    step = MARGIN / 20
    for number, (seer, how, saver) in enumerate(events):
        one = run(MONDAY + HOUR + number * step)
        for name, world in writers.items():
            if seer not in {name, "both"}:
                continue
            if how != "ended":
                world.put(run(one.created or 0.0, RUNNING))
            if how == "deleted while open":
                world.drop(run(one.created or 0.0, RUNNING))
            else:
                world.put(run(one.created or 0.0))
        if saver:
            save(saver)
    for name in ("one", "other", "one"):
        save(name)
    lost = sum(how == "deleted while open" for _, how, _ in events)
    wanted: dict[str, Any] = {Outcome.SUCCEEDED: len(events) - lost, Outcome.UNKNOWN: lost}
    for world in (*writers.values(), Durable(archived)):
        assert world.totals() == {outcome: total for outcome, total in wanted.items() if total}


def test_a_long_run_that_ended_below_the_watermark_is_not_opened_again_by_an_old_document() -> None:
    world = Durable()
    world.start(schedule())
    world.put(run(MONDAY, RUNNING))
    for hour in (1, 2, 3):
        world.put(run(MONDAY + hour * HOUR))
    old = world.save()
    world.put(run(MONDAY))
    merged = merge(world.store.save("prod"), old)
    again = Durable(merged)
    again.list("run", run(MONDAY), *(run(MONDAY + hour * HOUR) for hour in (1, 2, 3)))
    again.save()
    assert again.totals() == {"succeeded": 4}


def test_a_long_run_that_one_writer_has_dealt_with_is_not_opened_again_by_one_that_saw_nothing_of_it() -> (
    None
):
    """The other was cut off from the cluster while the run ended, and then for longer than what was counted is kept."""
    hours = [run(MONDAY + hour * HOUR) for hour in (1, 2, 3)]
    busy, blind = Durable(), Durable()
    for world in (busy, blind):
        world.start(schedule())
        world.put(run(MONDAY, RUNNING))
    busy.put(run(MONDAY), *hours)
    busy.list("run", run(MONDAY), *hours)
    archived = merge(blind.store.save("prod"), busy.save())
    blind.store.remember(archived)
    blind.list("run", run(MONDAY), *hours)
    archived = merge(blind.save(), archived)
    assert blind.totals() == {"succeeded": 4}
    busy.store.remember(archived)
    busy.drop(run(MONDAY))
    busy.save()
    assert busy.totals() == {"succeeded": 4}


def test_a_long_run_that_one_writer_saw_end_and_the_other_found_in_a_list_is_counted_once() -> None:
    """The one keeps in mind what ended below its watermark, the other has closed its books over both."""
    long, short = run(MONDAY), run(MONDAY + HOUR)
    watching, listing = Durable(), Durable()
    for world in (watching, listing):
        world.start(schedule())
        world.put(run(MONDAY, RUNNING), run(MONDAY + HOUR, RUNNING))
    watching.put(short, long)
    listing.list("run", short, long)
    merged = merge(watching.save(), listing.save())
    assert merged.streams[0].totals == {"succeeded": 2}
    assert merge(merged, listing.save()).streams[0].totals == {"succeeded": 2}


def test_long_runs_that_each_writer_alone_saw_end_are_both_counted() -> None:
    """Neither has dealt with what is still open in its books."""
    one, other = Durable(), Durable()
    for world in (one, other):
        world.start(schedule())
        world.put(run(MONDAY, RUNNING), run(MONDAY + 60, RUNNING), run(MONDAY + HOUR))
    one.put(run(MONDAY))
    other.put(run(MONDAY + 60))
    merged = merge(one.save(), other.save())
    assert merged.streams[0].totals == {"succeeded": 3}
    assert not merged.streams[0].open
