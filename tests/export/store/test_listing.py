"""Lists, events and outages: what a store holds of a resource, and what it says about seeing it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.errors import ApiError, OutageReason, ProblemReason
from backup_sentinel.export.store import FeedKey, Scope
from backup_sentinel.model import Problem, Record
from export.store.world import (
    DAY,
    FAILED,
    FORBIDDEN,
    HOUR,
    MONDAY,
    RUNNING,
    UNNAMED,
    UNREACHABLE,
    Told,
    World,
    copied,
    key,
    location,
    restore,
    run,
    schedule,
    volume,
)

RUNS = [run(MONDAY + i * HOUR, name=f"r{i}") for i in range(4)]
BAD = (Problem(ProblemReason.UNDECODABLE, "status"),)


@pytest.fixture
def listed(world: World) -> World:
    """A world whose four runs have been listed."""
    world.start(schedule(), *RUNS)
    return world


def test_a_complete_list_sweeps_what_it_does_not_show(listed: World) -> None:
    listed.list("run", *RUNS[:2], complete=False)
    assert listed.value("restorable_runs") == 4
    listed.list("run", RUNS[2], first=False)
    assert listed.value("restorable_runs") == 3
    assert listed.value("backup_sentinel_objects", resource="runs") == 3


def test_a_list_that_breaks_off_loses_nothing_nor_does_the_next_one(listed: World) -> None:
    listed.list("run", RUNS[0], complete=False)
    listed.store.outage(listed.feed(), UNREACHABLE)
    assert listed.value("backup_sentinel_objects", resource="runs") == 4
    listed.list("run", *RUNS[1:])
    assert listed.value("restorable_runs") == 3


def test_a_list_that_begins_anew_before_the_former_ended_loses_nothing(listed: World) -> None:
    listed.list("run", RUNS[0], complete=False)
    listed.list("run", RUNS[1], complete=False)
    assert listed.value("restorable_runs") == 4
    listed.list("run", *RUNS[2:], first=False)
    assert listed.value("restorable_runs") == 3


def test_events_in_the_middle_of_a_list_are_kept(listed: World) -> None:
    listed.list("run", RUNS[0], complete=False)
    listed.put(run(MONDAY + DAY))
    listed.drop(RUNS[3])
    listed.list("run", *RUNS[1:3], first=False)
    assert listed.value("restorable_runs") == 4


@pytest.mark.parametrize(
    "nameless",
    [UNNAMED, Told("", "r9", problems=UNNAMED.problems), Told("", "", problems=BAD)],
    ids=["name", "namespace", "all"],
)
def test_an_object_without_identity_suppresses_the_sweep_once(listed: World, nameless: Told) -> None:
    listed.list("run", RUNS[0], nameless)
    assert listed.value("restorable_runs") == 4
    assert listed.value("backup_sentinel_objects", resource="runs") == 4
    listed.list("run", RUNS[0])
    assert listed.value("restorable_runs") == 1


def test_a_known_object_that_cannot_be_decoded_keeps_its_last_records(listed: World) -> None:
    listed.list("run", *RUNS[:3], Told("velero", "r3", problems=BAD))
    assert listed.value("restorable_runs") == 4
    listed.drop(RUNS[3])
    assert listed.value("restorable_runs") == 3


def test_an_object_that_means_nothing_any_more_is_taken_out(listed: World) -> None:
    listed.list("run", *RUNS[:3], Told("velero", "r3"))
    assert listed.value("restorable_runs") == 3
    assert listed.value("backup_sentinel_objects", resource="runs") == 4


def test_a_run_that_moves_to_another_schedule_leaves_the_former(listed: World) -> None:
    listed.put(schedule(of=key("weekly")), run(MONDAY, of=key("weekly"), name="r0"))
    assert listed.value("restorable_runs", schedule="daily") == 3
    assert listed.value("restorable_runs", schedule="weekly") == 1


def test_one_object_may_tell_of_several_runs_of_one_schedule(world: World) -> None:
    parts = tuple(run(MONDAY + i, name=f"cluster/{i}", namespace="velero") for i in range(3))
    world.start(schedule())
    for count in (3, 1, 2):
        world.list("run", Told("velero", "cluster", parts[:count]))
        assert world.value("existing_runs") == count


def test_problems_are_news_only_when_they_were_not_there_before(world: World) -> None:
    feed, other = world.feed(), (Problem(ProblemReason.BAD_TIME, "x"),)
    seen = []
    for problems in (BAD, BAD, BAD + other, (), BAD):
        world.store.put(feed, Told("velero", "r0", problems=problems))
        seen.append([news.problems for news in world.store.news])
        world.store.news.clear()
    assert seen == [[BAD], [], [other], [], [BAD]]


Step = tuple[str, list[int], bool]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["list", "cut", "put", "drop"]),
        st.lists(st.integers(0, 4), unique=True),
        st.booleans(),
    ),
    max_size=8,
)


@given(STEPS)
def test_lists_cuts_and_events_in_any_order_leave_what_a_naive_copy_has(steps: list[Step]) -> None:
    world = World()
    world.start(schedule())
    runs = [run(MONDAY + i, name=f"r{i}") for i in range(5)]
    naive: set[int] = set()
    for what, numbers, nameless in steps:
        if what == "list":
            half = len(numbers) // 2
            world.list("run", *(runs[i] for i in numbers[:half]), complete=False)
            world.list(
                "run", *(runs[i] for i in numbers[half:]), *([UNNAMED] if nameless else []), first=False
            )
            naive = naive | set(numbers) if nameless else set(numbers)
        elif what == "cut":
            world.list("run", *(runs[i] for i in numbers), complete=False)
            world.store.outage(world.feed(), UNREACHABLE)
            naive |= set(numbers)
        else:
            for i in numbers:
                world.put(runs[i]) if what == "put" else world.drop(runs[i])
            naive = naive | set(numbers) if what == "put" else naive - set(numbers)
        assert (world.value("restorable_runs") or 0) == len(naive)
        assert len(world.feed()) == len(naive)


# What can be seen ------------------------------------------------------------------------------------------


def waiting(world: World) -> set[str]:
    return {key.resource for key in world.store.waiting()}


def test_readiness_waits_for_the_first_list_of_each_resource_that_can_be_reached(world: World) -> None:
    for word in ("run", "schedule", "location", "volume"):
        world.feed(word)
    assert waiting(world) == {"runs", "schedules", "locations", "volumes"}
    world.list("run", complete=False)
    world.list("schedule")
    world.store.missing(world.feed("volume"))
    assert waiting(world) == {"runs", "locations"}
    world.store.outage(world.feed("location"), FORBIDDEN)
    world.list("run", first=False)
    assert waiting(world) == set()


@pytest.mark.parametrize(
    ("first", "second", "up"),
    [
        ("listed", "listed", 1),
        ("listed", OutageReason.FORBIDDEN, 1),
        ("listed", OutageReason.UNREACHABLE, 1),
        ("missing", OutageReason.UNREACHABLE, 0),
        (OutageReason.FORBIDDEN, OutageReason.FORBIDDEN, 1),
        (OutageReason.EXPIRED, OutageReason.UNREACHABLE, 0),
        (OutageReason.UNREACHABLE, OutageReason.TIMEOUT, 0),
        (OutageReason.TLS, OutageReason.CREDENTIALS, 0),
        (OutageReason.UNAUTHORIZED, OutageReason.UNAUTHORIZED, 0),
        (OutageReason.UNREACHABLE, None, None),
        (None, None, None),
    ],
)
def test_a_cluster_is_up_while_any_of_its_resources_is_answered(
    world: World, first: str | None, second: str | None, up: int | None
) -> None:
    for feed, what in [(world.feed("run"), first), (world.feed("schedule"), second)]:
        if what == "listed":
            world.list(feed)
        elif what == "missing":
            world.store.missing(feed)
        elif what is not None:
            world.store.outage(feed, ApiError("no", reason=OutageReason(what)))
    assert world.value("backup_sentinel_cluster_up") == up


def test_a_right_that_was_lost_shows_on_its_resource_only(world: World) -> None:
    world.start(schedule(), run(MONDAY))
    world.store.outage(world.feed(), FORBIDDEN)
    assert world.value("backup_sentinel_cluster_up") == 1
    assert world.value("backup_sentinel_resource_up", resource="runs") == 0
    assert world.value("backup_sentinel_resource_up", resource="schedules") == 1
    world.store.contact(world.feed())
    assert world.value("backup_sentinel_resource_up", resource="runs") == 1


def test_contact_is_any_sign_of_life_and_stops_in_an_outage(world: World) -> None:
    world.list("run")
    world.now += 100
    world.store.contact(world.feed())
    world.now += 100
    world.store.outage(world.feed(), UNREACHABLE)
    assert world.value("backup_sentinel_resource_last_contact_timestamp_seconds") == MONDAY + 100
    assert world.value("backup_sentinel_resource_max_silence_seconds") == 600


def test_a_resource_never_reached_promises_no_contact(world: World) -> None:
    world.store.outage(world.feed(), UNREACHABLE)
    assert not world.families() & {
        "backup_sentinel_resource_last_contact_timestamp_seconds",
        "backup_sentinel_resource_max_silence_seconds",
        "backup_sentinel_objects",
    }


def test_blind_seconds_count_the_time_without_an_answer(world: World) -> None:
    world.list("run")
    world.store.tick()
    world.now += 60
    assert world.value("backup_sentinel_blind_seconds_total") == 0
    world.store.outage(world.feed(), UNREACHABLE)
    for _ in range(3):
        world.now += 10
        world.store.tick()
    world.now -= 500  # the clock of this machine was set back
    world.store.tick()
    world.store.contact(world.feed())
    world.now += 60
    assert world.value("backup_sentinel_blind_seconds_total") == 30


def test_the_clock_skew_of_a_cluster_is_shown_once_known(world: World) -> None:
    world.feed()
    assert not world.found("backup_sentinel_cluster_clock_skew_seconds")
    world.store.skew("prod", -2.5)
    assert world.value("backup_sentinel_cluster_clock_skew_seconds") == -2.5
    world.store.skew("unheard-of", 1.0)


def test_where_schedules_cannot_be_read_runs_are_judged_as_if_they_had_one(world: World) -> None:
    world.list("run", run(MONDAY, FAILED))
    assert not world.found("last_failure")
    world.store.outage(world.feed("schedule"), FORBIDDEN)
    assert world.value("last_failure") == MONDAY
    world.put(run(MONDAY, FAILED, of=key("weekly")))
    assert world.value("last_failure", schedule="weekly") == MONDAY
    world.list("schedule")
    assert not world.found("last_failure")


def test_an_outage_after_the_schedules_were_read_makes_no_orphan_live(world: World) -> None:
    world.start(run(MONDAY, of=key("gone")))
    world.store.outage(world.feed("schedule"), UNREACHABLE)
    assert not world.found("last_success")


def test_scopes_of_one_resource_are_listed_lost_and_found_apart(world: World) -> None:
    a, b = world.feed(scope="a"), world.feed(scope="b")
    in_a, in_b = run(MONDAY, of=key("", namespace="a")), run(MONDAY, of=key("", namespace="b"))
    world.list(a, in_a)
    world.list(b, in_b)
    world.list(a)
    assert not world.value("restorable_runs", resource_namespace="a")
    assert world.value("restorable_runs", resource_namespace="b") == 1
    world.store.outage(a, FORBIDDEN)
    assert world.value("backup_sentinel_resource_up", scope="a") == 0
    assert world.value("backup_sentinel_resource_up", scope="b") == 1
    assert world.value("backup_sentinel_objects", scope="b") == 1


def test_schedules_that_cannot_be_read_in_one_namespace_concern_that_namespace_only(world: World) -> None:
    world.list(world.feed("schedule", scope="a"))
    world.store.outage(world.feed("schedule", scope="b"), FORBIDDEN)
    for space in ("a", "b"):
        world.put(run(MONDAY, FAILED, of=key(namespace=space)))
    assert not world.found("last_failure", resource_namespace="a")
    assert world.value("last_failure", resource_namespace="b") == MONDAY


def test_a_cluster_that_is_removed_leaves_nothing(world: World) -> None:
    done = run(MONDAY)
    everything: list[Record] = [
        schedule(location="gone"), location(), done, run(MONDAY + 1, RUNNING), copied(MONDAY + 2 * DAY, MONDAY, name="c"),
        run(MONDAY, of=key(target="a")), restore(MONDAY, done.name), volume(done),
    ]  # fmt: skip
    world.start(*everything)
    world.store.skew("prod", 1.0)
    world.start(schedule(of=key(cluster="dr")), cluster="dr")
    assert world.families(cluster="prod")
    world.store.remove_cluster("prod")
    assert not world.families(cluster="prod")
    assert world.value("backup_sentinel_cluster_up", cluster="dr") == 1
    assert {known.cluster for known in world.store.installations()} == {"dr"}
    assert world.store.waiting() == []
    for scope in Scope:
        assert world.store.subject(scope, FeedKey("prod", "velero", "runs")) is None
