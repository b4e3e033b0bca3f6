"""What is told apart: things of one name, things of one second, and what begins anew after it was over."""

from __future__ import annotations

from typing import Any

import pytest

from backup_sentinel.export.overview.state import State, judge
from backup_sentinel.model import Outcome, Run
from backup_sentinel.notify.incident import Incident
from backup_sentinel.notify.record import Record, entries
from backup_sentinel.notify.settings import Change
from backup_sentinel.notify.wording import alert
from export.store.world import (
    DAY,
    FAILED,
    HOUR,
    MINUTE,
    MONDAY,
    PARTIAL,
    RUNNING,
    SUCCEEDED,
    key,
    run,
    schedule,
)
from notify.life import HOURLY, Looks


def failed(ended: float, **more: Any) -> Run:
    return run(ended - MINUTE, FAILED, ended=ended, **more)


def states(told: list[Incident]) -> list[tuple[str, bool]]:
    """Return what was told: the change, and whether it is over."""
    return sorted((one.change.value, one.over is not None) for one in told)


class TestOneName:
    def test_runs_of_one_name_in_two_namespaces_recover_each(self) -> None:
        keys = [key(), key(namespace="velero-2")]
        looks = Looks(*(schedule("0 3 * * 1", of=one) for one in keys))
        bad = [failed(looks.world.now, of=one, name="nightly-1") for one in keys]
        assert len(looks.look(*bad)) == 2
        good = [run(looks.world.now + MINUTE, of=one, name="nightly-2") for one in keys]
        assert states(looks.look(*bad, *good, after=HOUR)) == [("failed", True)] * 2
        assert looks.record.open == {}

    def test_one_of_them_recovers_later(self) -> None:
        keys = [key(), key(namespace="velero-2")]
        looks = Looks(*(schedule("0 3 * * 1", of=one) for one in keys))
        bad = [failed(looks.world.now, of=one, name="nightly-1") for one in keys]
        looks.look(*bad)
        first = run(looks.world.now + MINUTE, of=keys[0], name="nightly-2")
        assert states(looks.look(*bad, first, after=HOUR)) == [("failed", True)]
        second = run(looks.world.now + MINUTE, of=keys[1], name="nightly-2")
        assert states(looks.look(*bad, first, second, after=HOUR)) == [("failed", True)]

    def test_a_run_that_was_deleted_and_made_again_under_its_name_is_another_one(self) -> None:
        looks = Looks()
        by_hand = key("")
        assert len(looks.look(failed(looks.world.now, of=by_hand, name="before-upgrade"))) == 1
        assert looks.look(after=20 * MINUTE) == []
        again = failed(looks.world.now + HOUR - MINUTE, of=by_hand, name="before-upgrade")
        assert len(looks.look(again, after=HOUR)) == 1
        assert looks.look(again, after=MINUTE) == []

    def test_clocks_that_differ_a_little_make_no_other_run(self) -> None:
        looks = Looks()
        ahead = failed(looks.world.now + 5 * MINUTE, name="run-a")
        assert len(looks.look(ahead)) == 1
        assert looks.look(ahead, after=MINUTE) == []
        assert looks.look(ahead, after=10 * MINUTE) == []

    def test_what_another_alerter_told_on_a_day_counts_for_all_of_the_day(self) -> None:
        looks = Looks()
        looks.saved = {"sent": '["prod:velero/velero/run-a:2026-03-02"]'}
        assert looks.look(failed(looks.world.now, name="run-a")) == []


class TestOneSecond:
    def test_fingerprints_of_runs_of_one_name_differ(self) -> None:
        looks = Looks()
        spaces = [key("", namespace="a"), key("", namespace="b")]
        told = looks.look(*(failed(looks.world.now, of=one, name="run-a") for one in spaces))
        assert len({alert(one).fingerprint for one in told}) == 2

    def test_each_run_that_was_told_is_told_to_be_over(self) -> None:
        looks = Looks(schedule(HOURLY), states=(Change.FAILED, Change.RECOVERED))
        first, second = failed(looks.world.now, name="run-a"), failed(looks.world.now, name="run-b")
        begun = looks.look(first, second)
        third = failed(looks.world.now + HOUR, name="run-c")
        begun += looks.look(first, second, third, after=HOUR)
        good = run(looks.world.now + MINUTE, name="run-d")
        over = looks.look(first, second, third, good, after=HOUR)
        assert {one.run for one in over} == {"run-a", "run-b", "run-c"}
        assert {alert(one).fingerprint for one in over} == {alert(one).fingerprint for one in begun}
        assert looks.record.open == {}

    def test_of_very_many_runs_of_one_schedule_the_newest_are_told_to_be_over(self) -> None:
        looks = Looks(schedule(HOURLY), states=(Change.FAILED, Change.RECOVERED))
        bad = [failed(looks.world.now - number, name=f"run-{number:02}") for number in range(30)]
        assert len(looks.look(*bad)) == 30
        over = looks.look(*bad, run(looks.world.now + MINUTE, name="good"), after=HOUR)
        assert {one.run for one in over} == {f"run-{number:02}" for number in range(10)}
        assert looks.record.open == {}

    def test_a_failure_is_over_with_the_success_whose_name_comes_after_it(self) -> None:
        looks = Looks()
        second = looks.world.now - MINUTE
        bad = run(second, FAILED, ended=looks.world.now, name="run-b")
        assert states(looks.look(bad)) == [("failed", False)]
        assert looks.look(bad, run(second, name="run-a"), after=MINUTE) == []
        good = run(second, name="run-c")
        assert states(looks.look(bad, good, after=MINUTE)) == [("failed", True)]


class TestTolerated:
    @pytest.mark.parametrize(("failures", "told"), [(1, 0), (2, 2)])
    def test_what_is_over_already_is_told_if_there_were_enough_in_a_row(
        self, failures: int, told: int
    ) -> None:
        looks = Looks(schedule(HOURLY, failures_tolerated=2))
        begun = looks.world.now
        bad = [failed(begun + number * MINUTE, name=f"run-{number}") for number in range(failures)]
        before, after = run(begun - HOUR, name="before"), run(begun + HOUR, name="after")
        assert states(looks.look(before, *bad, after, after=HOUR + MINUTE)) == [("failed", True)] * told


class TestOverdue:
    def test_twice_on_one_day_with_an_end_between_is_told_twice(self) -> None:
        looks = Looks(schedule(HOURLY))
        late = looks.look(run(looks.world.now - HOUR + MINUTE, name="run-a"), after=2 * HOUR)
        assert states(late) == [("overdue", False)]
        good = run(looks.world.now + MINUTE, name="run-b")
        assert states(looks.look(good, after=2 * MINUTE)) == [("overdue", True)]
        assert states(looks.look(good, after=3 * HOUR)) == [("overdue", False)]
        assert looks.look(good, after=HOUR) == []
        better = run(looks.world.now + MINUTE, name="run-c")
        assert states(looks.look(good, better, after=2 * MINUTE)) == [("overdue", True)]
        assert looks.record.open == {}

    def test_a_run_that_is_under_way_ends_nothing(self) -> None:
        looks = Looks(schedule(HOURLY))
        old = run(looks.world.now - HOUR + MINUTE, name="run-a")
        assert states(looks.look(old, after=2 * HOUR)) == [("overdue", False)]
        begun = looks.world.now + MINUTE
        assert looks.look(old, run(begun, RUNNING, name="run-b"), after=2 * MINUTE) == []
        bad = run(begun, FAILED, ended=begun + 5 * MINUTE, name="run-b")
        assert states(looks.look(old, bad, after=10 * MINUTE)) == [("failed", False)]
        good = run(looks.world.now + MINUTE, SUCCEEDED, name="run-c")
        assert states(looks.look(old, bad, good, after=2 * MINUTE)) == [("failed", True), ("overdue", True)]

    @pytest.mark.parametrize(("late", "told"), [(14 * MINUTE, []), (16 * MINUTE, [("overdue", False)])])
    def test_a_run_that_begins_when_it_is_told_already_is_not_waited_for(
        self, late: float, told: list[tuple[str, bool]]
    ) -> None:
        looks = Looks(schedule("", max_age=HOUR))
        begun = looks.world.now
        old, attempt = run(begun, name="run-a"), run(begun + HOUR + late, RUNNING, name="run-b")
        assert states(looks.look(old, attempt, after=2 * HOUR)) == told
        for known in looks.world.store.installations():
            for stream in known.streams.values():
                assert judge(stream, looks.world.now)[0] == (State.CRITICAL if told else State.OK)


class TestLong:
    """A run is told when all of it has ended, however long that takes."""

    FAMILY = key("daily", operator="kasten", namespace="kasten-io", action="run")

    def step(self, name: str, ended: float | None, outcome: Any, begun: float) -> Run:
        of = key("daily", operator="kasten", namespace="kasten-io", target=name)
        return run(begun, outcome, of=of, ended=ended, name="scheduled-a", namespace=name, part_of="run-a")

    @pytest.mark.parametrize("lead", [True, False])
    def test_a_step_that_failed_long_before_the_others_ended(self, lead: bool) -> None:
        looks = Looks(schedule("@weekly", of=self.FAMILY))
        begun = looks.world.now
        bad = self.step("shop", begun + 10 * MINUTE, FAILED, begun)
        slow = self.step("billing", None, RUNNING, begun)
        head = [run(begun, RUNNING, of=self.FAMILY, name="run-a")] if lead else []
        assert looks.look(bad, slow, *head, after=15 * MINUTE) == []
        for _ in range(3):
            assert looks.look(bad, slow, *head, after=HOUR) == []
        now = looks.world.now
        slow = self.step("billing", now + 30 * MINUTE, SUCCEEDED, begun)
        head = [run(begun, SUCCEEDED, ended=now + 30 * MINUTE, of=self.FAMILY, name="run-a")] if lead else []
        assert [one.run for one in looks.look(bad, slow, *head, after=HOUR)] == ["run-a"]
        assert looks.look(bad, slow, *head, after=MINUTE) == []

    def test_a_step_that_is_not_the_first_of_its_kind_is_one(self) -> None:
        looks = Looks(schedule("@weekly", of=self.FAMILY))
        begun = looks.world.now
        bad = self.step("shop", begun + 10 * MINUTE, FAILED, begun)
        by_hand = run(begun - HOUR, of=bad.key, name="by-hand", namespace="shop")
        slow = run(begun, of=self.FAMILY, ended=begun + 5 * HOUR, name="run-a")
        assert [one.run for one in looks.look(by_hand, bad, slow, after=5 * HOUR)] == ["run-a"]

    @pytest.mark.parametrize("lead", [None, PARTIAL, SUCCEEDED])
    @pytest.mark.parametrize("names", [("billing", "shop"), ("shop", "billing")])
    def test_a_step_that_failed_is_told_beside_one_that_failed_in_part(
        self, lead: Outcome | None, names: tuple[str, str]
    ) -> None:
        looks = Looks(schedule("@weekly", of=self.FAMILY))
        begun = looks.world.now
        outcomes = {"shop": PARTIAL, "billing": FAILED}
        steps = [self.step(name, begun + MINUTE, outcomes[name], begun) for name in names]
        head = [run(begun, lead, ended=begun + MINUTE, of=self.FAMILY, name="run-a")] if lead else []
        assert states(looks.look(*steps, *head, after=MINUTE)) == [("failed", False)]

    def test_one_that_hangs_is_told_when_it_takes_longer_than_it_may(self) -> None:
        looks = Looks(schedule("@weekly", of=self.FAMILY))
        begun = looks.world.now
        bad = self.step("shop", begun + 10 * MINUTE, FAILED, begun)
        slow = self.step("billing", None, RUNNING, begun)
        told = [one.run for _ in range(12) for one in looks.look(bad, slow, after=HOUR / 2)]
        assert told == ["run-a"]

    def test_one_that_hangs_since_another_day_does_not_speak_for_a_younger_one(self) -> None:
        looks = Looks(schedule("@daily", of=self.FAMILY), states=(Change.FAILED,))
        begun = looks.world.now
        stuck = run(begun - 6 * HOUR, RUNNING, of=self.FAMILY, name="run-old")
        bad = self.step("shop", begun + 10 * MINUTE, FAILED, begun)
        young = run(begun, RUNNING, of=self.FAMILY, name="run-a")
        assert looks.look(stuck, bad, young, after=15 * MINUTE) == []


def test_what_began_in_the_second_in_which_it_was_told_is_told_once() -> None:
    looks = Looks(schedule("", max_age=HOUR))
    good = run(MONDAY + 0.25, name="run-a")
    assert states(looks.look(good, after=-3 * HOUR + 0.5)) == [("overdue", False)]
    assert looks.look(good, after=MINUTE) == []


class TestClockThatWasSetBack:
    def test_what_was_read_in_the_future_counts_as_never_read(self) -> None:
        looks = Looks()
        looks.look()
        looks.look(after=400 * DAY)
        looks.look(after=-400 * DAY)
        assert looks.record.looked["prod"] <= looks.world.now
        bad = failed(looks.world.now + HOUR, name="run-a")
        assert len(looks.look(bad, after=9 * HOUR)) == 1  # runs of the job were skipped


class TestNumbers:
    @pytest.mark.parametrize(
        "number", ["1772697600000", "1e300", "-1e300", "99999999999999999999", '"0001-01-01T00:00:00+14:00"']
    )
    def test_a_time_that_is_none_can_be_written_again(self, number: str) -> None:
        found = entries(f'{{"prod:run-a:2026-03-02": {number}}}')
        record = Record(sent=found)
        assert Record.read(record.texts()) == record
        assert found["prod:run-a:2026-03-02"] in (MONDAY, 1772697600.0)
