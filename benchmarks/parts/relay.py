"""The relay as a process: messages accepted a second, delay for each kind of channel, and a long backlog."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.alertmanagers import bodies, body, post
from benchmarks.inboxes import INBOXES, Inbox, webhook
from benchmarks.machine import MEGABYTE, Usage, usage
from benchmarks.parts.row import Row, row
from benchmarks.subjects import WORK
from relay.relay_process import Relay

DOWN = {
    "type": "webhook",
    "name": "down",
    "url": "http://127.0.0.1:1/",
    "delivery": {"max_pending": 1_000_000},
}
"""A channel whose receiver is not there."""
ROUNDS = 3
SECONDS = 3.0
"""How long each round of bare transactions takes."""
SENDERS = 64
DELAYS = 200
WARM = 20


class Subject(Relay):
    """A relay whose use of the machine can be seen."""

    @property
    def usage(self) -> Usage:
        """What it has used so far."""
        return usage(self.pid)


def run(size: int) -> list[Row]:
    """Measure, with `size` messages that wait."""
    return [*_accepted(), *asyncio.run(_delays()), *asyncio.run(_waiting(size))]


def _accepted() -> list[Row]:
    """Take turns with transactions that do nothing but last, so that both meet the same disk."""
    bare, alone, many, waits, costs = [], [], [], [], []
    with _folder("accepted") as folder, Subject(folder, channels=[DOWN]) as relay:
        messages = bodies()
        for _ in range(ROUNDS):
            bare.append(_transactions(folder / "bare.db"))
            began = time.perf_counter()
            asyncio.run(post(relay.port, messages, int(SECONDS * bare[-1] / 2), 1))
            alone.append(int(SECONDS * bare[-1] / 2) / (time.perf_counter() - began))
            count, before, began = int(SECONDS * 500), relay.usage.cpu, time.perf_counter()
            waits += asyncio.run(post(relay.port, messages, count, SENDERS))
            many.append(count / (time.perf_counter() - began))
            costs.append((relay.usage.cpu - before) / count)
    ratio = median(mine / theirs for mine, theirs in zip(many, bare, strict=True))
    return [
        row("bare transactions of SQLite, committed one by one", "a second", median(bare)),
        row("accepted from one sender", "a second", median(alone)),
        row(f"accepted from {SENDERS} senders", "a second", median(many), least=500),
        row(f"accepted from {SENDERS} senders, against bare transactions", "times", ratio),
        row(f"{SENDERS} senders: answer, p50", "ms", median(waits) * 1e3),
        row(f"{SENDERS} senders: answer, p99", "ms", _high(waits) * 1e3),
        row(f"{SENDERS} senders: processor time for each", "us", median(costs) * 1e6),
    ]


async def _delays() -> list[Row]:
    """Measure from the request to the arrival, one message after the other."""
    rows = []
    for kind, inbox in INBOXES.items():
        with _folder(kind) as folder:
            async with inbox(folder) as there:
                with Subject(folder, channels=[there.settings]) as relay:
                    found = await _arrivals(relay, there)
        rows += _delay(f"{kind}: from the request to the arrival", found)
    return rows


async def _waiting(size: int) -> list[Row]:
    """Let messages wait for a receiver that is down; start again; see what another channel notices; deliver."""
    with _folder("waiting") as folder:
        async with webhook(folder) as there:
            intake = {"max_pending": 2 * size}
            relay = Subject(folder, channels=[DOWN], intake=intake)
            began = time.perf_counter()
            with relay:
                first = time.perf_counter() - began
                await post(relay.port, bodies(), WARM, 1)
                empty, began = relay.usage.resident, time.perf_counter()
                await post(relay.port, bodies(WARM), size - WARM, SENDERS)
                taken, full = time.perf_counter() - began, relay.usage
                began = time.perf_counter()
            stopping = time.perf_counter() - began
            file = (folder / "relay.db").stat().st_size
            relay.settings["channels"] = [DOWN, there.settings]
            began = time.perf_counter()
            with relay:
                starting, again = time.perf_counter() - began, relay.usage
                beside = await _arrivals(relay, there, first=size)
        async with webhook(folder) as back:
            relay.settings["channels"] = [{**DOWN, "url": back.settings["url"]}]
            count, began = size + len(beside), time.perf_counter()
            with relay:
                while back.arrived() < count:  # noqa: ASYNC110 - a number is what is asked for
                    await asyncio.sleep(0.02)
                drained, used = time.perf_counter() - began, relay.usage
    many = f"{size:,} wait"
    return [
        row(f"{many}: accepted until then", "a second", (size - WARM) / taken, least=500),
        row(f"{many}: resident", "MB", full.resident / MEGABYTE),
        row(f"{many}: resident beyond that of an empty outbox", "MB", (full.resident - empty) / MEGABYTE),
        row(f"{many}: file, for each", "bytes", file / size),
        row(f"{many}: end", "s", stopping),
        row(f"{many}: start until ready", "s", starting),
        row("start until ready with an empty outbox", "s", first),
        row(f"{many}: resident after the start", "MB", again.resident / MEGABYTE),
        *_delay(f"{many} for another channel: webhook, to the arrival", beside),
        row(f"{many}: delivered from the start of the process", "a second", count / drained),
        row(f"{many}: processor time for the delivery of each", "us", used.cpu / count * 1e6),
        row(f"{many}: peak of the delivery", "MB", used.peak / MEGABYTE),
    ]


async def _arrivals(relay: Subject, inbox: Inbox, first: int = 0) -> list[float]:
    """Return the seconds from each request until the message is there; the first ones, which connect, are left out."""
    found = []
    for number in range(first, first + WARM + DELAYS):
        before, began = inbox.arrived(), time.perf_counter()
        await post(relay.port, iter([body(number)]), 1, 1)
        async with asyncio.timeout(60):
            while inbox.arrived() == before:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.0005)
        found.append(time.perf_counter() - began)
    return found[WARM:]


def _transactions(file: Path) -> float:
    """Return how many transactions a second last, each with one row of a message's size."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS message (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        text, count, began = body(0), 0, time.perf_counter()
        while time.perf_counter() - began < SECONDS:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO message (body) VALUES (?)", (text,))
            connection.execute("COMMIT")
            count += 1
        return count / (time.perf_counter() - began)


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    """Give an empty folder, and take it away."""
    folder = WORK / "relay" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


def _delay(what: str, seconds: Sequence[float]) -> list[Row]:
    return [
        row(f"{what}, p50", "ms", median(seconds) * 1e3),
        row(f"{what}, p99", "ms", _high(seconds) * 1e3),
    ]


def _high(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
