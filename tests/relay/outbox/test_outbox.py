"""The outbox while it is in use: what a broken disk does, what a restart finds, and what goes when it is old."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import uuid
from pathlib import Path

import msgspec
import pytest

from backup_sentinel.errors import DeliveryReason
from backup_sentinel.relay.outbox import (
    LONGEST_HOLD,
    Hold,
    Outbox,
    StorageError,
    delivery_id,
    message_id,
)
from backup_sentinel.relay.outbox.schema import JOURNAL
from relay.kit import START, HandClock, message, number_of

X = {"x": 1000}


async def reopen(outbox: Outbox, path: Path, clock: HandClock) -> Outbox:
    await outbox.close()
    again = Outbox.open(str(path / "relay.db"), clock)
    await again.start(X)
    return again


def test_ids_are_those_of_rfc_9562() -> None:
    identity = uuid.UUID(message_id(START))
    assert (identity.version, identity.variant) == (7, uuid.RFC_4122)
    assert identity.int >> 80 == int(START * 1000)
    assert message_id(START) != message_id(START)
    assert message_id(START) < message_id(START + 0.002)
    delivery = uuid.UUID(delivery_id(str(identity), "x"))
    assert delivery.version == 5
    assert str(delivery) == delivery_id(str(identity), "x") != delivery_id(str(identity), "y")


@pytest.mark.parametrize("fault", ["PRAGMA max_page_count = 1", "PRAGMA query_only = ON"])
async def test_a_disk_that_is_full_or_read_only_is_an_error_until_it_is_not(
    outbox: Outbox, fault: str
) -> None:
    await outbox.start(X)
    await outbox.put(message("a", 1), X, 300)
    [claim], _ = await outbox.claim("x", 1)
    connection = outbox._writer._connection
    assert connection is not None
    connection.execute(fault)
    big = message("b", 2)
    big = msgspec.structs.replace(big, common_annotations={"text": "x" * 100_000})
    with pytest.raises(StorageError, match="cannot be written"):
        await outbox.put(big, X, 300)
    assert outbox.usable is False
    # The fault was one of the connection; a new one finds the disk well again.
    assert not (await outbox.put(big, X, 300)).duplicate, "what was not kept was not said either"
    assert outbox.waiting == {"x": 2}
    assert (await outbox.claim("x", 5))[0][0].message.group_key == "b", "what was claimed still is"
    await outbox.settle(claim)
    assert outbox.waiting == {"x": 1}


async def test_one_bad_change_does_not_spoil_the_commit_of_others(outbox: Outbox) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    results = await asyncio.gather(
        outbox.put(message("a", 1), X, 300),
        outbox._do(broken),
        outbox.put(message("b", 2), X, 300),
        return_exceptions=True,
    )
    assert isinstance(results[1], ZeroDivisionError)
    assert (await outbox.pending()).waiting == {"x": 2}


async def test_what_waits_survives_a_restart_with_its_attempts(
    outbox: Outbox, tmp_path: Path, clock: HandClock
) -> None:
    await outbox.put(message("a", 1), X, 300)
    [claim], _ = await outbox.claim("x", 1)
    await outbox.put_off(claim, clock.now() + 60, DeliveryReason.TIMEOUT, "late")
    again = await reopen(outbox, tmp_path, clock)
    assert await again.claim("x", 1) == ([], clock.now() + 60)
    clock.advance(60)
    [found], _ = await again.claim("x", 1)
    assert (found.id, found.attempt) == (claim.id, 2)
    await again.close()


async def test_a_clock_that_was_set_back_delays_nothing_for_long(
    outbox: Outbox, tmp_path: Path, clock: HandClock
) -> None:
    await outbox.put(message("a", 1), X, 300)
    [claim], _ = await outbox.claim("x", 1)
    await outbox.put_off(claim, clock.now() + 60, DeliveryReason.TIMEOUT, "late")
    clock.set(START - 30 * 86400)
    again = await reopen(outbox, tmp_path, clock)
    _, due = await again.claim("x", 1)
    assert due == clock.now() + 3600
    # New messages of the group stay behind the old one, whatever their time says.
    assert not (await again.put(message("a", 2, at=clock.now()), X, 300)).duplicate
    clock.advance(3600)
    [found], _ = await again.claim("x", 5)
    assert number_of(found.message) == 1
    await again.close()


async def test_a_clock_that_was_set_back_delays_nothing_that_was_not_tried(
    outbox: Outbox, tmp_path: Path, clock: HandClock
) -> None:
    for group, number in (("a", 1), ("a", 2), ("b", 3)):
        await outbox.put(message(group, number), X, 300)
    held = Hold(frozenset(X), START + 90)
    await outbox.put(message("c", 4), X, 300, held)
    clock.set(START - 30 * 86400)
    again = await reopen(outbox, tmp_path, clock)
    claims, _ = await again.claim("x", 10)
    assert [number_of(claim.message) for claim in claims] == [1, 3]
    assert (await again.pending()).oldest == {"x": clock.now()}
    for claim in claims:
        await again.settle(claim)
    [claim], _ = await again.claim("x", 10)
    assert number_of(claim.message) == 2, "those behind it do not wait either"
    await again.settle(claim)
    [one] = await again.held(10)
    assert one.until == clock.now() + LONGEST_HOLD
    _, due = await again.claim("x", 10)
    assert due is not None
    assert due <= clock.now() + LONGEST_HOLD + 5
    await again.close()


async def test_the_end_never_overtakes_or_erases_the_beginning(outbox: Outbox) -> None:
    for number in (1, 2, 3):
        await outbox.put(message("a", number), X, 300)
    await outbox.put(message("b", 4), X, 300)
    order = []
    while claims := (await outbox.claim("x", 10))[0]:
        order.append([number_of(claim.message) for claim in claims])
        for claim in claims:
            await outbox.settle(claim)
    assert order == [[1, 4], [2], [3]]


async def test_deliveries_of_a_channel_that_is_gone_become_dead_letters(
    outbox: Outbox, tmp_path: Path, clock: HandClock
) -> None:
    await outbox.put(message("a", 1), {"x": 10, "gone": 10}, 300)
    await outbox.close()
    again = Outbox.open(str(tmp_path / "relay.db"), clock)
    assert await again.start(X) == {"gone": 1}
    [letter] = await again.letters()
    assert (letter.channel, letter.reason) == ("gone", "removed")
    assert await again.letter(letter.id) == letter
    await again.close()


async def test_a_backlog_is_bounded_and_gives_up_its_oldest(outbox: Outbox) -> None:
    crowded: list[str] = []
    for number in range(8):
        crowded += (await outbox.put(message("a", number), {"x": 5}, 300)).crowded_out
    assert crowded == ["x"] * 3
    letters = await outbox.letters()
    assert sorted(number_of(letter.message) for letter in letters) == [0, 1, 2]
    assert {letter.reason for letter in letters} == {"crowded_out"}
    [claim], _ = await outbox.claim("x", 5)
    assert number_of(claim.message) == 3


async def test_what_is_old_expires_and_what_is_kept_long_enough_goes(
    outbox: Outbox, clock: HandClock
) -> None:
    await outbox.put(message("a", 1), X, 300)
    await outbox.put(message("b", 2), X, 300)
    [claim], _ = await outbox.claim("x", 1)
    await outbox.settle(claim)
    clock.advance(100)
    assert await outbox.expire("x", 99) == 1
    assert (await outbox.pending()).dead == {"x": 1}
    assert await outbox.tidy(50, 50, 300) == 1, "the delivered one"
    clock.advance(100)
    assert await outbox.tidy(50, 50, 300) == 1, "the dead one"
    connection = outbox._writer._connection
    assert connection is not None
    assert connection.execute("SELECT count(*) FROM message").fetchone() == (0,)


async def test_all_that_is_old_goes_however_much_it_is(
    outbox: Outbox, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backup_sentinel.relay.outbox.outbox.SOME", 3)
    for number in range(10):
        await outbox.put(message("a", number), X, 300)
    while claims := (await outbox.claim("x", 1))[0]:
        await outbox.settle(claims[0])
    clock.advance(100)
    assert await outbox.tidy(50, 50, 300) == 10


async def test_after_a_long_reader_the_journal_gives_its_space_back(outbox: Outbox, tmp_path: Path) -> None:
    journal = tmp_path / "relay.db-wal"
    await outbox.put(message("a", 0), X, 300)
    large = {"text": "x" * 500_000}
    with contextlib.closing(sqlite3.connect(tmp_path / "relay.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchone()
        number = 0
        while journal.stat().st_size < JOURNAL + (4 << 20):
            number += 1
            await outbox.put(message("a", number, common_annotations=large), X, 300)
    for further in range(2):
        await outbox.put(message("b", further, common_annotations=large), X, 300)
    assert journal.stat().st_size <= JOURNAL


async def test_replay_is_once_and_under_the_same_id(outbox: Outbox) -> None:
    await outbox.put(message("a", 1), X, 300)
    [claim], _ = await outbox.claim("x", 1)
    await outbox.bury(claim, DeliveryReason.REJECTED, "no")
    assert await outbox.replay(claim.id)
    assert not await outbox.replay(claim.id)
    [again], _ = await outbox.claim("x", 1)
    assert (again.id, again.attempt) == (claim.id, 1)
    assert not await outbox.purge(claim.id), "it is no dead letter now"
