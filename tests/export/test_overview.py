"""The verdicts of the status page: those of the alert rules, looked at with the same facts."""

from typing import Any

import msgspec
import pytest

from backup_sentinel.errors import ApiError
from backup_sentinel.export.overview import (
    Choice,
    ChoiceError,
    Lens,
    Overview,
    ScheduleRow,
    State,
    at_once,
    survey,
    tell_locations,
    tell_runs,
    words,
)
from backup_sentinel.model import FailureReason, Record
from export.store.world import (
    DAY,
    FAILED,
    FORBIDDEN,
    GIB,
    HOUR,
    MINUTE,
    MONDAY,
    PARTIAL,
    PENDING,
    RUNNING,
    SUCCEEDED,
    UNREACHABLE,
    World,
    at,
    key,
    location,
    restore,
    run,
    schedule,
    volume,
)

OK, WARNING, CRITICAL, PAUSED = State.OK, State.WARNING, State.CRITICAL, State.PAUSED
TUESDAY = MONDAY + DAY
LAST, NEXT = at("2026-03-02 03:00"), at("2026-03-03 03:00")


def look(world: World, *, texts: bool = False, **choice: Any) -> Overview:
    world.store.tick()
    world.store.refresh()
    return at_once(survey(Lens(world.store, world.now, texts=texts), "1.2.3", Choice(**choice)))


def only(world: World) -> ScheduleRow:
    [row] = look(world).schedules
    return row


@pytest.mark.parametrize(
    ("records", "now", "state", "why"),
    [
        # The newest run decides.
        ([schedule()], MONDAY, OK, []),
        ([schedule(), run(LAST)], TUESDAY, OK, []),
        ([schedule(), run(LAST, FAILED)], LAST, CRITICAL, ["the last run failed"]),
        ([schedule(), run(LAST, FAILED), run(LAST + 1)], LAST, OK, []),
        ([schedule(), run(LAST), run(LAST + 1, FAILED)], LAST, CRITICAL, ["the last run failed"]),
        ([schedule(), run(LAST, FAILED), run(LAST + 1, FAILED)], LAST, CRITICAL, ["the last 2 runs failed"]),
        (
            [schedule(), run(LAST, FAILED), run(LAST + 1, PARTIAL)],
            LAST,
            WARNING,
            ["the last run failed in part"],
        ),
        ([schedule(), run(LAST, PARTIAL), run(LAST + 1)], LAST, OK, []),
        ([schedule(), run(LAST, PARTIAL), run(LAST + 1, FAILED)], LAST, CRITICAL, ["the last run failed"]),
        # Failures may be tolerated, up to a number.
        ([schedule(failures_tolerated=2), run(LAST, FAILED)], LAST, OK, []),
        (
            [schedule(failures_tolerated=2), run(LAST, FAILED), run(LAST + 1, FAILED)],
            LAST,
            CRITICAL,
            ["the last 2 runs failed"],
        ),
        # A slot is missed, then the deadline passes.
        ([schedule(), run(LAST)], NEXT + 15 * MINUTE, OK, []),
        ([schedule(), run(LAST)], NEXT + 15 * MINUTE + 1, WARNING, ["no run began when it was due"]),
        ([schedule(start_grace=HOUR), run(LAST)], NEXT + 30 * MINUTE, OK, []),
        ([schedule(), run(LAST)], NEXT + DAY + 15 * MINUTE, WARNING, ["no run began when it was due"]),
        (
            [schedule(), run(LAST)],
            NEXT + DAY + 15 * MINUTE + 1,
            CRITICAL,
            ["no recovery point in time", "no run began when it was due"],
        ),
        ([schedule(max_age=HOUR), run(LAST)], LAST + HOUR + 1, CRITICAL, ["no recovery point in time"]),
        (
            [schedule()],
            at("2026-03-03 04:00"),
            CRITICAL,
            ["no success is known", "no run began when it was due"],
        ),
        # A run under way excuses both, until it is stalled itself.
        ([schedule(), run(LAST), run(NEXT + 2 * DAY, RUNNING)], NEXT + 2 * DAY + HOUR, OK, []),
        ([schedule(), run(LAST - DAY), run(LAST, RUNNING, timeout=2 * DAY)], NEXT + HOUR, OK, []),
        (
            [schedule(), run(LAST), run(NEXT, RUNNING, timeout=HOUR)],
            NEXT + HOUR + 1,
            WARNING,
            ["a run is stalled"],
        ),
        ([schedule(), run(LAST), run(NEXT, PENDING)], NEXT + HOUR, OK, []),
        # Paused schedules owe nothing; what they have done stays done.
        ([schedule(paused=True), run(LAST)], LAST + 30 * DAY, PAUSED, ["paused"]),
        ([schedule(paused=True), run(LAST, FAILED)], LAST, CRITICAL, ["the last run failed"]),
        ([schedule("61 3 * * *", paused=True)], LAST, PAUSED, ["paused"]),
        # Without an expression there is no deadline that could tell later.
        (
            [schedule("", valid=False, message="expected 5 fields")],
            LAST,
            CRITICAL,
            ["the schedule is invalid: the operator refuses it"],
        ),
        (
            [schedule("", valid=False)],
            LAST,
            CRITICAL,
            ["the schedule is invalid: the operator refuses it"],
        ),
        # What the backups are worth.
        (
            [schedule(), run(LAST, expires=LAST + HOUR)],
            LAST + HOUR,
            CRITICAL,
            ["no run is left that could be restored"],
        ),
        (
            [schedule(of=key(action="check")), run(LAST, of=key(action="check"), expires=LAST + 1)],
            LAST + 1,
            OK,
            [],
        ),
        ([schedule(), run(LAST, size=GIB), run(LAST + 1, size=GIB / 2)], LAST, OK, []),
        (
            [schedule(), run(LAST, size=GIB), run(LAST + 1, size=GIB / 2 - 1)],
            LAST,
            WARNING,
            ["the backup is much smaller than before"],
        ),
        ([schedule(), run(LAST, size=9e7), run(LAST + 1, size=1.0)], LAST, OK, []),
        (
            [schedule("0 3 1 * *", restore_test_max_age=DAY)],
            MONDAY + DAY + 1,
            WARNING,
            ["never tested by a restore"],
        ),
        # Ad-hoc runs are held against themselves for a day.
        ([run(LAST, FAILED, of=key(""))], LAST + DAY - 1, CRITICAL, ["an ad-hoc run failed"]),
        ([run(LAST, FAILED, of=key(""))], LAST + DAY, OK, []),
        (
            [run(LAST, FAILED, of=key("")), run(LAST + 1, of=key(""))],
            LAST,
            CRITICAL,
            ["an ad-hoc run failed"],
        ),
        ([run(LAST, PARTIAL, of=key(""))], LAST, WARNING, ["an ad-hoc run failed in part"]),
        ([restore(LAST, "x", FAILED)], LAST, CRITICAL, ["a restore failed"]),
        ([restore(LAST, "x", FAILED)], LAST + DAY, OK, []),
    ],
)
def test_a_verdict_is_that_of_the_alert_rules(
    world: World, records: list[Record], now: float, state: State, why: list[str]
) -> None:
    world.list("run")
    world.put(*records)
    world.now = now
    row = only(world)
    assert (row.state, list(row.why)) == (state, why)
    assert look(world).state is state


def test_a_restore_test_that_is_too_old_is_a_warning_until_the_next_one(world: World) -> None:
    world.put(
        schedule(restore_test_max_age=DAY, max_age=99 * DAY),
        run(LAST, name="daily-1"),
        restore(LAST, "daily-1"),
    )
    world.now = LAST + DAY + 1
    [row] = [row for row in look(world).schedules if row.action == "backup"]
    assert "the last restore test is too old" in row.why
    world.put(restore(LAST + DAY, "daily-1"))
    [row] = [row for row in look(world).schedules if row.action == "backup"]
    assert "the last restore test is too old" not in row.why


@pytest.fixture
def world() -> World:
    return World()


def test_a_row_tells_what_is_known_and_leaves_out_what_is_not(world: World) -> None:
    details: dict[str, Any] = {"ended": LAST + HOUR, "reason": FailureReason.TLS}
    world.put(
        schedule(timezone="Europe/Vienna", location="s3"),
        run(LAST, FAILED, **details),
        run(LAST + DAY, RUNNING),
    )
    told = msgspec.to_builtins(only(world))
    assert told["newest"]["reason"] == "tls"
    assert told["newest"]["outcome"] == "failed"
    assert told["newest"]["duration"] == HOUR
    assert told["running"] == 1
    assert told["location"] == "s3"
    assert (told["cron"], told["timezone"]) == ("0 3 * * *", "Europe/Vienna")
    assert not {"last_success", "size", "last_partial"} & told.keys()


def test_the_reason_of_a_former_failure_is_not_shown_after_a_success(world: World) -> None:
    world.put(schedule(), run(LAST, reason=FailureReason.TLS))
    assert only(world).reason is None
    newest = only(world).newest
    assert newest is not None
    assert newest.reason is None


def test_the_worst_comes_first_and_then_the_alphabet(world: World) -> None:
    for name, outcome in {"c": FAILED, "a": FAILED, "b": PARTIAL}.items():
        world.put(schedule(of=key(name)), run(LAST, outcome, of=key(name)))
    world.put(schedule(of=key("0-paused"), paused=True), schedule(of=key("1-fine")))
    assert [row.schedule for row in look(world).schedules] == ["a", "c", "b", "0-paused", "1-fine"]


def test_orphans_and_deleted_schedules_have_no_row(world: World) -> None:
    world.start(schedule(), run(LAST, FAILED, of=key("gone")))
    world.drop(schedule())
    assert look(world).schedules == ()


def test_targets_have_rows_and_the_schedule_they_share_has_none(world: World) -> None:
    world.put(schedule(), run(LAST, FAILED, of=key(target="b")), run(LAST, of=key(target="a"), name="x"))
    assert [(row.target, row.state) for row in look(world).schedules] == [("b", CRITICAL), ("a", OK)]


def test_a_cluster_that_does_not_answer_is_critical(world: World) -> None:
    world.start(schedule(), run(LAST))
    for feed in list(world.store.feeds.values()):
        world.store.outage(feed, UNREACHABLE)
    overview = look(world)
    assert overview.state is CRITICAL
    [cluster] = overview.clusters
    assert cluster.up is False
    assert cluster.outages["runs"] == "connection refused"
    assert cluster.last_contact == MONDAY
    assert cluster.states[OK] == 1


def test_a_resource_that_cannot_be_read_is_a_warning_and_never_silence(world: World) -> None:
    world.list("schedule")
    world.list(world.feed(scope="a"))
    world.store.outage(world.feed(scope="b"), FORBIDDEN)
    overview = look(world)
    assert (overview.state, overview.schedules) == (WARNING, ())
    assert overview.clusters[0].outages == {"runs in b": "forbidden"}


def test_a_kind_that_is_no_longer_served_is_named_and_one_that_never_was_is_not(world: World) -> None:
    world.list("run")
    world.store.missing(world.feed("run"))
    world.store.missing(world.feed("volume"))
    [cluster] = look(world).clusters
    assert cluster.outages == {"runs": "no longer served"}


def test_a_cluster_not_asked_yet_is_neither_up_nor_down(world: World) -> None:
    world.feed()
    overview = look(world)
    assert (overview.state, overview.clusters[0].up) == (OK, None)


def test_it_can_be_read_back_from_json(world: World) -> None:
    world.put(schedule(), run(LAST, FAILED))
    overview = look(world)
    assert msgspec.json.decode(msgspec.json.encode(overview), type=Overview) == overview


def test_the_strip_is_the_last_runs_that_exist_oldest_first(world: World) -> None:
    runs = [run(LAST + n * HOUR, FAILED if n == 19 else SUCCEEDED) for n in range(20)]
    world.put(schedule(), *runs, run(LAST + 99 * DAY, synced_copies=True, started=LAST, ended=LAST + 1))
    strip = only(world).runs
    assert [mark.at for mark in strip] == [LAST + n * HOUR for n in range(6, 20)]
    assert [mark.outcome for mark in strip] == [SUCCEEDED] * 13 + [FAILED]


def test_the_newest_decisive_run_is_shown_although_its_object_is_gone(world: World) -> None:
    world.start(schedule(), run(LAST, FAILED))
    world.drop(run(LAST, FAILED))
    row = only(world)
    assert [mark.outcome for mark in row.runs] == [FAILED]
    assert row.newest is not None
    assert row.newest.name == row.runs[0].name


def test_a_promise_is_the_age_that_the_recovery_point_may_reach(world: World) -> None:
    world.start(schedule(max_age=26 * HOUR), run(LAST))
    row = only(world)
    assert (row.last_recovery_point, row.promise) == (LAST, 26 * HOUR)


def test_what_an_operator_wrote_is_told_on_permission_only_and_without_secrets(world: World) -> None:
    secret = "password=hunter2"
    failed = run(LAST, FAILED, message=f"upload failed: {secret}")
    world.start(schedule(valid=False, message=f"refused: {secret}"), failed, location(message=secret))
    world.put(volume(failed, outcome=FAILED, message=f"lost: {secret}"))
    closed = msgspec.json.encode(look(world))
    assert b"message" not in closed
    assert b"refused:" not in closed
    row = look(world, texts=True).schedules[0]
    assert row.newest is not None
    assert (row.message, row.newest.message) == ("refused: password=***", "upload failed: password=***")
    assert row.newest.volumes[0].message == "lost: password=***"
    lens = Lens(world.store, world.now, texts=True)
    assert [place.message for place in tell_locations(lens)] == ["password=***"]


def test_a_row_tells_of_the_run_under_way_and_the_state_of_its_location(world: World) -> None:
    world.start(
        schedule(location="s3"),
        run(LAST, RUNNING, items=5.0, items_expected=20.0, phase="InProgress"),
        location("s3", available=False, reason=FailureReason.TLS),
    )
    row = only(world)
    assert row.under_way is not None
    assert (row.under_way.phase, row.under_way.progress) == ("InProgress", 0.25)
    assert (row.location, row.location_available, row.location_reason) == ("s3", False, "tls")


def test_volumes_come_the_worst_first_and_are_counted(world: World) -> None:
    newest = run(LAST, PARTIAL)
    world.start(schedule(), newest)
    world.put(*(volume(newest, f"v{n:02}", FAILED if n == 30 else SUCCEEDED, size=GIB) for n in range(40)))
    told = only(world).newest
    assert told is not None
    assert (told.volumes_total, told.volumes_failed, len(told.volumes)) == (40, 1, 20)
    assert told.volumes[0].outcome == FAILED
    assert told.size == 40 * GIB


def names(world: World, **choice: Any) -> list[str]:
    return [row.schedule for row in look(world, **choice).schedules]


def test_rows_are_chosen_by_labels_state_outcome_and_part_of_the_name(world: World) -> None:
    world.put(schedule(of=key("a")), run(LAST, FAILED, of=key("a")))
    world.put(schedule(of=key("b")), run(LAST, of=key("b")))
    world.put(schedule(of=key("c", cluster="")), run(LAST, PARTIAL, of=key("c", cluster="")))
    assert names(world) == ["a", "c", "b"]
    parse = Choice.parse
    for parameters, wanted in (
        ([("schedule", "a"), ("schedule", "b")], ["a", "b"]),
        ([("cluster", "")], ["c"]),
        ([("cluster", "prod"), ("state", "ok")], ["b"]),
        ([("state", "problem")], ["a", "c"]),
        ([("outcome", "partial")], ["c"]),
        ([("q", "VELERO")], ["a", "c", "b"]),
        ([("q", "B")], ["b"]),
        ([("operator", "none")], []),
    ):
        assert names(world, **msgspec.structs.asdict(parse(parameters))) == wanted, parameters


def test_a_page_of_rows_knows_how_many_there_are(world: World) -> None:
    for n in range(7):
        world.put(schedule(of=key(f"s{n}")))
    lens = Lens(world.store, world.now)
    part = at_once(survey(lens, "1", offset=4, limit=2))
    assert ([row.schedule for row in part.schedules], part.total, part.offset) == (["s4", "s5"], 7, 4)


@pytest.mark.parametrize("parameter", [("state", "fine"), ("outcome", ""), ("colour", "red")])
def test_a_parameter_that_is_none_is_refused_with_what_is_possible(parameter: tuple[str, str]) -> None:
    with pytest.raises(ChoiceError, match=r"known are|write one of"):
        Choice.parse([parameter])


def test_runs_are_told_newest_first_over_all_streams(world: World) -> None:
    for n in range(30):
        world.put(run(LAST + n, FAILED if n % 3 else SUCCEEDED, of=key(f"s{n % 4}")))
    lens = Lens(world.store, world.now)
    told = at_once(tell_runs(lens, Choice(), offset=1, limit=3))
    assert (told.total, [one.created for one in told.runs]) == (30, [LAST + 28, LAST + 27, LAST + 26])
    told = at_once(tell_runs(lens, Choice.parse([("outcome", "succeeded")]), offset=0, limit=2))
    assert (told.total, [one.created for one in told.runs]) == (10, [LAST + 27, LAST + 24])


def test_a_cluster_without_any_operator_is_bare_and_one_that_is_read_is_not(world: World) -> None:
    world.store.missing(world.feed("run"))
    assert look(world).clusters[0].bare
    world.list("run")
    assert not look(world).clusters[0].bare
    assert look(world).clusters[0].operators == ("velero",)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mysql-daily", "mysql-daily"),
        ("Größe 東京 🎉", "Größe 東京 🎉"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
        ("a\u200bb\U000e0001", "a\\u200bb\\U000e0001"),
        ("two\nlines", "two\\x0alines"),
    ],
)
def test_text_is_made_harmless_and_visible(text: str, shown: str) -> None:
    assert words.plain(text) == shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (61, "1m 1s"), (86400 + 59, "1d 59s"), (93600, "1d 2h")]
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert words.span(seconds) == text


def test_an_instant_beyond_the_calendar_is_none() -> None:
    assert words.instant(1e30) == words.NOTHING


def test_what_is_in_the_way_of_many_resources_is_said_once(world: World) -> None:
    for word in ("run", "schedule", "location"):
        error = ApiError(f"GET /apis/{word}/v1: no kubeconfig", reason=UNREACHABLE.reason)
        world.store.outage(world.feed(word), error)
    [cluster] = look(world).clusters
    assert cluster.troubles() == {"no kubeconfig": ["runs", "schedules", "locations"]}
    assert words.few(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
