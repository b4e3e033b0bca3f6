"""Rows of clusters: whether they answer, and what of them cannot be read."""

from backup_sentinel.errors import ApiError
from backup_sentinel.export.overview import (
    words,
)
from export.overview.kit import CRITICAL, LAST, OK, WARNING, look
from export.store.world import (
    FORBIDDEN,
    MONDAY,
    UNREACHABLE,
    World,
    run,
    schedule,
)


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


def test_a_cluster_without_any_operator_is_bare_and_one_that_is_read_is_not(world: World) -> None:
    world.store.missing(world.feed("run"))
    assert look(world).clusters[0].bare
    world.list("run")
    assert not look(world).clusters[0].bare
    assert look(world).clusters[0].operators == ("velero",)


def test_what_is_in_the_way_of_many_resources_is_said_once(world: World) -> None:
    for word in ("run", "schedule", "location"):
        error = ApiError(f"GET /apis/{word}/v1: no kubeconfig", reason=UNREACHABLE.reason)
        world.store.outage(world.feed(word), error)
    [cluster] = look(world).clusters
    assert cluster.troubles() == {"no kubeconfig": ["runs", "schedules", "locations"]}
    assert words.few(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
