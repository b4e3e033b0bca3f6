"""Lists as streams (WatchList), and the ways back to pages."""

import pytest

from backup_sentinel.kube.listing import CHUNK
from kube.following import MakeReflector, brief, take
from kube.scripted import (
    BACKUPS,
    Answer,
    FakeClock,
    Server,
    added,
    backup,
    bookmark,
    event,
    page,
    status,
    status_object,
    stream,
    text,
)


@pytest.fixture(autouse=True)
def _watched(server: Server) -> None:
    server.serve()
    server.on(BACKUPS, page("paged"), kind="list")
    server.on(BACKUPS, stream(then="hang"), kind="watch")


async def test_state_ends_at_the_marked_bookmark_only(server: Server, reflector: MakeReflector) -> None:
    lines = [bookmark(1), added("a", 2), bookmark(3), added("b", 4), bookmark(9, end=True)]
    server.on(BACKUPS, stream(*lines, then="hang"), kind="stream")
    assert brief(await take(reflector(), 2)) == ["[a b]", "."]
    asked = server.asked(kind="stream")[0].query
    assert asked.pop("timeoutSeconds")
    assert asked == {
        "watch": "true",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    assert server.asked(kind="watch")[0].query["resourceVersion"] == "9"
    assert not server.asked(kind="list")


async def test_state_comes_in_batches(server: Server, reflector: MakeReflector) -> None:
    lines = [added(f"b{number}", number) for number in range(1, 2 * CHUNK + 2)]
    server.on(BACKUPS, stream(*lines, bookmark(2000, end=True), then="hang"), kind="stream")
    changes = await take(reflector(), 3)
    assert [(c.first, c.complete, len(c.values)) for c in changes] == [  # type: ignore[union-attr]
        (True, False, CHUNK),
        (False, False, CHUNK),
        (False, True, 1),
    ]


async def test_empty_state(server: Server, reflector: MakeReflector) -> None:
    server.on(BACKUPS, stream(bookmark(9, end=True)), kind="stream")
    assert brief(await take(reflector(), 1)) == ["[]"]


async def test_object_deleted_meanwhile_does_not_stay(server: Server, reflector: MakeReflector) -> None:
    lines = [added("a", 1), event("DELETED", backup("a", 2)), added("b", 3), bookmark(4, end=True)]
    server.on(BACKUPS, stream(*lines), kind="stream")
    assert brief(await take(reflector(), 3)) == ["[a", "-a", "b]"]


@pytest.mark.parametrize("code", [400, 422, 403])
async def test_refusal_is_remembered(server: Server, reflector: MakeReflector, code: int) -> None:
    server.on(BACKUPS, status(code, "Invalid", "sendInitialEvents: Forbidden"), kind="stream")
    server.on(BACKUPS, status(410, "Expired"), stream(then="hang"), kind="watch")
    assert brief(await take(reflector(), 3)) == ["[paged]", "[paged]", "."]
    assert len(server.asked(kind="stream")) == 1


@pytest.mark.parametrize(
    "answer",
    [
        stream(added("a", 1), bookmark(2)),
        stream(added("a", 1), then="cut"),
        stream(added("a", 1), b'{"type":"ADD'),
        stream(added("a", 1), event("ERROR", status_object(410, "Expired"))),
    ],
)
async def test_stream_without_its_end_is_no_list(
    server: Server, reflector: MakeReflector, clock: FakeClock, answer: Answer
) -> None:
    server.on(BACKUPS, answer, stream(added("late", 3), bookmark(4, end=True)), kind="stream")
    server.on(BACKUPS, status(410, "Expired"), kind="watch")
    follower = reflector()
    assert brief(await take(follower, 2)) == ["[paged]", "[paged]"]
    clock.time += 3600
    assert brief(await take(follower, 1)) == ["[late]"]


async def test_half_a_stream_is_taken_back_by_the_pages(server: Server, reflector: MakeReflector) -> None:
    lines = [added(f"b{number}", number) for number in range(1, CHUNK + 1)]
    server.on(BACKUPS, stream(*lines), kind="stream")
    streamed, paged = await take(reflector(), 2)
    assert (streamed.first, streamed.complete) == (True, False)  # type: ignore[union-attr]
    assert brief([paged]) == ["[paged]"]


async def test_server_that_ignores_the_request_is_found_by_its_silence(
    server: Server, reflector: MakeReflector, quick: dict[str, object]
) -> None:
    server.on(BACKUPS, stream(added("a", 1), then="hang"), kind="stream")
    assert brief(await take(reflector(**quick), 2)) == ["[paged]", "."]


@pytest.mark.parametrize(
    ("answer", "outage"),
    [
        (status(429, "TooManyRequests"), "!throttled"),
        (status(500), "!server_error"),
        (text("<html/>", content_type="text/html"), "!bad_answer"),
        (stream(b"<html/>\n"), "!bad_answer"),
        (stream(event("ERROR", status_object(500))), "!server_error"),
    ],
)
async def test_trouble_is_an_outage_and_tried_again(
    server: Server, reflector: MakeReflector, answer: Answer, outage: str
) -> None:
    server.on(BACKUPS, answer, stream(bookmark(4, end=True)), kind="stream")
    assert brief(await take(reflector(), 2)) == [outage, "[]"]


async def test_can_be_switched_off(server: Server, reflector: MakeReflector) -> None:
    await take(reflector(watch_list=False), 2)
    assert not server.asked(kind="stream")
