"""Objects that do not show every run, what successful runs leave, schedules whose times stand elsewhere, and Events."""

from typing import Any

from backup_sentinel.export.store import FeedKey
from backup_sentinel.model import Event, Outcome, Preset, Record, Run, Schedule

from .world import DAY, FAILED, HOUR, MINUTE, MONDAY, SUCCEEDED, World, key, location, run, schedule, told

WORDS = ("BackupFailed", "BackupSucceeded")


def sampled(ended: float, outcome: Outcome = SUCCEEDED, **more: Any) -> Run:
    """Return what an object with the name of its schedule shows of its last run."""
    known: dict[str, Any] = {
        "name": "daily",
        "created": None,
        "started": None,
        "ended": ended,
        "clock": ended,
    }
    shown = run(ended, outcome, sampled=True)
    for field, value in (known | more).items():
        setattr(shown, field, value)
    return shown


def snapshot(created: float, **more: Any) -> Run:
    return run(created, name=f"snapshot-{created:.0f}", started=None, restore_point=True, **more)


def event(word: str, name: str, at: float, **more: Any) -> Event:
    outcome = FAILED if word.endswith("Failed") else SUCCEEDED
    known: dict[str, Any] = {"subject": "daily", "message": f"{name}: NoSuchBucket", "at": at}
    known |= {"cluster": "prod", "operator": "velero", "namespace": "velero"}
    return Event(name=name, word=word, outcome=outcome, **(known | more))


def events_world() -> World:
    world = World()
    world.store.feed(FeedKey("prod", "velero", "events"), record="event", max_silence=600.0, words=WORDS)
    return world


def test_runs_that_are_only_sampled_are_not_counted() -> None:
    world = World()
    world.start(schedule(), sampled(MONDAY + 3 * HOUR))
    for day in range(1, 4):
        world.now = MONDAY + day * DAY + 3 * HOUR
        world.put(sampled(world.now, FAILED if day > 1 else SUCCEEDED))
    assert set(world.found("kube_backup_runs_total").values()) == {0}
    assert world.found("kube_backup_existing_runs") == {}
    assert world.value("kube_backup_restorable_runs") is None
    assert world.value("kube_backup_consecutive_failures") == 2
    assert world.value("kube_backup_last_success_timestamp_seconds") == MONDAY + DAY + 3 * HOUR
    assert world.value("kube_backup_last_failure_timestamp_seconds") == MONDAY + 3 * DAY + 3 * HOUR


def test_a_run_that_an_object_shows_under_way_is_counted_as_running() -> None:
    world = World()
    world.start(schedule(), sampled(MONDAY + 3 * HOUR, Outcome.RUNNING, started=MONDAY + 2 * HOUR))
    assert world.value("kube_backup_running_since_timestamp_seconds") == MONDAY + 2 * HOUR
    assert world.value("kube_backup_running") == 1
    world.put(sampled(MONDAY + 3 * HOUR))
    assert world.value("kube_backup_running") == 0


def test_that_nothing_is_left_is_known_where_what_runs_leave_has_been_seen() -> None:
    """By an earlier process too; an object that only shows its newest run tells nothing of the kind."""
    world = World()
    world.start(schedule(), sampled(MONDAY + 3 * HOUR), snapshot(MONDAY + 3 * HOUR))
    assert world.value("kube_backup_restorable_runs") == 1
    world.drop(snapshot(MONDAY + 3 * HOUR))
    assert world.value("kube_backup_restorable_runs") == 0
    after = World()
    after.now = MONDAY + 4 * HOUR
    for word in ("schedule", "run"):
        after.feed(word)
    after.store.remember(world.store.save("prod"))
    after.start(schedule(), sampled(MONDAY + 3 * HOUR))
    assert after.value("kube_backup_restorable_runs") == 0


def test_what_an_object_shows_now_comes_after_what_it_showed_before() -> None:
    """The start of a success may be known to a second less than that of the failed attempts before it."""
    world = World()
    world.start(schedule(), sampled(MONDAY + 3 * HOUR, FAILED))
    world.put(sampled(MONDAY + 3 * HOUR - 0.7))
    for _ in range(2):
        assert world.value("kube_backup_consecutive_failures") == 0
        success = world.value("kube_backup_last_success_timestamp_seconds")
        failure = world.value("kube_backup_last_failure_timestamp_seconds")
        assert success is not None
        assert failure is not None
        assert success > failure
        world.list("run", sampled(MONDAY + 3 * HOUR - 0.7))  # the same, listed again


def test_what_a_run_left_can_be_restored_and_proves_a_success() -> None:
    """A policy that failed before the exporter came tells nothing of the success before that; its snapshots do."""
    world = World()
    points = [snapshot(MONDAY + day * DAY) for day in range(3)]
    world.now = MONDAY + 4 * DAY
    world.start(schedule(), sampled(MONDAY + 3 * DAY, FAILED), *points)
    assert world.value("kube_backup_last_success_timestamp_seconds") == MONDAY + 2 * DAY
    assert world.value("kube_backup_last_recovery_point_timestamp_seconds") == MONDAY + 2 * DAY
    assert world.value("kube_backup_consecutive_failures") == 1
    assert world.value("kube_backup_restorable_runs") == 3
    assert set(world.found("kube_backup_runs_total").values()) == {0}
    world.drop(points[0])
    world.put(snapshot(MONDAY + DAY, outcome=Outcome.DELETING))
    assert world.value("kube_backup_restorable_runs") == 1
    world.drop(*points[1:])
    assert world.value("kube_backup_last_success_timestamp_seconds") == MONDAY + 2 * DAY
    assert set(world.found("kube_backup_runs_total").values()) == {0}


def referring(**more: Any) -> Schedule:
    return schedule("", preset="gold", dialect="frequency", timezone="UTC", **more)


def preset(cron: str) -> Preset:
    return Preset(
        cluster="prod", operator="velero", namespace="velero", name="gold", crons=(cron,), dialect="frequency", timezone="UTC"
    )  # fmt: skip


DUE = "kube_backup_schedule_next_due_timestamp_seconds"
DEADLINE = "kube_backup_schedule_deadline_timestamp_seconds"
GRACE = "kube_backup_schedule_start_grace_seconds"


def test_the_times_of_a_schedule_may_stand_in_a_preset() -> None:
    for order in (0, 1):
        world = World()
        objects: list[tuple[str, Record]] = [("schedule", referring()), ("preset", preset("@daily hours=3"))]
        for word, record in objects if order else reversed(objects):
            world.list(word, record)
        world.list("run")
        assert world.value(DUE) == MONDAY + 3 * HOUR
        # Learning the times late is no change of them.
        assert world.value(DEADLINE) == MONDAY + DAY + 3 * HOUR + 900
        world.now += HOUR
        world.put(preset("@daily hours=5"))
        assert world.value(DUE) == MONDAY + 5 * HOUR
        world.put(referring(paused=True))
        assert world.value(DUE) == MONDAY + 5 * HOUR


def test_a_preset_that_is_gone_leaves_the_promise() -> None:
    world = World()
    world.list("preset", preset("@daily hours=3"))
    world.start(referring())
    world.drop(preset("@daily hours=3"))
    world.put(referring(message="the preset is gone"))
    assert world.value(DUE) == MONDAY + 3 * HOUR


def test_a_preset_is_remembered_by_the_next_process_before_it_is_listed() -> None:
    world = World()
    world.list("preset", preset("@daily hours=3"))
    world.start(referring())
    world.scrape()
    saved = world.store.save("prod")
    after = World()
    after.now = MONDAY + HOUR
    for word in ("schedule", "run", "preset"):
        after.feed(word)
    after.store.remember(saved)
    assert after.value(DEADLINE) == world.value(DEADLINE)
    after.list("schedule", referring())
    after.list("run")
    assert after.value(DEADLINE) == world.value(DEADLINE)
    after.list("preset", preset("@daily hours=3"))
    assert after.value(DEADLINE) == world.value(DEADLINE)


def test_in_a_window_a_run_is_due_at_its_begin_and_late_after_its_end() -> None:
    world = World()
    world.start(schedule("@daily window=22:00-4:00", dialect="frequency"))
    assert world.value(DUE) == MONDAY + 22 * HOUR
    assert world.value(GRACE) == 6 * HOUR + 900
    assert world.value(DEADLINE) == MONDAY + DAY + 28 * HOUR + 900


COUNT = "kube_backup_events_total"


def test_events_are_counted_from_the_begin_of_the_process() -> None:
    world = events_world()
    world.start(schedule(), sampled(MONDAY))
    world.list("event", event("BackupFailed", "old", MONDAY, times=3))
    assert {dict(labels)["reason"]: value for labels, value in world.found(COUNT).items()} == {
        "BackupFailed": 0,
        "BackupSucceeded": 0,
    }
    world.put(event("BackupFailed", "old", MONDAY, times=5))
    world.put(event("BackupFailed", "new", MONDAY))
    world.put(event("BackupFailed", "new", MONDAY))
    assert world.value(COUNT, reason="BackupFailed") == 3
    world.drop(event("BackupFailed", "new", MONDAY))
    world.list("event", event("BackupSucceeded", "again", MONDAY, message="done"))
    assert world.value(COUNT, reason="BackupFailed") == 3
    assert world.value(COUNT, reason="BackupSucceeded") == 1


def newest(world: World) -> Run:
    world.scrape()
    [owner] = world.store.installations("prod")
    found = owner.streams[key()].memory.newest
    assert found is not None
    return found


def test_a_failure_without_words_has_those_of_its_event() -> None:
    """Whichever comes first; not those of another run, and never instead of its own."""
    for first in ("event", "run"):
        world = events_world()
        world.start(schedule())
        world.list("event")
        happened = event("BackupFailed", "e1", MONDAY + MINUTE)
        for record in (
            (happened, sampled(MONDAY, FAILED)) if first == "event" else (sampled(MONDAY, FAILED), happened)
        ):
            world.put(record)
        assert newest(world).message == "e1: NoSuchBucket"
        assert newest(world).reason == "storage_missing"
        world.put(sampled(MONDAY + DAY, FAILED))
        assert newest(world).message is None
        world.put(sampled(MONDAY + 2 * DAY, FAILED, message="of its own"))
        world.put(event("BackupFailed", "e2", MONDAY + 2 * DAY))
        assert newest(world).message == "of its own"


def test_a_location_that_cannot_be_used_has_the_words_of_its_event() -> None:
    world = events_world()
    world.start(location("vault", available=False))
    world.put(event("InitFailed", "e1", MONDAY, subject="vault", message="Access Denied"))
    [labels] = [dict(found) for found in world.found("kube_backup_location_info")]
    assert labels["reason"] == "permission"


def test_one_object_may_be_a_schedule_and_its_last_run() -> None:
    """Then both kinds of record are known to be listed when it is."""
    world = World()
    feed = world.store.feed(
        FeedKey("prod", "velero", "policies"), record="schedule", also=["run"], max_silence=600.0
    )
    failed = sampled(MONDAY, FAILED)
    both = told(failed)._replace(records=(schedule(), failed))
    world.list(feed, both)
    assert world.value("kube_backup_last_failure_timestamp_seconds") == MONDAY
    assert world.value(DUE) == MONDAY + 3 * HOUR
    succeeded = sampled(MONDAY + 3 * HOUR)
    world.store.put(feed, both._replace(records=(schedule(), succeeded)))
    assert world.value("kube_backup_consecutive_failures") == 0
    assert world.value(DUE) == MONDAY + DAY + 3 * HOUR
