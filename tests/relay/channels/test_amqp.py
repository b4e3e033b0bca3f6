"""The AMQP channel against a real RabbitMQ: the suite, rights, limits, declarations, TLS, a broker that restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from backup_sentinel.document import Document
from backup_sentinel.errors import DeliveryReason, DocumentError, SentinelError
from backup_sentinel.relay.channels import DeliverySettings
from backup_sentinel.relay.channels.amqp import AmqpSettings, AmqpTopology
from backup_sentinel.relay.rendering import Rendering, samples
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import SecretSource
from relay.channels.amqp_kit import PASSWORD, AmqpKit
from relay.channels.line import Line
from relay.channels.river import weather
from relay.channels.suite import (
    PATIENCE,
    ChannelSuite,
    eventually,
    fresh,
    refused,
    send,
)
from serving.certificates import Authority
from support.rabbitmq import RabbitServer


@pytest.fixture
def kit(rabbitmq: RabbitServer) -> Iterator[AmqpKit]:
    kit = AmqpKit(rabbitmq)
    kit.heal()
    yield kit
    kit.start()


class TestAmqp(ChannelSuite):
    pass


async def test_a_message_is_persistent_and_says_what_it_is(kit: AmqpKit) -> None:
    settings = kit.settings(
        headers={"cluster": "{{ labels.cluster }}"}, body="{{ title }}", content_type="text/plain"
    )
    channel = settings.open(Rendering())
    await send(channel, fresh(1))
    await channel.close()
    [found] = await kit.fetch()
    assert found.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert (found.routing_key, found.exchange) == ("backups.alert", "alerts")
    assert (found.message_id, found.type, found.app_id) == (fresh(1).id, "alert", "backup-sentinel")
    assert (found.content_type, found.headers) == ("text/plain", {"cluster": "sample"})
    assert found.timestamp is not None
    assert found.timestamp.timestamp() == int(fresh(1).message.received)
    assert found.body.decode().startswith("[FIRING:1] KubeBackupFailed")


async def test_without_a_template_the_body_is_json(kit: AmqpKit) -> None:
    channel = kit.settings().open(Rendering())
    body = json.loads(channel.render(samples()[0]).body)
    await channel.close()
    assert body["alerts"][0]["labels"]["schedule"] == "shop"


async def test_the_default_exchange_leads_to_a_queue_by_name(kit: AmqpKit) -> None:
    channel = kit.settings(exchange="", routing_key="alerts").open(Rendering())
    await send(channel, fresh(1))
    await channel.close()
    assert [one.id for one in kit.received()] == [fresh(1).id]


async def test_what_is_to_be_declared_is_declared_and_nothing_else_is(kit: AmqpKit) -> None:
    names = {"exchange": "declared", "routing_key": "backups"}
    channel = kit.settings(**names).open(Rendering())
    assert (await refused(channel, fresh(1))).reason is DeliveryReason.UNROUTABLE
    await channel.close()
    wanted = AmqpTopology(
        exchange_type="direct", queue="declared", queue_type="classic", binding_key="backups"
    )
    channel = kit.settings(**names, declare=wanted).open(Rendering())
    await send(channel, fresh(1))
    await channel.close()
    assert [found.message_id for found in await kit.fetch("declared")] == [fresh(1).id]
    other = AmqpTopology(exchange_type="fanout")
    channel = kit.settings(**names, declare=other).open(Rendering())
    error = await refused(channel, fresh(1))
    await channel.close()
    assert (error.reason, error.retry) == (DeliveryReason.SERVER_ERROR, True)
    assert "inequivalent arg 'type'" in str(error)
    async with kit.admin() as admin:
        await admin.exchange_delete("declared")
        await admin.queue_delete("declared")


async def test_a_message_that_is_refused_takes_no_other_one_with_it(kit: AmqpKit) -> None:
    channel = kit.settings(routing_key="{{ labels.schedule and 'backups.x' or 'nowhere' }}").open(Rendering())
    bad = [sample for sample in samples() if "schedule" not in sample.message.common_labels]
    good = [fresh(number) for number in range(20)]
    errors = []

    async def fail(number: int) -> None:
        errors.append(await refused(channel, bad[number % len(bad)]))

    await asyncio.gather(*(send(channel, one) for one in good), *(fail(number) for number in range(20)))
    await channel.close()
    assert {error.reason for error in errors} == {DeliveryReason.UNROUTABLE}
    assert sorted(one.id for one in kit.received()) == sorted(one.id for one in good)


async def test_attempts_use_their_channels_again(kit: AmqpKit) -> None:
    channel = kit.settings(routing_key="{{ labels.schedule and 'backups.x' or 'nowhere' }}").open(Rendering())
    for number in range(20):
        await send(channel, fresh(number))
        await refused(channel, samples()[-1])
    count = kit.server.tell("length(rabbit_channel:list())")
    await channel.close()
    assert count == "1"


async def test_a_connection_over_which_an_attempt_ran_out_of_time_is_given_up(kit: AmqpKit) -> None:
    channel = kit.settings().open(Rendering())
    await send(channel, fresh(1))
    kit.server.tell("rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []})")
    try:
        for number in (2, 3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await channel.send(fresh(number), channel.render(fresh(number)))
    finally:
        kit.server.tell("rabbit_alarm:clear_alarm({resource_limit, memory, node()})")
    await eventually(lambda: send(channel, fresh(4)))
    async with asyncio.timeout(5):
        await channel.close()
    assert fresh(4).id in {one.id for one in kit.received()}


async def test_a_broker_that_falls_silent_is_given_up(kit: AmqpKit) -> None:
    async with Line(kit.server.port) as line:
        channel = kit.settings(port=line.port, heartbeat_seconds=2).open(Rendering())
        await send(channel, fresh(1))
        line.dead = True
        async with asyncio.timeout(PATIENCE):
            await line.given_up.wait()
        line.dead = False
        await eventually(lambda: send(channel, fresh(2)))  # the goodbye may not be over yet
        await channel.close()
    assert [one.id for one in kit.received()] == [fresh(1).id, fresh(2).id]


async def test_a_password_is_read_anew_at_each_connection(kit: AmqpKit, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    channel = kit.settings(password=SecretSource(file=str(file))).open(Rendering())
    await send(channel, fresh(1))
    kit.server.user_may("me", "fake-new-password")
    await asyncio.to_thread(kit.stop)
    await asyncio.to_thread(kit.start)
    await refused(channel, fresh(2))
    assert (await refused(channel, fresh(2))).reason is DeliveryReason.UNAUTHORIZED
    file.write_text("fake-new-password\n")
    await send(channel, fresh(2))
    await channel.close()


class TestTLS:
    def there(self, kit: AmqpKit, **changes: Any) -> AmqpSettings:
        return kit.settings(port=kit.server.tls_port, encryption="tls", **changes)

    async def test_a_broker_that_the_authority_signed_is_believed(
        self, kit: AmqpKit, broker_authority: Authority
    ) -> None:
        tls = ClientTLS(ca_file=str(broker_authority.root.cert))
        channel = self.there(kit, tls=tls).open(Rendering())
        await send(channel, fresh(1))
        await channel.close()
        assert [one.id for one in kit.received()] == [fresh(1).id]

    async def test_another_broker_is_not(self, kit: AmqpKit) -> None:
        channel = self.there(kit).open(Rendering())
        error = await refused(channel, fresh(1))
        await channel.close()
        assert error.reason is DeliveryReason.TLS
        assert "certificate" in str(error)

    async def test_a_port_without_tls_gets_nothing(self, kit: AmqpKit) -> None:
        channel = kit.settings(encryption="tls").open(Rendering())
        error = await refused(channel, fresh(1))
        await channel.close()
        assert error.reason in {DeliveryReason.TLS, DeliveryReason.UNREACHABLE}

    async def test_without_a_user_the_certificate_tells_who_we_are(
        self, kit: AmqpKit, broker_authority: Authority
    ) -> None:
        for name, reason in (("me", None), ("stranger", DeliveryReason.UNAUTHORIZED)):
            pair = broker_authority.sign(name)
            tls = ClientTLS(
                ca_file=str(broker_authority.root.cert), cert_file=str(pair.cert), key_file=str(pair.key)
            )
            channel = self.there(kit, username=None, password=None, tls=tls).open(Rendering())
            if reason is None:
                await send(channel, fresh(1))
            else:
                assert (await refused(channel, fresh(2))).reason is reason
            await channel.close()
        assert [one.id for one in kit.received()] == [fresh(1).id]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("username: me", r"`username` and `password` go together"),
        ("encryption: none", r"give `username` and `password`, or a client certificate"),
        ("heartbeat_seconds: 0", r"heartbeat_seconds"),
        ("port: 70000", r"port"),
        ("declare: {exchange_type: ring}", r"ring"),
    ],
)
def test_settings_that_cannot_be_right(text: str, error: str) -> None:
    with pytest.raises(DocumentError, match=error):
        Document(f"channels:\n  - type: amqp\n    name: x\n    host: y\n    {text}\n").convert(RelaySettings)


@pytest.mark.parametrize("text", ["{{ nothing }}", "{% if %}", "{{ 'x' * 256 }}"])
async def test_a_routing_key_that_cannot_be_right_is_found_at_start(kit: AmqpKit, text: str) -> None:
    with pytest.raises(SentinelError, match="routing"):
        kit.settings(routing_key=text).open(Rendering())


async def test_all_that_is_in_the_outbox_arrives_though_the_broker_restarts(
    kit: AmqpKit, tmp_path: Path
) -> None:
    how = DeliverySettings(first_retry_seconds=0.05, longest_retry_seconds=0.2, breaker_seconds=0.2)
    await weather(kit, kit.settings(delivery=how), tmp_path)
