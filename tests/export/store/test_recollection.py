"""What an earlier process saved is taken over a step at a time; whatever happens between two steps, the end is the same."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.export.store import SavedCluster, Store
from backup_sentinel.export.store.recollection import FEW
from backup_sentinel.model import Run

from .test_sampled import sampled, snapshot
from .world import DAY, FAILED, HOUR, MONDAY, RUNNING, World, key, location, run, schedule

COUNT = 3 * FEW
LATER = MONDAY + 2 * DAY

Seen = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def name(number: int) -> str:
    return f"daily-{number:02}"


def good(number: int, at: float, outcome: Any = None, **more: Any) -> Run:
    return run(at, *([outcome] if outcome else []), of=key(name(number)), **more)


def volume_of(target: str, at: float) -> Run:
    return run(at, of=key(name(4), target=target), name=f"{target}-{at:.0f}")


def world(now: float) -> World:
    made = World()
    made.now = now
    made.store = Store(ExportSettings(), lambda: made.now, durable=True)
    for word in ("schedule", "location", "run"):
        made.feed(word)
    return made


@pytest.fixture(scope="module")
def before() -> SavedCluster:
    """What a process saved that watched schedules with a run each, of which one has not ended."""
    first = world(MONDAY)
    first.store.remember(SavedCluster(version=1, cluster="prod"))
    first.start(location(), *(schedule(of=key(name(number)), paused=number == 3) for number in range(COUNT)))
    first.now = MONDAY + 3 * HOUR
    for number in range(COUNT):
        if number != 4:
            first.put(good(number, first.now, RUNNING))
        if number not in {0, 4}:
            first.put(good(number, first.now))
    first.put(volume_of("a", first.now), volume_of("b", first.now))
    document = first.store.save("prod")
    assert len(document.streams) == COUNT + 2
    return document


def news(later: World) -> list[Callable[[], None]]:
    """Return what the next process is told: two schedules and an open run are gone, others are new, and one of the schedules comes back."""
    schedules = [schedule(of=key(name(number)), paused=number == 3) for number in range(COUNT + 1)]
    gone = [schedules.pop(6), schedules.pop(2)]
    at = MONDAY + 3 * HOUR
    runs = [good(number, at) for number in range(1, COUNT) if number not in {2, 4, 6}]
    runs += [volume_of("a", at), volume_of("b", at), volume_of("c", at + DAY)]
    runs += [good(1, at + DAY, FAILED), good(COUNT - 1, at + DAY), good(COUNT, at + DAY)]
    half = len(runs) // 2
    return [
        lambda: later.list("location", location()),
        lambda: later.list("schedule", *schedules),
        later.store.tick,
        lambda: later.list("run", *runs[:half], complete=False),
        lambda: later.list("run", *runs[half:], first=False),
        lambda: later.put(good(5, LATER - HOUR, FAILED)),
        lambda: later.put(gone[1]),
    ]


def seen(at: World) -> Seen:
    """Return what is shown; counters as if they were saved."""
    at.store.saved(at.store.save("prod"))
    return {(family, labels): value for family, labels, value in at.scrape()}


def counters(at: World) -> Seen:
    return {
        (family, labels): value for family, labels, value in at.scrape() if family == "kube_backup_runs_total"
    }


@pytest.fixture(scope="module")
def expected(before: SavedCluster) -> Seen:
    plain = world(LATER)
    plain.store.remember(before)
    for tell in news(plain):
        tell()
    return seen(plain)


def test_what_is_expected_is_right(expected: Seen) -> None:
    totals = {
        (dict(labels)["schedule"], dict(labels).get("target", ""), dict(labels)["outcome"]): value
        for (family, labels), value in expected.items()
        if family == "kube_backup_runs_total" and value
    }
    once = {(name(number), "", "succeeded"): 1.0 for number in range(1, COUNT) if number not in {4, 6}}
    assert totals == once | {
        (name(0), "", "unknown"): 1,
        (name(1), "", "failed"): 1,
        (name(4), "a", "succeeded"): 1,
        (name(4), "b", "succeeded"): 1,
        (name(4), "c", "succeeded"): 1,
        (name(5), "", "failed"): 1,
        (name(COUNT - 1), "", "succeeded"): 2,
        (name(COUNT), "", "succeeded"): 1,
    }
    shown = {(family, dict(labels).get("schedule")) for family, labels in expected}
    assert ("kube_backup_schedule_deleted_timestamp_seconds", name(6)) in shown
    assert ("kube_backup_schedule_paused_since_timestamp_seconds", name(3)) in shown


@pytest.mark.parametrize("seed", range(30))
def test_the_end_is_the_same_whenever_things_happen(seed: int, before: SavedCluster, expected: Seen) -> None:
    later = world(LATER)
    chance = random.Random(seed)
    pending = news(later)
    count = sum(1 for _ in world(LATER).store.remembering(before)) + 1
    at = sorted(chance.choice((0, count, chance.randint(0, count))) for _ in pending)
    taking = later.store.remembering(before)
    for step in range(count + 1):
        while at and at[0] == step:
            del at[0]
            pending.pop(0)()
        next(taking, None)
        for sample, value in counters(later).items():  # some may be missing, none may be too small
            assert sample not in expected or value in {expected[sample], expected[sample] - 1}, sample
    assert not pending
    assert next(taking, None) is None
    assert seen(later) == expected


def test_no_promise_is_judged_before_everything_is_remembered(before: SavedCluster) -> None:
    later = world(LATER)
    later.list("location", location())
    later.list("schedule", *(schedule(of=key(name(number))) for number in range(COUNT)))
    promises = {"schedule_deadline", "schedule_next_due"}
    for _ in later.store.remembering(before):
        assert not promises & later.families()
        assert not later.store.recalled("prod")
    assert promises <= later.families()
    assert later.store.recalled("prod")


def test_objects_that_show_the_newest_run_alone_are_not_counted_afterwards() -> None:
    """They may have been listed before it was known what was saved."""
    first = world(MONDAY)
    first.store.remember(SavedCluster(version=1, cluster="prod"))
    first.start(schedule(), sampled(MONDAY), snapshot(MONDAY))
    later = world(LATER)
    later.start(schedule(), sampled(MONDAY + DAY), snapshot(MONDAY), snapshot(MONDAY + DAY))
    later.store.remember(first.store.save("prod"))
    assert {value for (family, _), value in seen(later).items() if family == "kube_backup_runs_total"} == {0}


def test_a_step_is_short(before: SavedCluster) -> None:
    assert sum(1 for _ in world(LATER).store.remembering(before)) >= len(before.streams) // FEW
