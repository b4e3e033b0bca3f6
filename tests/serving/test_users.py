import asyncio
import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bcrypt
import pytest

from backup_sentinel.serving.door.users import BusyError, Verdicts, flaw
from serving.conftest import Start
from serving.kit import ROUTES


def hashed(password: bytes, cost: int = 4, prefix: bytes = b"2b") -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(cost, prefix=prefix)).decode()


USERS = {"ann": hashed(b"right"), "b\u00f6b": hashed("p\u00e4ss:w\u00f6rd".encode()), "cat": hashed(b"")}


class Counted:
    """Counts what bcrypt is asked, and in which threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[bytes] = []
        self.threads: set[str] = set()
        self._check = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self)

    def __call__(self, password: bytes, against: bytes) -> bool:
        self.calls.append(against)
        self.threads.add(threading.current_thread().name)
        return self._check(password, against)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def test_nothing_is_reachable_without_a_password(start: Start) -> None:
    server = start({"basic_auth_users": USERS})
    for path in (*ROUTES, "/nowhere", "/%2e%2e/-/healthy", "//-/healthy"):
        for user in (None, "ann:wrong", "ann:", "ann", "nobody:right", ":right", "Ann:right", "cat:x"):
            got = server.ask(path, user=user)
            assert (got.status, got.body) == (401, b"Unauthorized\n")
            assert got.headers["www-authenticate"] == ['Basic realm="Backup Sentinel", charset="UTF-8"']
            assert got.headers["connection"] == ["close"]
    assert {status for _, _, status in server.seen} == {401}
    for path in ROUTES:
        assert server.ask(path, user="ann:right").status == 200


def test_passwords(start: Start) -> None:
    server = start({"basic_auth_users": USERS})
    for user in ("ann:right", "b\u00f6b:p\u00e4ss:w\u00f6rd", "cat:"):
        assert server.ask(user=user).status == 200


def test_other_headers(start: Start) -> None:
    server = start({"basic_auth_users": USERS})
    for header in (
        "Bearer cmlnaHQ=",
        "Basic",
        "Basic ",
        "Basic not-base64!",
        "Basic " + base64.b64encode(b"\xff\xfe:right").decode(),
        "Basic " + base64.b64encode(b"ann right").decode(),
        "Digest username=ann",
        base64.b64encode(b"ann:right").decode(),
    ):
        assert server.ask(headers={"Authorization": header}).status == 401


def test_the_scheme_is_read_in_any_case(start: Start) -> None:
    header = "bASIC " + base64.b64encode(b"ann:right").decode()
    assert start({"basic_auth_users": USERS}).ask(headers={"Authorization": header}).status == 200


def test_two_headers_are_none(start: Start) -> None:
    server = start({"basic_auth_users": USERS})
    line = b"Authorization: Basic " + base64.b64encode(b"ann:right") + b"\r\n"
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + line + line + b"\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 401")


def test_a_verdict_is_kept(start: Start, counted: Counted) -> None:
    server = start({"basic_auth_users": USERS})
    for user, status in (("ann:right", 200), ("ann:wrong", 401), ("nobody:right", 401)):
        counted.calls.clear()
        assert [server.ask(user=user).status for _ in range(3)] == [status] * 3
        assert len(counted.calls) == 1
    assert all(name.startswith("bcrypt") for name in counted.threads)


def test_prefixes_of_htpasswd_and_others(start: Start) -> None:
    written = hashed(b"right")[4:]
    server = start(
        {"basic_auth_users": {prefix: f"${prefix}${written}" for prefix in ("2a", "2b", "2y", "2x")}}
    )
    for name in ("2a", "2b", "2y", "2x"):
        assert server.ask(user=f"{name}:right").status == 200
        assert server.ask(user=f"{name}:wrong").status == 401


def test_bytes_past_the_72nd_do_not_count(start: Start) -> None:
    """As in Go and htpasswd; bcrypt 5 raises where it is asked to cut."""
    server = start({"basic_auth_users": {"ann": hashed(b"x" * 72)}})
    assert server.ask(user="ann:" + "x" * 90).status == 200
    assert server.ask(user="ann:" + "x" * 71).status == 401


def test_many_clients_ask_bcrypt_once(start: Start, counted: Counted) -> None:
    server = start({"basic_auth_users": {"ann": hashed(b"right", 8)}})
    with ThreadPoolExecutor(20) as pool:
        assert {got.status for got in pool.map(lambda _: server.ask(user="ann:right"), range(40))} == {200}
    assert len(counted.calls) == 1


async def test_the_event_loop_turns_meanwhile() -> None:
    verdicts = Verdicts()
    users = {"ann": hashed(b"right", 11).encode()}
    question = asyncio.create_task(verdicts.check(users, "ann", b"right"))
    turns = 0
    while not question.done():
        await asyncio.sleep(0)
        turns += 1
    assert await question
    assert turns > 20
    verdicts.close()


async def test_questions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    going, most, now, release = 0, 0, threading.Lock(), threading.Event()
    both = threading.Semaphore(0)

    def slow(_: bytes, __: bytes) -> bool:
        nonlocal going, most
        with now:
            going += 1
            most = max(most, going)
        both.release()
        release.wait(10)
        with now:
            going -= 1
        return False

    monkeypatch.setattr(bcrypt, "checkpw", slow)
    verdicts = Verdicts(threads=2, waiting=5)
    users = {"ann": hashed(b"right").encode()}
    questions = [asyncio.create_task(verdicts.check(users, "ann", b"%d" % i)) for i in range(5)]
    for _ in range(2):
        assert await asyncio.to_thread(both.acquire, timeout=10)
    with pytest.raises(BusyError):
        await verdicts.check(users, "ann", b"one more")
    release.set()
    assert await asyncio.gather(*questions) == [False] * 5
    assert most == 2
    verdicts.close()


def test_too_many_questions_are_told_to_come_back(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(*_: Any) -> bool:
        raise BusyError

    monkeypatch.setattr(Verdicts, "check", busy)
    got = start({"basic_auth_users": USERS}).ask(user="ann:right")
    assert (got.status, got.headers["retry-after"]) == (503, ["1"])


async def test_guessing_pushes_no_scraper_out(counted: Counted) -> None:
    verdicts = Verdicts(kept=4)
    users = {"ann": USERS["ann"].encode()}
    assert await verdicts.check(users, "ann", b"right")
    for number in range(20):
        assert not await verdicts.check(users, "ann", b"%d" % number)
    counted.calls.clear()
    assert await verdicts.check(users, "ann", b"right")
    assert not counted.calls
    assert len(verdicts._wrong) == 4
    verdicts.close()


async def test_no_password_is_kept() -> None:
    verdicts = Verdicts()
    users = {"ann": USERS["ann"].encode()}
    await verdicts.check(users, "ann", b"right")
    await verdicts.check(users, "ann", b"wrong-hunter2")
    kept = [*verdicts._right, *verdicts._wrong]
    assert [len(key) for key in kept] == [32, 32]
    other = Verdicts()
    await other.check(users, "ann", b"right")
    assert not set(other._right) & set(verdicts._right)
    verdicts.close()
    other.close()


async def test_an_unknown_user_costs_what_a_known_one_costs(counted: Counted) -> None:
    users = {"ann": hashed(b"right", 5).encode(), "bob": hashed(b"other", 5).encode()}
    verdicts = Verdicts()
    for name in ("eve", "mallory", "trent"):
        assert not await verdicts.check(users, name, b"right")
        assert not await verdicts.check(users, name, b"other")
    assert len(counted.calls) == 6
    assert set(counted.calls) <= set(users.values())
    began = time.perf_counter()
    assert not await verdicts.check(users, "eve", b"right")
    assert time.perf_counter() - began < 1
    users["eve"] = counted.calls[0]
    right = b"right" if users["eve"] == users["ann"] else b"other"
    assert await verdicts.check(users, "eve", right), "a verdict of a stranger is none of a user"
    verdicts.close()


@pytest.mark.parametrize(
    "written",
    [
        "",
        "doe",
        "$2b$10$short",
        "$2b$03$" + "a" * 53,
        "$2b$32$" + "a" * 53,
        "$1$" + "a" * 57,
        "$2b$10$" + "!" * 53,
    ],
)
def test_what_is_no_hash(written: str) -> None:
    assert flaw(written)
    assert not flaw(USERS["ann"])
