"""Verdicts about passwords: bcrypt beside the event loop, and each question only once."""

import asyncio
import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import bcrypt

_HASH = re.compile(rb"\$2[abxy]\$(?:0[4-9]|[12]\d|3[01])\$([./A-Za-z0-9]{22})[./A-Za-z0-9]{31}")
_BYTES = 72
"""bcrypt looks no further, and Go and htpasswd cut a longer password there."""


class BusyError(Exception):
    """More passwords wait for their verdict than should."""


def flaw(hashed: str) -> str:
    """Say what is wrong with a bcrypt hash; "" if nothing is."""
    written = hashed.encode("utf-8", "replace")
    form = _HASH.fullmatch(written)
    if form is None:
        return "this is no bcrypt hash"
    try:
        bcrypt.hashpw(b"", b"$2b$04$" + form[1])
    except ValueError:
        return "this is no bcrypt hash: its salt is damaged"
    return ""


class Verdicts:
    """Says whether a password is a user's. bcrypt takes 50 ms and more, so verdicts are kept.

    Kept are a constant number of keyed hashes of user, password and bcrypt hash, the key being drawn at start: no
    password, and nothing that helps to guess one elsewhere. Wrong passwords have a store of their own, so that
    guessing pushes no scraper out. Two threads compute; more than `waiting` questions at once are BusyError.
    """

    def __init__(self, *, threads: int = 2, waiting: int = 64, kept: int = 256) -> None:
        self._threads = threads
        self._waiting = waiting
        self._kept = kept
        self._secret = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._open: dict[bytes, asyncio.Future[bool]] = {}
        self._pool: ThreadPoolExecutor | None = None

    async def check(self, users: Mapping[str, bytes], user: str, password: bytes) -> bool:
        """Return whether the password is right. Raises BusyError.

        An unknown user costs what a known one costs: the password is compared with the hash of a user chosen by
        the name, and then refused. The toolkit's fixed hash of cost 10 would tell the names where others cost 12.
        """
        known = user in users
        hashed = users[user] if known else self._stand_in(users, user)
        key = self._digest(
            user.encode("utf-8", "surrogatepass"), b"known" if known else b"", hashed, password
        )
        for store in (self._right, self._wrong):
            if key in store:
                store.move_to_end(key)
                return store is self._right
        verdict = self._open.get(key)
        if verdict is None:
            if len(self._open) >= self._waiting:
                raise BusyError
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="bcrypt")
            verdict = asyncio.get_running_loop().run_in_executor(
                self._pool, _compare, password[:_BYTES], hashed, known
            )
            self._open[key] = verdict
            verdict.add_done_callback(partial(self._keep, key))
        return await asyncio.shield(verdict)

    def close(self) -> None:
        """Give up what waits; a comparison under way ends by itself."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _keep(self, key: bytes, verdict: "asyncio.Future[bool]") -> None:
        self._open.pop(key, None)
        if verdict.cancelled() or verdict.exception() is not None:
            return
        store = self._right if verdict.result() else self._wrong
        store[key] = None
        if len(store) > self._kept:
            store.popitem(last=False)

    def _stand_in(self, users: Mapping[str, bytes], user: str) -> bytes:
        hashes = sorted(users.values())
        number = int.from_bytes(self._digest(user.encode("utf-8", "surrogatepass"))[:8], "big")
        return hashes[number % len(hashes)]

    def _digest(self, *parts: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._secret, digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()


def _compare(password: bytes, hashed: bytes, known: bool) -> bool:
    return bcrypt.checkpw(password, hashed) and known
