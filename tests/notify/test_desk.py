"""Whatever goes wrong on the way, each failure reaches each channel, and none twice in a UTC day."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_sentinel.notify.record import Record
from backup_sentinel.notify.settings import Change
from export.store.world import DAY, FAILED, HOUR, MINUTE, PARTIAL, key, run, schedule
from notify.life import CHANNELS, WEEKLY, Life, Step

STEPS = st.lists(
    st.builds(
        Step,
        hours=st.sampled_from([0.02, 0.25, 1.0, 1.0, 1.0, 5.0, 11.0]),
        failures=st.lists(st.floats(0.0, 1.0), max_size=2).map(tuple),
        down=st.sets(st.sampled_from(CHANNELS)).map(frozenset),
        away=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from(["daily", "never"]))
def test_nothing_is_lost_and_nothing_is_told_twice_in_a_day(steps: list[Step], repeat: str) -> None:
    life = Life(repeat=repeat)
    life.look()
    for step in steps:
        life.live(step)
    life.live(Step(0.5, (), frozenset(), away=False))
    for channel in CHANNELS:
        assert {name.rpartition("/")[2] for name in life.names(channel)} == {one.name for one in life.runs}
        if repeat == "never":
            assert len(set(life.names(channel))) == len(life.names(channel))
    assert max(Counter(life.told).values(), default=0) <= 1


class TestRecovery:
    def test_it_is_told_to_everybody_whom_the_failure_was_told(self) -> None:
        life = Life(states=(Change.FAILED, Change.RECOVERED))
        life.live(Step(1, (0.5,), frozenset(), away=False))
        assert Counter(channel for channel, _, _ in life.told) == {"mail": 1, "chat": 1}
        life.runs.append(run(life.world.now + 5 * MINUTE))
        life.live(Step(1, (), frozenset({"chat"}), away=False))
        life.live(Step(1, (), frozenset(), away=True))
        life.live(Step(1, (), frozenset(), away=False))
        recovered = [channel for channel, name, _ in life.told if name.endswith("/recovered")]
        assert sorted(recovered) == ["chat", "mail"]
        assert Record.read(life.saved).open == {}

    def test_where_nobody_wants_it_nothing_is_kept_open(self) -> None:
        life = Life()
        life.live(Step(1, (0.5,), frozenset(), away=False))
        life.runs.append(run(life.world.now + 5 * MINUTE))
        life.live(Step(1, (), frozenset(), away=False))
        assert len(life.told) == 2
        assert Record.read(life.saved).open == {}

    def test_a_schedule_that_is_gone_ends_it_in_silence(self) -> None:
        life = Life(states=(Change.FAILED, Change.RECOVERED))
        life.live(Step(1, (0.5,), frozenset(), away=False))
        life.world.list("schedule")
        life.world.list("run", *life.runs)
        life.world.now += HOUR
        life.look()
        assert len(life.told) == 2
        assert Record.read(life.saved).open == {}


class TestTolerance:
    @pytest.mark.parametrize(("failures", "told"), [(1, 0), (2, 2)])
    def test_so_many_failures_in_a_row_as_are_tolerated(self, failures: int, told: int) -> None:
        life = Life()
        ends = [life.world.now + number * 10 * MINUTE for number in range(1, failures + 1)]
        life.runs = [run(end - MINUTE, FAILED, ended=end) for end in ends]
        life.world.now += HOUR
        life.world.list("schedule", schedule(WEEKLY, failures_tolerated=2))
        life.world.list("run", *life.runs)
        life.look()
        assert len(life.names("mail")) == told


def test_a_partial_run_after_a_failed_one_is_told_beside_it() -> None:
    life = Life(states=(Change.FAILED, Change.PARTIAL))
    start = life.world.now
    life.runs = [
        run(start + 10 * MINUTE, FAILED, ended=start + 11 * MINUTE, name="bad"),
        run(start + 20 * MINUTE, PARTIAL, ended=start + 21 * MINUTE, name="poor"),
    ]
    life.live(Step(1, (), frozenset(), away=False))
    assert {name.rpartition("/")[2] for name in life.names("mail")} == {"bad", "poor"}


def test_clusters_that_are_gone_are_forgotten() -> None:
    life = Life()
    life.look()
    assert set(Record.read(life.saved).looked) == {"prod"}
    life.world.store.remove_cluster("prod")
    life.world.now += 6 * DAY
    life.look()
    assert set(Record.read(life.saved).looked) == {"prod"}
    life.world.now += 2 * DAY
    life.look()
    assert set(Record.read(life.saved).looked) == set()


def test_a_cluster_that_is_still_being_read_is_left_to_the_next_look() -> None:
    life = Life()
    late = key(cluster="late")
    bad = run(life.world.now - MINUTE, FAILED, of=late, ended=life.world.now)
    life.world.list(life.world.feed("run", cluster="late"), bad, complete=False)
    life.look()
    assert life.told == []
    life.world.list(life.world.feed("run", cluster="late"), bad)
    life.world.now += HOUR
    life.look()
    assert len(life.told) == 2
