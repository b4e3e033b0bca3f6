"""The page that is asked for in advance: what is guessed, and what becomes of it when the guess or the list is wrong."""

import asyncio
import json
from contextlib import aclosing

import pytest

from backup_sentinel.kube.ahead import Ahead, guess
from kube.following import MakeReflector, brief, take
from kube.scripted import (
    BACKUPS,
    Answer,
    Server,
    backup,
    body,
    page,
    silence,
    status,
    stream,
)


@pytest.fixture(autouse=True)
def _watched(server: Server) -> None:
    server.serve()
    server.on(BACKUPS, stream(then="hang"), kind="watch")


def tokens(server: Server) -> list[str | None]:
    return [seen.query.get("continue") for seen in server.asked(kind="list")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"items":[],"kind":"BackupList","metadata":{"continue":"two","resourceVersion":"1"}}', "two"),
        ('{"items": [], "metadata": {"resourceVersion": "1", "continue": "two"}}', "two"),
        ('{"kind":"JobList","metadata":{"resourceVersion":"1","continue":"two"},"items":[]}', "two"),
        ('{"items":[],"metadata":{"continue":"","resourceVersion":"1"}}', ""),
        ('{"items":[],"metadata":{"resourceVersion":"1"}}', ""),
        ('{"items":[],"metadata":{"continue":"t\\u0077o"}}', ""),
        (
            '{"items":[{"metadata":{"annotations":{"continue":"lure"}}}],"metadata":{"resourceVersion":"1"}}',
            "",
        ),
        ("", ""),
    ],
)
def test_guess(text: str, found: str) -> None:
    assert guess(text.encode()) == found


def test_guess_looks_at_the_ends_of_a_large_page_only() -> None:
    items = [backup(f"b{number}") for number in range(2000)]
    listed = {"kind": "BackupList", "items": items, "metadata": {"continue": "two"}}
    assert guess(json.dumps(listed).encode()) == "two"
    listed = {"kind": "BackupList", "metadata": {"continue": "two"}, "items": items}
    assert guess(json.dumps(listed).encode()) == "two"


async def test_next_page_is_asked_for_before_this_one_is_taken(
    server: Server, reflector: MakeReflector
) -> None:
    server.on(BACKUPS, page("a", token="one"), silence(), kind="list")
    async with asyncio.timeout(10), aclosing(reflector().changes()) as changes:
        assert brief([await anext(changes)]) == ["[a"]
        await server.until_hanging(1)
        assert tokens(server) == [None, "one"]


async def test_leaving_gives_up_the_page_that_is_under_way(server: Server, reflector: MakeReflector) -> None:
    server.on(BACKUPS, page("a", token="one"), silence(), kind="list")
    changes = reflector().changes()
    async with asyncio.timeout(10):
        await anext(changes)
        await server.until_hanging(1)
        await changes.aclose()
        await server.until_hanging(0)


async def test_cancelling_gives_up_the_page_that_is_under_way(
    server: Server, reflector: MakeReflector
) -> None:
    server.on(BACKUPS, page("a", token="one"), silence(), kind="list")
    following = asyncio.create_task(take(reflector(), 2))
    await server.until_hanging(1)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    await server.until_hanging(0)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (page(token="two"), ["[a", "", "b]"]),
        (status(410, "Expired"), ["[a", "[b]"]),
        (status(500), ["[a", "!server_error", "[b]"]),
        (status(429, "TooManyRequests"), ["[a", "!throttled", "[b]"]),
        (body({"kind": "Status"}), ["[a", "!bad_answer", "[b]"]),
        (page("c", remaining=3), ["[a", "!bad_answer", "[b]"]),
    ],
)
async def test_what_was_asked_for_in_advance_counts_when_its_turn_comes(
    server: Server, reflector: MakeReflector, bad: Answer, told: list[str]
) -> None:
    server.on(BACKUPS, page("a", token="one"), bad, page("b"), kind="list")
    assert brief(await take(reflector(), len(told))) == told


async def test_a_wrong_guess_costs_a_request_and_nothing_else(
    server: Server, reflector: MakeReflector
) -> None:
    lure = {**backup("a"), "spec": {"metadata": {"continue": "lure"}}}
    listed = {"metadata": {"resourceVersion": "10"}, "kind": "BackupList", "items": [lure]}
    server.on(BACKUPS, body(listed), page("wrong"), kind="list")
    assert brief(await take(reflector(), 2)) == ["[a]", "."]


async def test_a_page_that_names_itself_is_not_asked_for_again(
    server: Server, reflector: MakeReflector
) -> None:
    server.on(BACKUPS, page("a", token="one"), page("b", token="one"), page("c"), kind="list")
    assert brief(await take(reflector(), 3)) == ["[a", "!bad_answer", "[c]"]
    assert tokens(server) == [None, "one", None]


async def test_another_token_than_expected_is_asked_for_anew() -> None:
    asked: list[str] = []

    async def ask(token: str) -> bytes:
        asked.append(token)
        await asyncio.sleep(0)
        return token.encode()

    async with Ahead(ask) as ahead:
        await ahead.expect("guessed")
        assert await ahead.get("true") == b"true"
        await ahead.expect("next")
        assert await ahead.get("next") == b"next"
        assert asked == ["guessed", "true", "next"]


async def test_what_fails_unheard_is_no_error() -> None:
    async def ask(token: str) -> bytes:
        raise OSError(token)

    async with Ahead(ask) as ahead:
        await ahead.expect("one")
        await asyncio.sleep(0)
