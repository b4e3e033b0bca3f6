"""One connection for several attempts: made once, given up when it fails, closed when nobody uses it any more."""

from __future__ import annotations

import asyncio

import pytest

from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay import connection as module
from backup_sentinel.relay.connection import SharedConnection


class Link:
    """A connection that is nothing but its state."""

    def __init__(self) -> None:
        self.open = True
        self.closed = asyncio.Event()

    async def close(self) -> None:
        self.closed.set()


class Maker:
    """Makes links, and remembers them."""

    def __init__(self) -> None:
        self.made: list[Link] = []
        self.shared = SharedConnection(self.connect, lambda link: link.open, Link.close)

    async def connect(self) -> Link:
        await asyncio.sleep(0)
        self.made.append(Link())
        return self.made[-1]


async def fail(maker: Maker, error: BaseException, *, lost: bool = False) -> None:
    """Make an attempt that ends in an error."""
    async with maker.shared.lend() as link:
        assert link is maker.made[0]
        link.open = not lost
        raise error


@pytest.fixture
def maker() -> Maker:
    return Maker()


async def test_attempts_at_once_share_one_connection(maker: Maker) -> None:
    async def attempt() -> Link:
        async with maker.shared.lend() as link:
            await asyncio.sleep(0)
            return link

    assert set(await asyncio.gather(*(attempt() for _ in range(10)))) == {maker.made[0]}
    assert not maker.made[0].closed.is_set()
    await maker.shared.close()
    assert maker.made[0].closed.is_set()


async def test_a_refusal_keeps_the_connection_and_its_loss_does_not(maker: Maker) -> None:
    for lost in (False, True):
        with pytest.raises(DeliveryError):
            await fail(maker, DeliveryError("no", reason=DeliveryReason.REJECTED), lost=lost)
    assert len(maker.made) == 1
    async with maker.shared.lend() as link:
        assert link is maker.made[1]
    await maker.shared.close()
    assert all(link.closed.is_set() for link in maker.made)


@pytest.mark.parametrize("error", [asyncio.CancelledError, TimeoutError, ZeroDivisionError])
async def test_a_connection_in_doubt_is_lent_to_nobody_else_and_closed_by_its_last_user(
    maker: Maker, error: type[BaseException]
) -> None:
    async with maker.shared.lend() as first:
        with pytest.raises(error):
            await fail(maker, error())
        async with maker.shared.lend() as third:
            assert third is not first
        await asyncio.sleep(0)
        assert not first.closed.is_set(), "it is in use"
    await asyncio.wait_for(first.closed.wait(), 10)
    await maker.shared.close()


async def test_a_connection_that_could_not_be_made_is_tried_again(maker: Maker) -> None:
    failures = [DeliveryError("down", reason=DeliveryReason.UNREACHABLE), None]

    async def connect() -> Link:
        if error := failures.pop(0):
            raise error
        return await maker.connect()

    shared = SharedConnection(connect, lambda link: link.open, Link.close)
    with pytest.raises(DeliveryError):
        async with shared.lend():
            pytest.fail("there is none")
    async with shared.lend() as link:
        assert link is maker.made[0]
    await shared.close()


async def test_nobody_waits_long_for_a_goodbye(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PARTING", 0.05)

    async def hang(_: Link) -> None:
        await asyncio.Event().wait()

    shared = SharedConnection(maker.connect, lambda link: link.open, hang)
    async with shared.lend() as link:
        link.open = False
    async with shared.lend() as other:
        assert other is not link
    async with asyncio.timeout(10):
        await shared.close()
