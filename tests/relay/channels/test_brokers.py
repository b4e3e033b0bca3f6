"""The relay as a process, with RabbitMQ and NATS that go away and come back while messages come in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.relay.outbox.identity import delivery_id
from relay.channels.amqp_kit import PASSWORD as AMQP_PASSWORD
from relay.channels.amqp_kit import AmqpKit
from relay.channels.nats_kit import PASSWORD as NATS_PASSWORD
from relay.channels.nats_kit import NatsKit
from relay.relay_process import Relay
from support.process import wait_until
from support.rabbitmq import RabbitServer

COUNT, SENDERS = 240, 4
QUICK = {"first_retry_seconds": 0.05, "longest_retry_seconds": 0.2, "breaker_seconds": 0.2}
PENDING = "backup_sentinel_relay_pending_deliveries"


@pytest.fixture
def amqp(rabbitmq: RabbitServer) -> Iterator[AmqpKit]:
    kit = AmqpKit(rabbitmq)
    kit.heal()
    yield kit
    kit.start()


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[NatsKit]:
    (tmp_path / "nats").mkdir()
    kit = NatsKit(tmp_path / "nats")
    kit.start()
    yield kit
    kit.stop()


def channels(amqp: AmqpKit, stream: NatsKit) -> list[dict[str, Any]]:
    return [
        {
            "type": "amqp",
            "name": "rabbit",
            "host": "localhost",
            "port": amqp.server.port,
            "encryption": "none",
            "username": "me",
            "password": AMQP_PASSWORD,
            "exchange": "alerts",
            "routing_key": "backups.{{ type }}",
            "delivery": QUICK,
        },
        {
            "type": "nats",
            "name": "stream",
            "servers": [f"nats://{stream.server.address}"],
            "username": "me",
            "password": NATS_PASSWORD,
            "delivery": QUICK,
        },
        {"type": "webhook", "name": "down", "url": "http://127.0.0.1:1/", "delivery": QUICK},
    ]


class Load:
    """Senders that post as many messages as `more` lets them, one after the other, until there are enough."""

    def __init__(self, relay: Relay) -> None:
        self.acknowledged: list[str] = []
        """Ids of messages."""
        self.more = threading.Semaphore(0)
        self._relay = relay
        self._numbers = iter(range(COUNT))
        self._lock = threading.Lock()

    def run(self) -> None:
        while (number := self._next()) is not None:
            assert self.more.acquire(timeout=60)
            labels = {"alertname": "X", "number": str(number)}
            answer = self._relay.ask("/alert", {"alerts": [{"status": "firing", "labels": labels}]})
            assert answer.status == 200, "channels that are down concern nobody who sends"
            self.acknowledged.append(answer.json["id"])

    def _next(self) -> int | None:
        with self._lock:
            return next(self._numbers, None)


def test_what_was_acknowledged_arrives_under_one_id_though_brokers_come_and_go(
    amqp: AmqpKit, stream: NatsKit, tmp_path: Path
) -> None:
    with Relay(tmp_path, channels=channels(amqp, stream)) as relay, ThreadPoolExecutor(SENDERS) as senders:
        load = Load(relay)
        running = [senders.submit(load.run) for _ in range(SENDERS)]
        for number, change in enumerate((amqp.stop, stream.stop, amqp.start, stream.start)):
            load.more.release(COUNT // 5)
            change()
            wait_until(partial(passed, load, (number + 1) * COUNT // 5), "all of them are acknowledged")
        load.more.release(COUNT // 5)
        for done in running:
            done.result(60)
        for name in ("rabbit", "stream"):
            wait_until(partial(empty, relay, name), f"all is delivered to {name}", 60)
        assert relay.value(f'{PENDING}{{channel="down"}}') == COUNT
        assert "fake-" not in relay.log.read_text()
    assert len(set(load.acknowledged)) == COUNT
    for name, kit in (("rabbit", amqp), ("stream", stream)):
        assert {one.id for one in kit.received()} == {delivery_id(one, name) for one in load.acknowledged}


def passed(load: Load, count: int) -> bool:
    return len(load.acknowledged) >= count


def empty(relay: Relay, name: str) -> bool:
    return relay.value(f'{PENDING}{{channel="{name}"}}') == 0
