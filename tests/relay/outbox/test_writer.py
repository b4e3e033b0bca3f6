"""Changes that are asked for at once share a commit, and each asker learns what became of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backup_sentinel.relay.outbox import Outbox, StorageError
from backup_sentinel.relay.outbox.writer import MOST
from relay.kit import HandClock, message

X = {"x": 10_000}


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    outbox = Outbox.open(str(tmp_path / "relay.db"), HandClock())
    yield outbox
    await outbox.close()


@pytest.fixture
def statements(outbox: Outbox) -> list[str]:
    """What the file is told from now on."""
    found: list[str] = []
    connection = outbox._writer._connection
    assert connection is not None
    connection.set_trace_callback(found.append)
    return found


async def test_hundreds_at_once_share_a_few_commits(outbox: Outbox, statements: list[str]) -> None:
    count, busy = 4 * MOST, threading.Event()
    first = asyncio.create_task(outbox._do(lambda _: busy.wait(30)))
    tasks = [asyncio.create_task(outbox.put(message(f"{number}"), X, 300)) for number in range(count)]
    await asyncio.sleep(0)
    busy.set()
    await asyncio.gather(first, *tasks)
    assert statements.count("COMMIT") <= 1 + count / MOST
    assert outbox.waiting == {"x": count}


async def test_one_after_the_other_is_committed_before_its_answer(
    outbox: Outbox, statements: list[str]
) -> None:
    for number in range(5):
        await outbox.put(message("a", number), X, 300)
        assert statements.count("COMMIT") == number + 1


async def test_an_asker_that_goes_away_takes_nothing_back_and_harms_nobody(outbox: Outbox) -> None:
    tasks = [asyncio.create_task(outbox.put(message("a", number), X, 300)) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
    assert not any(isinstance(result, BaseException) for result in results[1::2])
    assert (await outbox.pending()).waiting == {"x": 50}


async def test_what_is_asked_of_a_closed_outbox_is_refused_and_what_was_asked_before_lasts(
    outbox: Outbox, tmp_path: Path
) -> None:
    tasks = [asyncio.create_task(outbox.put(message("a", number), X, 300)) for number in range(20)]
    await asyncio.sleep(0)
    await outbox.close()
    await asyncio.gather(*tasks)
    with pytest.raises(StorageError, match="closed"):
        await outbox.put(message("a", 21), X, 300)
    again = Outbox.open(str(tmp_path / "relay.db"), HandClock())
    assert (await again.pending()).waiting == {"x": 20}
    await again.close()
