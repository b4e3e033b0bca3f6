"""Lists in pages, as a reflector tells them."""

import pytest

from backup_sentinel.kube.change import Change, Outage
from backup_sentinel.kube.listing import CHUNK
from kube.following import MakeReflector, brief, take
from kube.scripted import (
    BACKUPS,
    Answer,
    Server,
    body,
    page,
    silence,
    status,
    status_object,
    stream,
    text,
)


@pytest.fixture(autouse=True)
def _watched(server: Server) -> None:
    server.serve()
    server.on(BACKUPS, stream(then="hang"), kind="watch")


async def test_empty_list_is_complete(server: Server, reflector: MakeReflector) -> None:
    server.on(BACKUPS, page(), kind="list")
    assert brief(await take(reflector(), 1)) == ["[]"]


async def test_never_asks_for_version_zero_or_any(server: Server, reflector: MakeReflector) -> None:
    server.on(BACKUPS, page("a"), kind="list")
    await take(reflector(page_size=7), 1)
    assert [seen.query for seen in server.asked(kind="list")] == [{"limit": "7"}]


async def test_large_page_comes_in_chunks(server: Server, reflector: MakeReflector) -> None:
    names = [f"b{number}" for number in range(2 * CHUNK + 1)]
    server.on(BACKUPS, page(*names), kind="list")
    changes = await take(reflector(page_size=5000), 3)
    assert [(c.first, c.complete) for c in changes] == [(True, False), (False, False), (False, True)]  # type: ignore[union-attr]
    assert [name for c in changes for name in c.values] == names  # type: ignore[union-attr]


async def test_expired_token_starts_again_with_larger_pages(server: Server, reflector: MakeReflector) -> None:
    expired = {**status_object(410, "Expired", "too old"), "metadata": {"continue": "inconsistent"}}
    server.on(
        BACKUPS,
        page("a", token="one", version="10"),
        body(expired, 410),
        page("b", token="two", version="30"),
        page("c", version="30"),
        kind="list",
    )
    assert brief(await take(reflector(), 4)) == ["[a", "[b", "c]", "."]
    assert [(seen.query["limit"], seen.query.get("continue")) for seen in server.asked(kind="list")] == [
        ("500", None),
        ("500", "one"),
        ("1000", None),
        ("1000", "two"),
    ]
    assert server.asked(kind="watch")[0].query["resourceVersion"] == "30"


async def test_pages_grow_to_a_limit_and_end_in_an_outage(server: Server, reflector: MakeReflector) -> None:
    server.on(BACKUPS, status(410, "Expired"), kind="list")
    assert brief(await take(reflector(), 1)) == ["!expired"]
    assert [seen.query["limit"] for seen in server.asked(kind="list")] == [
        "500",
        "1000",
        "2000",
        "4000",
        "5000",
    ]


@pytest.mark.parametrize(
    ("answer", "outage"),
    [
        (status(500, "InternalError", "etcd is away", http=200), "!server_error"),
        (status(401, "Unauthorized", http=200), "!unauthorized"),
        (body({"kind": "BackupList", "metadata": {"resourceVersion": "1"}}), "!bad_answer"),
        (body({"kind": "BackupList", "items": []}), "!bad_answer"),
        (body({}), "!bad_answer"),
        (text("<html>sign in</html>", content_type="text/html"), "!bad_answer"),
        (text("<html>sign in</html>", content_type="application/json"), "!bad_answer"),
        (text("", content_type="application/json"), "!bad_answer"),
        (text('{"items":[{"metadata":{"name"', content_type="application/json"), "!bad_answer"),
        (page("a", remaining=7), "!bad_answer"),
        (stream(b'{"items":[{"metadata"', then="cut"), "!unreachable"),
        (status(503, "ServiceUnavailable"), "!server_error"),
        (status(429, "TooManyRequests"), "!throttled"),
        (status(403, "Forbidden", "backups.velero.io is forbidden"), "!forbidden"),
    ],
)
async def test_what_is_no_list_is_an_outage(
    server: Server, reflector: MakeReflector, answer: Answer, outage: str
) -> None:
    server.on(BACKUPS, answer, page("a"), kind="list")
    assert brief(await take(reflector(), 3)) == [outage, "[a]", "."]


async def test_later_page_that_fails_never_completes_the_list(
    server: Server, reflector: MakeReflector
) -> None:
    broken = stream(b'{"items":[', then="cut")
    server.on(BACKUPS, page("a", token="x"), broken, page("a", token="y"), page("b"), kind="list")
    assert brief(await take(reflector(), 4)) == ["[a", "!unreachable", "[a", "b]"]


async def test_list_that_goes_in_circles_is_an_outage(server: Server, reflector: MakeReflector) -> None:
    server.on(BACKUPS, page("a", token="same"), kind="list")
    assert brief(await take(reflector(), 2)) == ["[a", "!bad_answer"]


async def test_page_that_does_not_come_is_a_timeout(
    server: Server, reflector: MakeReflector, quick: dict[str, object]
) -> None:
    server.on(BACKUPS, silence(), kind="list")
    assert brief(await take(reflector(**quick), 1)) == ["!timeout"]


async def test_error_of_a_status_is_told(server: Server, reflector: MakeReflector) -> None:
    server.on(BACKUPS, status(500, "InternalError", "etcd is away", http=200), kind="list")
    changes: list[Change[str]] = await take(reflector(), 1)
    assert isinstance(changes[0], Outage)
    assert str(changes[0].error) == f"GET {BACKUPS}: 500: etcd is away"


@pytest.mark.parametrize("version", [None, "", "0"])
async def test_without_a_version_the_list_is_polled(
    server: Server, reflector: MakeReflector, version: str | None
) -> None:
    server.on(BACKUPS, page("a", version=version), kind="list")
    follower = reflector(poll_interval=None)
    assert brief(await take(follower, 3)) == ["[a]", "[a]", "[a]"]
    assert not server.asked(kind="watch")
    assert follower.max_silence < 200


async def test_lower_version_after_a_relist_is_believed(server: Server, reflector: MakeReflector) -> None:
    server.on(BACKUPS, page("a", version="1000"), page("a", version="5"), kind="list")
    server.on(BACKUPS, status(410, "Expired"), stream(then="hang"), kind="watch")
    assert brief(await take(reflector(), 3)) == ["[a]", "[a]", "."]
    assert [seen.query["resourceVersion"] for seen in server.asked(kind="watch")] == ["1000", "5"]
