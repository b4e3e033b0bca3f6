"""Watches: how they end, and how they are resumed."""

import asyncio
from contextlib import aclosing
from itertools import groupby

import pytest

from backup_sentinel.kube.change import Put
from backup_sentinel.kube.lines import BURST
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
    silence,
    status,
    status_object,
    stream,
    text,
)


@pytest.fixture(autouse=True)
def _listed(server: Server) -> None:
    server.serve()
    server.on(BACKUPS, page("a"), page("again", version="50"), kind="list")


def resumed(server: Server) -> list[str]:
    return [seen.query["resourceVersion"] for seen in server.asked(kind="watch")]


async def test_others_get_their_turn_in_a_burst_of_events(server: Server, reflector: MakeReflector) -> None:
    count = 10 * BURST
    server.on(BACKUPS, stream(*[added("b", 31 + n) for n in range(count)], then="hang"), kind="watch")
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    busy, seen = asyncio.create_task(others()), list[int]()
    async with asyncio.timeout(10), aclosing(reflector().changes()) as changes:
        async for change in changes:
            seen += [turns] if isinstance(change, Put) else []
            if len(seen) == count:
                break
    busy.cancel()
    assert max(len(list(at_once)) for _, at_once in groupby(seen)) <= BURST


async def test_bookmarks_and_events_move_the_version(server: Server, reflector: MakeReflector) -> None:
    server.on(
        BACKUPS, stream(bookmark(30)), stream(added("b", 31)), stream(), stream(then="hang"), kind="watch"
    )
    await take(reflector(), 7)
    assert resumed(server) == ["10", "30", "31", "31"]


async def test_expired_version_lists_again_without_outage(
    server: Server, reflector: MakeReflector, clock: FakeClock
) -> None:
    server.on(BACKUPS, status(410, "Expired"), stream(then="hang"), kind="watch")
    assert brief(await take(reflector(), 3)) == ["[a]", "[again]", "."]
    assert clock.slept


async def test_expired_version_inside_a_stream(
    server: Server, reflector: MakeReflector, clock: FakeClock
) -> None:
    # What a real server does: HTTP 200, then the error as an event.
    expired = stream(event("ERROR", status_object(410, "Expired", "too old resource version")))
    server.on(BACKUPS, expired, stream(then="hang"), kind="watch")
    assert brief(await take(reflector(), 4)) == ["[a]", ".", "[again]", "."]
    assert clock.slept


async def test_version_of_the_future_lists_again(server: Server, reflector: MakeReflector) -> None:
    message = "Too large resource version: 10, current: 3"
    server.on(BACKUPS, status(504, "Timeout", message), stream(then="hang"), kind="watch")
    assert brief(await take(reflector(), 3)) == ["[a]", "[again]", "."]


@pytest.mark.parametrize(
    ("answer", "outage"),
    [
        (stream(event("ERROR", status_object(500, "InternalError", "boom"))), "!server_error"),
        (stream(event("ERROR", {"odd": True})), "!bad_answer"),
        (stream(b"<html>502</html>\n"), "!bad_answer"),
        (stream(b"\n"), "!bad_answer"),
        (stream(b'{"type":"BOOKMARK","object":{}}\n'), "!bad_answer"),
        (text("<html/>", content_type="text/html"), "!bad_answer"),
        (text("bad gateway", 502), "!server_error"),
        (status(401, "Unauthorized"), "!unauthorized"),
    ],
)
async def test_other_trouble_is_an_outage_and_resumes(
    server: Server, reflector: MakeReflector, answer: Answer, outage: str
) -> None:
    server.on(BACKUPS, answer, stream(added("b", 12), then="hang"), kind="watch")
    changes = brief(await take(reflector(), 4))
    assert [change for change in changes if change != "."][:2] == ["[a]", outage]
    assert resumed(server) == ["10", "10"]
    assert len(server.asked(kind="list")) == 1


@pytest.mark.parametrize(
    "answer", [stream(added("b", 11), then="cut"), stream(added("b", 11), b'{"type":"ADD')]
)
async def test_cut_connection_is_no_outage_while_the_next_one_works(
    server: Server, reflector: MakeReflector, answer: Answer
) -> None:
    server.on(BACKUPS, answer, stream(then="hang"), kind="watch")
    assert brief(await take(reflector(), 4)) == ["[a]", ".", "+b", "."]
    assert resumed(server) == ["10", "11"]


async def test_half_open_connection_is_found_by_its_silence(
    server: Server, reflector: MakeReflector, quick: dict[str, object]
) -> None:
    server.on(BACKUPS, stream(added("b", 11), then="hang"), stream(added("c", 12), then="hang"), kind="watch")
    assert brief(await take(reflector(**quick), 5)) == ["[a]", ".", "+b", ".", "+c"]


async def test_server_that_accepts_and_says_nothing_is_an_outage(
    server: Server, reflector: MakeReflector, quick: dict[str, object]
) -> None:
    server.on(BACKUPS, silence(), kind="watch")
    assert brief(await take(reflector(**quick), 2)) == ["[a]", "!timeout"]


async def test_large_object_passes(server: Server, reflector: MakeReflector) -> None:
    big = {**backup("big", 11), "spec": {"text": "x" * (5 << 20)}}
    server.on(BACKUPS, stream(event("ADDED", big), added("c", 12), then="hang"), kind="watch")
    assert brief(await take(reflector(), 4)) == ["[a]", ".", "+big", "+c"]


async def test_oversized_line_is_refused_and_listed_around(server: Server, reflector: MakeReflector) -> None:
    huge = {**backup("huge", 11), "spec": {"text": "x" * (17 << 20)}}
    server.on(BACKUPS, stream(event("ADDED", huge), then="hang"), stream(then="hang"), kind="watch")
    assert brief(await take(reflector(), 5)) == ["[a]", ".", "!bad_answer", "[again]", "."]


async def test_malformed_object_and_unknown_event_stop_nothing(
    server: Server, reflector: MakeReflector
) -> None:
    lines = [b'{"type":"ADDED","object":[]}\n', event("NOVELTY", {}), added("b", 12)]
    server.on(BACKUPS, stream(*lines, then="hang"), kind="watch")
    assert brief(await take(reflector(), 4)) == ["[a]", ".", "+!", "+b"]


async def test_lagging_server_does_not_move_the_version_back(
    server: Server, reflector: MakeReflector
) -> None:
    server.on(BACKUPS, stream(bookmark(30)), stream(bookmark(20)), stream(then="hang"), kind="watch")
    await take(reflector(), 6)
    assert resumed(server) == ["10", "30", "30"]


async def test_forbidden_watch_becomes_a_poll_until_it_is_allowed(
    server: Server, reflector: MakeReflector, clock: FakeClock
) -> None:
    forbidden = status(403, "Forbidden", "cannot watch")
    server.on(BACKUPS, forbidden, forbidden, stream(then="hang"), kind="watch")
    follower = reflector()
    assert brief(await take(follower, 4)) == ["[a]", "[again]", "[again]", "."]
    soon, later = clock.slept
    assert soon < 5, "perhaps listing is forbidden by now too"
    assert later == 60
    assert follower.max_silence > 300


async def test_version_that_the_server_never_reaches_is_given_up(
    server: Server, reflector: MakeReflector, clock: FakeClock
) -> None:
    server.on(BACKUPS, stream(bookmark(900)), stream(), kind="watch")
    changes = reflector().changes()
    seen = ""
    while "[again]" not in seen:
        seen += brief([await anext(changes)])[0]
        clock.time += 280
    await changes.aclose()
    assert seen == "[a]" + ".." + "...." + "[again]"
