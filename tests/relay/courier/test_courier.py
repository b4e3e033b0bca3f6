"""What becomes of deliveries: a clock that is moved by hand, and channels that do as they are told."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.channels import DeliverySettings
from backup_sentinel.relay.courier import Courier
from backup_sentinel.relay.filters import Filter
from backup_sentinel.relay.message import Message
from backup_sentinel.relay.outbox import Outbox, StorageError
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.relay.telemetry import RelayTelemetry
from backup_sentinel.secret import SecretError
from backup_sentinel.telemetry import Telemetry
from relay.kit import HandClock, ToldChannel, ToldSettings, message, number_of

LATER = DeliveryError("later", reason=DeliveryReason.SERVER_ERROR)
NEVER = DeliveryError("never", reason=DeliveryReason.REJECTED)


class River:
    """An outbox and a courier with told channels."""

    def __init__(self, outbox: Outbox, clock: HandClock, settings: RelaySettings, **more: Any) -> None:
        self.outbox, self.clock, self.settings = outbox, clock, settings
        self.channels = {one.name: ToldChannel() for one in settings.channels}
        self.telemetry = Telemetry(export=False)
        counts = RelayTelemetry(self.telemetry, self.channels)
        self.courier = Courier(
            settings, self.channels, outbox, counts, clock, chance=random.Random(5), **more
        )

    async def put(self, one: Message) -> None:
        most = {channel.name: channel.delivery.max_pending for channel in self.settings.channels}
        await self.outbox.put(one, most, 300)

    def count(self, family: str, **labels: str) -> float:
        name = f"backup_sentinel_relay_{family}"
        return sum(
            sample.value
            for metric in parse_text(self.telemetry.text().decode())
            for sample in metric.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def until(self, check: Callable[[], bool], *, pass_time: bool = False) -> None:
        """Wait for a condition; with `pass_time` move the clock to whatever is waited for."""
        async with asyncio.timeout(20):
            while not check():
                await asyncio.sleep(0.005)
                if pass_time and self.clock.waiting() and not check():
                    self.clock.advance(max(0.0, self.clock.next() - self.clock.now()))

    async def settled(self) -> None:
        await self.until(lambda: not sum(self.outbox.waiting.values()), pass_time=True)


Open = Callable[..., Any]


@pytest.fixture
def river(tmp_path: Path) -> Open:
    @asynccontextmanager
    async def opened(*channels: ToldSettings, **more: Any) -> AsyncIterator[River]:
        clock = HandClock()
        outbox = Outbox.open(str(tmp_path / "relay.db"), clock)
        river = River(outbox, clock, RelaySettings(channels=channels), **more)
        running = asyncio.create_task(river.courier.run(grace=1))
        await river.until(lambda: outbox.arrived.__name__ == "_wake")
        try:
            yield river
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await outbox.close()
            assert all(channel.closed for channel in river.channels.values())

    return opened


def told(name: str = "x", only: Filter | None = None, **how: Any) -> ToldSettings:
    return ToldSettings(name=name, filter=only or Filter(), delivery=DeliverySettings(**how))


async def test_a_message_reaches_every_channel_once(river: Open) -> None:
    async with river(told("x"), told("y")) as it:
        await it.put(message("a", 1))
        await it.settled()
        assert [len(channel.taken) for channel in it.channels.values()] == [1, 1]
        assert it.channels["x"].taken[0].id != it.channels["y"].taken[0].id
        assert it.count("deliveries_total", result="delivered") == 2
        assert it.count("delivery_duration_seconds_count", channel="x") == 1


@pytest.mark.parametrize("reason", list(DeliveryReason))
async def test_each_reason_is_tried_again_or_not(river: Open, reason: DeliveryReason) -> None:
    error = DeliveryError("as told", reason=reason)
    final = {"rejected", "forbidden_address", "too_large", "template", "expired", "crowded_out", "removed"}
    async with river(told()) as it:
        it.channels["x"].answers = [error]
        await it.put(message("a", 1))
        await it.settled()
        assert it.count("delivery_failures_total", reason=reason.value) == 1
        letters = await it.outbox.letters()
        if reason.value in final:
            assert [(letter.reason, letter.error) for letter in letters] == [(reason.value, "as told")]
            assert len(it.channels["x"].attempts) == 1
        else:
            assert not letters
            assert [one.attempt for one in it.channels["x"].attempts] == [1, 2]
            assert len({one.id for one in it.channels["x"].attempts}) == 1


async def test_what_the_receiver_asks_for_is_waited_for(river: Open) -> None:
    async with river(told()) as it:
        begin = it.clock.now()
        it.channels["x"].answers = [DeliveryError("busy", reason=DeliveryReason.THROTTLED, after=120)]
        await it.put(message("a", 1))
        await it.until(lambda: it.count("deliveries_total", result="retried") == 1)
        it.clock.advance(119)
        await asyncio.sleep(0.1)
        assert len(it.channels["x"].attempts) == 1
        await it.settled()
        assert 120 <= it.clock.now() - begin <= 122 + 30


async def test_what_is_not_taken_in_time_is_a_dead_letter_with_the_last_error(river: Open) -> None:
    async with river(told(max_age_seconds=600, breaker_failures=1000)) as it:
        it.channels["x"].down = LATER
        await it.put(message("a", 1))
        await it.settled()
        [letter] = await it.outbox.letters()
        assert letter.reason == "expired"
        assert letter.error == "not taken within 600 s; the last attempt: later"
        assert letter.attempts == len(it.channels["x"].attempts) > 3
        it.channels["x"].down = None
        assert await it.outbox.replay(letter.id)
        await it.settled()
        assert it.channels["x"].taken[0].id == letter.id


async def test_a_channel_that_is_down_for_a_day_delays_no_other_and_is_only_probed(river: Open) -> None:
    async with river(told("up"), told("down", breaker_failures=3, breaker_seconds=60.0)) as it:
        it.channels["down"].down = LATER
        for number in range(50):
            await it.put(message(f"group-{number}", number))
        await it.until(lambda: len(it.channels["up"].taken) == 50)
        assert it.clock.now() == pytest.approx(1_800_000_000.0), "no time has passed"
        await it.until(lambda: it.count("breaker_open", channel="down") == 1)
        before = len(it.channels["down"].attempts)
        begin = it.clock.now()
        await it.until(lambda: it.clock.now() > begin + 1800, pass_time=True)
        assert len(it.channels["down"].attempts) - before <= 31
        it.channels["down"].down = None
        await it.settled()
        assert len(it.channels["down"].taken) == 50
        assert it.count("breaker_open", channel="down") == 0


async def test_behind_an_open_breaker_messages_expire(river: Open, caplog: pytest.LogCaptureFixture) -> None:
    async with river(told(breaker_failures=1, breaker_seconds=3600.0, max_age_seconds=100)) as it:
        it.channels["x"].down = LATER
        for number in range(10):
            await it.put(message(f"group-{number}", number))
        await it.settled()
        assert {letter.reason for letter in await it.outbox.letters()} == {"expired"}
        assert len(it.channels["x"].attempts) < 10
        assert it.count("deliveries_total", result="dead") == 10
    told_of = [vars(one) for one in caplog.records if "given up" in one.getMessage()]
    assert sum(one.get("deliveries", 1) for one in told_of) == 10, "each is in the log"


async def test_a_group_keeps_its_order_and_a_failure_holds_back_only_its_group(river: Open) -> None:
    async with river(told(concurrency=8)) as it:
        it.channels["x"].answers = [LATER]
        for number in range(20):
            await it.put(message("ab"[number % 2], number))
        await it.settled()
        taken = it.channels["x"].taken
        for group in "ab":
            numbers = [number_of(one) for one in taken if one.message.group_key == group]
            assert numbers == sorted(numbers)
            assert len(numbers) == 10


async def test_no_more_attempts_at_once_than_set(river: Open) -> None:
    async with river(told(concurrency=3)) as it:
        channel = it.channels["x"]
        channel.held = asyncio.Event()
        for number in range(10):
            await it.put(message(f"group-{number}", number))
        await it.until(lambda: channel.busy == 3)
        channel.held.set()
        await it.settled()
        assert (channel.busiest, len(channel.taken)) == (3, 10)


async def test_a_rate_is_kept(river: Open) -> None:
    async with river(told(rate=1.0, burst=2, concurrency=10)) as it:
        begin = it.clock.now()
        for number in range(12):
            await it.put(message(f"group-{number}", number))
        await it.until(lambda: len(it.channels["x"].taken) == 2)
        await it.settled()
        assert it.clock.now() - begin >= 9.9


async def test_an_attempt_that_hangs_is_cut_off(river: Open) -> None:
    async with river(told(timeout_seconds=0.05)) as it:
        it.channels["x"].held = asyncio.Event()
        await it.put(message("a", 1))
        await it.until(lambda: it.count("delivery_failures_total", reason="timeout") == 1)
        it.channels["x"].held.set()
        await it.settled()


async def test_a_defect_of_a_channel_is_counted_and_shows_no_value(
    river: Open, caplog: pytest.LogCaptureFixture
) -> None:
    async with river(told()) as it:
        it.channels["x"].answers = [KeyError("fake-secret"), SecretError("the environment has no X")]
        await it.put(message("a", 1))
        await it.settled()
        assert it.count("delivery_failures_total", reason="internal") == 1
        assert it.count("delivery_failures_total", reason="credentials") == 1
    assert "KeyError at" in caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert not [record for record in caplog.records if "fake-secret" in str(vars(record))]


async def test_a_filter_chooses_alerts(river: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    only = Filter(matchers=('group="a"',))
    async with river(told("x", only)) as it:
        await it.put(message("a", 1))
        await it.put(message("b", 2))
        await it.settled()
        assert [number_of(one) for one in it.channels["x"].taken] == [1]
        assert it.count("deliveries_total", result="filtered") == 1
    [said] = [vars(one) for one in caplog.records if one.getMessage() == "nothing to send"]
    assert said["why"] == "the filter has changed since and does not take it"


async def test_what_cannot_be_written_down_is_not_sent_again(
    river: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with river(told()) as it:
        settle, failures = it.outbox.settle, [StorageError("full"), StorageError("full")]

        async def settling(claim: Any) -> None:
            if failures:
                raise failures.pop()
            await settle(claim)

        monkeypatch.setattr(it.outbox, "settle", settling)
        await it.put(message("a", 1))
        await it.settled()
        assert len(it.channels["x"].attempts) == 1
        assert not failures


async def test_log_lines_are_those_that_people_look_for(
    river: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with river(told()) as it:
        await it.put(message("a", 1))
        await it.settled()
    assert "Sending notification" in [record.getMessage() for record in caplog.records]
