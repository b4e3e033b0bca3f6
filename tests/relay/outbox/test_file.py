"""The file of the outbox: who may have it, one that is damaged, and one of another release."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from backup_sentinel.relay.outbox import Hold, Outbox, OutboxError, delivery_id, read_letters
from backup_sentinel.relay.outbox.ledger import lane_of
from backup_sentinel.relay.outbox.schema import MIGRATIONS
from relay.kit import START, HandClock, message, number_of

X = {"x": 1000}


async def test_a_second_writer_is_refused_in_this_process_and_in_another(
    outbox: Outbox, tmp_path: Path, clock: HandClock
) -> None:
    path = str(tmp_path / "relay.db")
    with pytest.raises(OutboxError, match="in use by another process"):
        Outbox.open(path, clock)
    script = f"""
from backup_sentinel.clock import Clock
from backup_sentinel.relay.outbox import Outbox
Outbox.open({path!r}, Clock())
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "in use by another process" in done.stderr
    await outbox.close()
    again = Outbox.open(path, clock)
    await again.close()


@pytest.mark.parametrize("content", [b"this is no database " * 300, b"SQLite format 3\0" + b"\xff" * 8000])
async def test_a_damaged_file_is_said_to_be_one_and_left_alone(
    tmp_path: Path, clock: HandClock, content: bytes
) -> None:
    file = tmp_path / "relay.db"
    file.write_bytes(content)
    with pytest.raises(OutboxError, match="is damaged") as error:
        Outbox.open(str(file), clock)
    assert str(file) in str(error.value)
    assert file.read_bytes() == content


async def test_a_page_that_is_damaged_is_found_at_start(tmp_path: Path, clock: HandClock) -> None:
    outbox = Outbox.open(str(tmp_path / "relay.db"), clock)
    for number in range(200):
        await outbox.put(message(f"group-{number}", number), X, 300)
    await outbox.close()
    file = tmp_path / "relay.db"
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 8] = b"\xaa" * (4096 * 5)
    file.write_bytes(content)
    with pytest.raises(OutboxError, match="is damaged"):
        Outbox.open(str(file), clock)


async def test_a_file_of_a_newer_release_is_refused(tmp_path: Path, clock: HandClock) -> None:
    outbox = Outbox.open(str(tmp_path / "relay.db"), clock)
    await outbox.close()
    with sqlite3.connect(tmp_path / "relay.db") as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(OutboxError, match="made by a newer release"):
        Outbox.open(str(tmp_path / "relay.db"), clock)


def older(file: Path, version: int) -> None:
    """Write a file as a release of that version left it: a delivery that waits, a dead letter, one that was taken."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as sql:
        sql.execute("PRAGMA auto_vacuum = INCREMENTAL")
        sql.execute("PRAGMA journal_mode = WAL")
        for migration in MIGRATIONS[:version]:
            sql.executescript(migration)
        sql.execute(f"PRAGMA user_version = {version}")
        for number, state in enumerate((0, 2, 1), start=1):
            one = message(f"group-{number}", number)
            sql.execute(
                "INSERT INTO message (seq, id, received, body) VALUES (?, ?, ?, ?)",
                (number, one.id, START, msgspec.msgpack.encode(one)),
            )
            dead = ("rejected", "answered 400") if state == 2 else (None, None)
            sql.execute(
                "INSERT INTO delivery VALUES (?, 'x', ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)",
                (
                    number,
                    delivery_id(one.id, "x"),
                    lane_of(one.group_key),
                    state,
                    state == 0,
                    START,
                    START,
                    START if state else None,
                    *dead,
                ),
            )


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
async def test_a_file_of_an_older_release_becomes_one_of_this(
    tmp_path: Path, clock: HandClock, version: int
) -> None:
    file = tmp_path / "relay.db"
    older(file, version)
    assert [letter.reason for letter in read_letters(str(file))] == ["rejected"], "read before it is migrated"
    outbox = Outbox.open(str(file), clock)
    await outbox.start(X)
    await outbox.put(message("group-1", 4), X, 300, Hold(frozenset(X), START + 90))
    [claim], _ = await outbox.claim("x", 5)
    assert (number_of(claim.message), claim.attempt, claim.findings) == (1, 2, None)
    [letter] = await outbox.letters()
    assert (number_of(letter.message), letter.error) == (2, "answered 400")
    await outbox.settle(claim)
    await outbox.close()
    again = Outbox.open(str(file), clock)
    await again.start(X)
    assert (await again.pending()).waiting == {"x": 1}
    assert [number_of(one.message) for one in await again.held(5)] == [4]
    await again.close()


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, clock: HandClock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutboxError, match=r"cannot be written: .*; set `relay.outbox.path`"):
        Outbox.open(str(tmp_path / "file" / "relay.db"), clock)
