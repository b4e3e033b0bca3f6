"""What holds for every channel, whatever stands behind it. A test class of a kind brings a real receiver along."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec
import pytest

from backup_sentinel.document import Document
from backup_sentinel.errors import DeliveryError, DeliveryReason, DocumentError
from backup_sentinel.relay.channels import Channel, ChannelSettings, kinds
from backup_sentinel.relay.message import Delivery, Status
from backup_sentinel.relay.rendering import Rendering, samples
from backup_sentinel.relay.settings import RelaySettings

PATIENCE = 20.0
"""Seconds until something that should happen counts as not happening."""


class Received(NamedTuple):
    """What arrived at a receiver: the delivery's id as the protocol carries it, and the text."""

    id: str
    body: str


class Case(NamedTuple):
    """A row of the retry table: how the receiver behaves, and what the channel must make of it."""

    name: str
    reason: DeliveryReason
    retry: bool
    after: float | None = None


class ReceiverKit(ABC):
    """A real receiver on the loopback interface, and the settings that lead to it."""

    kind: str
    """Tag of the channel."""
    secrets: tuple[str, ...] = ()
    """Texts in the settings that nobody may see."""
    cases: tuple[Case, ...] = ()
    """What the receiver can be made to do wrong."""

    @abstractmethod
    def settings(self, **changes: Any) -> ChannelSettings:
        """Return settings with every secret that the kind knows."""

    @abstractmethod
    def received(self) -> list[Received]:
        """Return what has arrived, in order, repetitions included."""

    @abstractmethod
    def start(self) -> None:
        """Start again at the same address; runs in a thread."""

    @abstractmethod
    def stop(self) -> None:
        """Stop, and cut connections; runs in a thread."""

    def fail(self, case: Case) -> None:
        """Behave as the case says, until `heal`."""
        raise NotImplementedError(case.name)

    def heal(self) -> None:  # noqa: B027 - a receiver that never fails has nothing to heal
        """Behave well again."""


class ChannelSuite:
    """Tests of a channel. A subclass has the fixture `kit`, which gives a started ReceiverKit."""

    @pytest.fixture
    async def channel(self, kit: ReceiverKit) -> AsyncIterator[Channel]:
        channel = kit.settings().open(Rendering())
        yield channel
        async with asyncio.timeout(PATIENCE):
            await channel.close()

    async def test_a_message_arrives(self, kit: ReceiverKit, channel: Channel) -> None:
        delivery = fresh(1)
        await send(channel, delivery)
        [received] = kit.received()
        assert received.id == delivery.id
        assert "KubeBackupFailed" in received.body

    async def test_every_sample_arrives(self, kit: ReceiverKit, channel: Channel) -> None:
        for number, sample in enumerate(samples()):
            await send(channel, renew(sample, number))
        assert len(kit.received()) == len(samples())

    async def test_the_end_of_an_alert_arrives(self, kit: ReceiverKit, channel: Channel) -> None:
        sample = next(one for one in samples() if one.message.status is Status.RESOLVED)
        await send(channel, renew(sample, 7))
        assert len(kit.received()) == 1

    async def test_a_delivery_keeps_its_id_over_attempts(self, kit: ReceiverKit, channel: Channel) -> None:
        delivery = fresh(2)
        await send(channel, delivery)
        await send(channel, msgspec.structs.replace(delivery, attempt=2))
        assert {received.id for received in kit.received()} == {delivery.id}

    async def test_what_is_sent_is_settled_when_it_is_rendered(
        self, kit: ReceiverKit, channel: Channel
    ) -> None:
        assert channel.render(fresh(3)) == channel.render(fresh(3))
        again = kit.settings().open(Rendering())
        assert again.render(fresh(3)) == channel.render(fresh(3))
        await again.close()

    async def test_several_at_once_arrive_once_each(self, kit: ReceiverKit, channel: Channel) -> None:
        wanted = [fresh(number) for number in range(10, 14)]
        await asyncio.gather(*(send(channel, delivery) for delivery in wanted))
        assert sorted(received.id for received in kit.received()) == sorted(one.id for one in wanted)

    async def test_a_receiver_that_is_down_is_tried_again(self, kit: ReceiverKit, channel: Channel) -> None:
        await asyncio.to_thread(kit.stop)
        error = await refused(channel, fresh(4))
        assert error.retry
        assert error.reason in {DeliveryReason.UNREACHABLE, DeliveryReason.TIMEOUT}

    async def test_after_a_restart_of_the_receiver_messages_arrive(
        self, kit: ReceiverKit, channel: Channel
    ) -> None:
        await send(channel, fresh(5))
        await asyncio.to_thread(kit.stop)
        error = await refused(channel, fresh(6))
        assert error.retry
        await asyncio.to_thread(kit.start)
        last = fresh(6)
        await eventually(lambda: send(channel, last))
        assert last.id in {received.id for received in kit.received()}

    async def test_each_refusal_means_what_the_table_says(self, kit: ReceiverKit) -> None:
        assert kit.cases, "a channel has a retry table"
        for number, case in enumerate(kit.cases):
            channel = kit.settings().open(Rendering())
            kit.fail(case)
            error = await refused(channel, fresh(20 + number))
            assert (error.reason, error.retry) == (case.reason, case.retry), case.name
            if case.after is not None:
                assert error.after == pytest.approx(case.after, abs=2), case.name
            kit.heal()
            await eventually(partial(send, channel, fresh(20 + number)))
            await channel.close()

    async def test_no_secret_is_seen(
        self, kit: ReceiverKit, channel: Channel, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert kit.secrets, "a channel has secrets, or its suite does not test this"
        caplog.set_level(logging.DEBUG)
        seen = [repr(kit.settings()), str(kit.settings()), repr(channel), repr(channel.render(fresh(30)))]
        for number, case in enumerate(kit.cases):
            kit.fail(case)
            error = await refused(channel, fresh(30 + number))
            seen += [str(error), repr(error)]
            kit.heal()
        await asyncio.to_thread(kit.stop)
        error = await refused(channel, fresh(40))
        seen += [str(error), repr(error), caplog.text]
        for secret in kit.secrets:
            assert not [text for text in seen if secret in text]

    async def test_closing_without_a_message_is_fine(self, kit: ReceiverKit) -> None:
        channel = kit.settings().open(Rendering())
        async with asyncio.timeout(PATIENCE):
            await channel.close()

    def test_the_configuration_knows_the_kind(self, kit: ReceiverKit) -> None:
        assert kinds()[kit.kind] is type(kit.settings())
        text = f"channels:\n  - type: {kit.kind}\n    name: x\n    nonsense: 1\n"
        with pytest.raises(DocumentError, match=r"4:5: unknown field `nonsense`"):
            Document(text).convert(RelaySettings)


def fresh(number: int) -> Delivery:
    """Return a failure as a delivery of its own."""
    return renew(samples()[0], number)


def renew(sample: Delivery, number: int) -> Delivery:
    """Return a sample with ids of its own."""
    message = msgspec.structs.replace(sample.message, id=f"01890000-0000-7000-8000-{number:012d}")
    return msgspec.structs.replace(sample, id=f"01890000-0000-5000-8000-{number:012d}", message=message)


async def send(channel: Channel, delivery: Delivery) -> None:
    """Do what the courier does for one attempt."""
    async with asyncio.timeout(PATIENCE):
        await channel.send(delivery, channel.render(delivery))


async def refused(channel: Channel, delivery: Delivery) -> DeliveryError:
    """Return the error of an attempt that must fail; running out of time counts as the courier counts it."""
    try:
        async with asyncio.timeout(PATIENCE):
            await channel.send(delivery, channel.render(delivery))
    except DeliveryError as error:
        return error
    except TimeoutError:
        return DeliveryError("no answer in time", reason=DeliveryReason.TIMEOUT)
    pytest.fail("the attempt succeeded")


async def eventually(attempt: Callable[[], Any]) -> None:
    """Repeat an attempt while it may be repeated, as the courier does, but quickly."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await attempt()
            except DeliveryError as error:
                if not error.retry:
                    raise
                await asyncio.sleep(0.05)
            else:
                return
