"""What the newest runs of a schedule say, by one clock per profile."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.model import DECISIVE, FailureReason, Outcome, Run
from export.store.world import (
    DAY,
    FAILED,
    HOUR,
    MINUTE,
    MONDAY,
    PARTIAL,
    PENDING,
    RUNNING,
    SUCCEEDED,
    UNKNOWN,
    World,
    at,
    copied,
    key,
    restore,
    run,
    schedule,
)

INSTANTS = {SUCCEEDED: "last_success", PARTIAL: "last_partial", FAILED: "last_failure"}


@pytest.mark.parametrize("outcome", sorted(DECISIVE))
def test_each_decisive_outcome_has_its_own_instant(world: World, outcome: Outcome) -> None:
    world.start(schedule(), run(MONDAY, outcome))
    assert {word: world.value(name) for word, name in INSTANTS.items()} == {
        word: MONDAY if word is outcome else None for word in INSTANTS
    }


def test_runs_are_ordered_by_creation_and_never_by_their_end(world: World) -> None:
    long = run(at("2026-03-02 01:00"), SUCCEEDED, ended=at("2026-03-02 09:00"))
    short = run(at("2026-03-02 02:00"), FAILED, ended=at("2026-03-02 02:05"))
    world.start(schedule())
    world.put(short)
    world.put(long)
    assert world.value("last_failure") == at("2026-03-02 02:00")
    assert world.value("last_success") == at("2026-03-02 01:00")
    assert world.value("last_run_info", run=short.name, outcome="failed") == 1
    assert world.value("consecutive_failures") == 1


def test_ordering_by_start_where_the_profile_says_so(world: World) -> None:
    late = run(MONDAY, FAILED, started=MONDAY + 3 * HOUR, clock=MONDAY + 3 * HOUR)
    early = run(MONDAY + HOUR, SUCCEEDED, started=MONDAY + HOUR, clock=MONDAY + HOUR)
    world.start(schedule(), early, late)
    assert world.value("last_failure") == MONDAY + 3 * HOUR
    assert world.value("consecutive_failures") == 1


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - DECISIVE))
def test_only_success_partial_and_failure_decide(world: World, outcome: Outcome) -> None:
    world.start(schedule(), run(MONDAY, FAILED))
    before = [world.value(name) for name in (*INSTANTS.values(), "consecutive_failures")]
    world.put(run(MONDAY + DAY, outcome))
    assert [world.value(name) for name in (*INSTANTS.values(), "consecutive_failures")] == before
    assert world.value("last_run_info", outcome="failed") == 1
    assert world.value("last_attempt") == MONDAY + DAY


def test_a_success_is_not_named_and_clears_the_name_of_the_failure(world: World) -> None:
    world.start(schedule(), run(MONDAY, FAILED, reason=FailureReason.TLS))
    assert world.value("last_run_info", reason="tls") == 1
    world.put(run(MONDAY + DAY))
    assert not world.found("last_run_info")
    assert world.value("consecutive_failures") == 0


def test_what_was_learned_survives_the_deletion_of_the_run(world: World) -> None:
    good, bad = run(MONDAY), run(MONDAY + DAY, FAILED, errors=3)
    world.start(schedule(), good, bad)
    world.drop(good, bad)
    assert world.value("last_success") == MONDAY
    assert world.value("last_failure") == MONDAY + DAY
    assert world.value("last_errors") == 3
    assert world.value("consecutive_failures") == 1
    assert world.value("restorable_runs") == 0


def test_the_newest_run_decides_and_not_an_older_failure_that_still_exists(world: World) -> None:
    world.start(schedule(), *(run(MONDAY + i * DAY, FAILED) for i in range(3)))
    assert world.value("consecutive_failures") == 3
    world.put(run(MONDAY + 3 * DAY))
    assert world.value("consecutive_failures") == 0
    assert world.value("existing_runs", outcome="failed") == 3


def test_a_partial_run_ends_a_row_of_failures(world: World) -> None:
    world.start(schedule(), run(MONDAY, FAILED), run(MONDAY + DAY, PARTIAL), run(MONDAY + 2 * DAY, FAILED))
    assert world.value("consecutive_failures") == 1


def test_a_run_that_failed_and_then_succeeded_after_all_is_no_failure(world: World) -> None:
    """The clock of a run is its creation: what became of the same object later comes after what it said before."""
    failed = run(MONDAY, FAILED)
    world.start(schedule(), failed)
    assert world.value("consecutive_failures") == 1
    world.put(run(MONDAY, RUNNING))
    world.put(run(MONDAY, ended=MONDAY + MINUTE))
    for _ in range(2):
        success, failure = world.value("last_success"), world.value("last_failure")
        assert success is not None
        assert failure is not None
        assert success > failure
        assert world.value("consecutive_failures") == 0
        assert world.value("last_run_info") is None
        world.list("run", run(MONDAY, ended=MONDAY + MINUTE))


def test_two_runs_of_one_second_are_not_taken_for_one(world: World) -> None:
    world.start(schedule(), run(MONDAY, FAILED, name="one"), run(MONDAY, name="other"))
    assert world.value("last_success") == world.value("last_failure") == MONDAY


def test_runs_that_failed_in_one_second_are_each_a_failure(world: World) -> None:
    world.start(schedule(), *(run(MONDAY, FAILED, name=name) for name in ("one", "two", "three")))
    world.put(run(MONDAY, FAILED, name="one"))
    assert world.value("consecutive_failures") == 3


@pytest.mark.parametrize("good", [SUCCEEDED, PARTIAL])
@pytest.mark.parametrize("failed", ["a", "c"])
def test_of_runs_of_one_second_the_one_that_is_named_decides(
    world: World, good: Outcome, failed: str
) -> None:
    """The name of the run and the number of failures must not speak of different runs."""
    world.start(schedule(), run(MONDAY, good, name="b"), run(MONDAY, FAILED, name=failed))
    newest_failed = failed == "c"
    assert bool(world.value("last_run_info", outcome="failed")) is newest_failed
    assert world.value("consecutive_failures") == newest_failed


def test_synced_copies_count_only_as_restorable(world: World) -> None:
    world.start(schedule(), copied(MONDAY + 9 * DAY, MONDAY))
    assert world.value("restorable_runs") == 1
    assert not world.families() & {*INSTANTS.values(), "last_attempt", "last_recovery_point", "existing_runs"}
    assert all(total == 0 for total in world.found("runs_total").values())
    assert world.value("schedule_next_due") == at("2026-03-02 03:00")


@pytest.mark.parametrize(
    ("facts", "own"),
    [
        ({"started": MONDAY + 2, "ended": MONDAY + HOUR}, True),
        ({"started": MONDAY - 59, "ended": MONDAY + HOUR}, True),
        ({"started": MONDAY - 61, "ended": MONDAY - 1}, False),
        ({"started": MONDAY - DAY, "ended": MONDAY + HOUR}, True),
        ({"started": MONDAY - 40, "ended": MONDAY - 11}, False),
        ({"started": MONDAY - 12, "ended": MONDAY - 9}, True),
        ({"started": None, "ended": None}, True),
        ({"started": MONDAY - HOUR, "ended": None}, False),
        ({"started": MONDAY - HOUR, "synced_copies": False}, True),
        ({"started": MONDAY - HOUR, "outcome": RUNNING}, True),
    ],
)
def test_an_object_made_after_the_run_it_tells_of_is_a_copy(
    world: World, facts: dict[str, Any], own: bool
) -> None:
    told: dict[str, Any] = {"synced_copies": True, "outcome": FAILED} | facts
    world.start(schedule(), run(MONDAY, **told))
    assert bool(world.found("last_attempt")) is own


def test_a_run_that_was_seen_open_is_no_copy_whatever_its_clocks_say(world: World) -> None:
    world.start(schedule(), run(MONDAY, RUNNING, synced_copies=True, started=MONDAY - HOUR))
    world.put(run(MONDAY, SUCCEEDED, synced_copies=True, started=MONDAY - HOUR, ended=MONDAY - 1))
    assert world.value("last_success") == MONDAY


def test_a_copy_that_replaces_an_own_run_between_two_lists_does_not_move_the_last_success(
    world: World,
) -> None:
    own = run(MONDAY, name="daily-1", ended=MONDAY + MINUTE, synced_copies=True)
    world.start(schedule(), own)
    world.list("run", copied(MONDAY + 5 * DAY, MONDAY, name="daily-1"))
    assert world.value("last_success") == MONDAY
    assert world.value("restorable_runs") == 1
    assert not world.found("existing_runs")


def test_a_run_without_a_credible_clock_is_held_and_never_remembered(world: World) -> None:
    world.start(schedule(), run(MONDAY, FAILED, clock=None))
    assert not world.families() & {"last_failure", "last_attempt", "consecutive_failures"}
    assert world.value("existing_runs", outcome="failed") == 1


def test_nothing_that_ever_succeeded_leaves_no_last_success(world: World) -> None:
    world.start(schedule(), run(MONDAY, FAILED))
    assert not world.found("last_success")
    assert not world.found("last_recovery_point")
    assert world.value("last_failure") == MONDAY


DETAILS: dict[str, Any] = {
    "errors": 1,
    "warnings": 2,
    "items": 3,
    "items_expected": 4,
    "transferred": 5,
    "size": 6,
}


def test_missing_details_are_absent_and_never_zero(world: World) -> None:
    shown = {
        "last_errors", "last_warnings", "last_items", "last_items_expected", "last_transferred_bytes",
        "last_success_size_bytes", "last_success_items", "last_duration_seconds", "last_files",
    }  # fmt: skip
    world.start(schedule(), run(MONDAY))
    assert not world.families() & shown
    world.put(run(MONDAY + DAY, ended=MONDAY + DAY + MINUTE, files_new=7, files_changed=0, **DETAILS))
    assert world.families() >= shown
    assert world.value("last_duration_seconds") == MINUTE
    assert world.value("last_files", change="changed") == 0


@pytest.mark.parametrize("action", ["backup", "restore"])
def test_ad_hoc_runs_and_restores_show_instants_counts_and_running_but_no_details(
    world: World, action: str
) -> None:
    of = key("", action=action)
    world.start(
        run(MONDAY, SUCCEEDED, of=of, ended=MONDAY + 1, location="default", **DETAILS),
        run(MONDAY + 1, FAILED, of=of, **DETAILS),
        run(MONDAY + 2, PARTIAL, of=of, **DETAILS),
        run(MONDAY + 3, RUNNING, of=of),
        run(MONDAY + 4, PENDING, of=of),
    )
    restorable = {"last_recovery_point", "restorable_runs"} if action == "backup" else set()
    assert world.families(schedule="", action=action) == restorable | {
        "last_attempt", "last_success", "last_partial", "last_failure", "last_run_info", "running", "running_since",
        "running_deadline", "pending_since", "runs_total", "existing_runs",
    }  # fmt: skip


def test_an_ad_hoc_failure_is_not_cleared_by_an_unrelated_success(world: World) -> None:
    world.start(restore(MONDAY, "a", FAILED), restore(MONDAY + 1, "b"))
    assert world.value("last_failure", action="restore") == MONDAY
    assert not world.found("last_failure", action="backup")


@pytest.mark.parametrize("outcome", [PENDING, RUNNING])
def test_open_runs_are_known_by_their_oldest(world: World, outcome: Outcome) -> None:
    world.start(schedule(), run(MONDAY + HOUR, outcome), run(MONDAY + 2 * HOUR, outcome))
    family = f"{outcome}_since"
    assert world.value(family) == MONDAY + HOUR
    world.put(run(MONDAY + HOUR, SUCCEEDED))
    assert world.value(family) == MONDAY + 2 * HOUR
    world.drop(run(MONDAY + 2 * HOUR, outcome))
    assert not world.found(family)
    assert world.value("running") == 0


@pytest.mark.parametrize(
    ("timeout", "longest", "expected"),
    [(None, None, 4 * HOUR), (HOUR, None, HOUR), (HOUR, 10 * HOUR, 30 * HOUR), (9 * HOUR, HOUR, 9 * HOUR)],
)
def test_a_run_may_take_its_time_limit_or_three_times_the_longest_known(
    world: World, timeout: float | None, longest: float | None, expected: float
) -> None:
    known = [] if longest is None else [run(MONDAY, ended=MONDAY + longest)]
    world.start(schedule(), *known, run(MONDAY + 2 * DAY, RUNNING, timeout=timeout))
    assert world.value("running_deadline") == MONDAY + 2 * DAY + expected


OUTCOMES = st.sampled_from([*sorted(DECISIVE), Outcome.CANCELLED, UNKNOWN])


@given(st.lists(st.tuples(st.integers(0, 5), OUTCOMES), max_size=8), st.randoms(use_true_random=False))
def test_the_order_in_which_runs_are_seen_does_not_matter(
    facts: list[tuple[int, Outcome]], random: Any
) -> None:
    runs = [
        run(MONDAY + hour, outcome, name=f"r{i}", size=i * 1.0) for i, (hour, outcome) in enumerate(facts)
    ]
    other = list(runs)
    random.shuffle(other)
    seen = [_told_in_order(order) for order in (runs, other)]
    assert seen[0] == seen[1]


def _told_in_order(runs: list[Run]) -> set[tuple[Any, ...]]:
    world = World()
    world.start(schedule())
    for one in runs:
        world.put(one)
    return {sample for sample in world.scrape() if sample[0].startswith("kube_backup_")}


def test_orphans_of_a_deleted_schedule_show_only_what_exists(world: World) -> None:
    other = key("shop-2025")
    world.start(
        schedule(), run(MONDAY, of=other, expires=MONDAY + 30 * DAY), run(MONDAY + 1, FAILED, of=other)
    )
    assert world.families(schedule="shop-2025") == {"restorable_runs", "newest_expiry", "existing_runs"}


def test_restore_tests_of_orphans_are_not_shown(world: World) -> None:
    gone = run(MONDAY, of=key("shop-2025"))
    world.start(schedule(), gone)
    world.put(restore(MONDAY + DAY, gone.name))
    assert not world.found("last_restore_success")


def test_fan_in_of_namespaces_keeps_schedules_of_one_name_apart(world: World) -> None:
    for space, outcome in {"a": SUCCEEDED, "b": FAILED}.items():
        world.put(schedule(of=key(namespace=space)), run(MONDAY, outcome, of=key(namespace=space)))
    assert world.value("consecutive_failures", resource_namespace="a") == 0
    assert world.value("consecutive_failures", resource_namespace="b") == 1


def test_the_namespace_label_is_that_of_the_schedule_and_not_of_the_run(world: World) -> None:
    world.start(schedule(), run(MONDAY, namespace="shop"))
    assert world.value("last_success", resource_namespace="velero") == MONDAY
    assert not world.found("last_success", resource_namespace="shop")
