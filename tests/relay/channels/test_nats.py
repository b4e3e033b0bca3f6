"""The NATS channel against a real server with JetStream: the suite, subjects, a server that restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_sentinel.document import Document
from backup_sentinel.errors import DeliveryReason, DocumentError, SentinelError
from backup_sentinel.relay.channels import DeliverySettings
from backup_sentinel.relay.channels.nats.channel import subject
from backup_sentinel.relay.rendering import Rendering, samples
from backup_sentinel.relay.settings import RelaySettings
from relay.channels.line import Line
from relay.channels.nats_kit import NatsKit
from relay.channels.river import weather
from relay.channels.suite import PATIENCE, ChannelSuite, fresh, refused, send


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[NatsKit]:
    kit = NatsKit(tmp_path)
    kit.start()
    yield kit
    kit.stop()


class TestNats(ChannelSuite):
    pass


async def test_a_message_that_is_sent_twice_is_stored_once(kit: NatsKit) -> None:
    channel = kit.settings().open(Rendering())
    await send(channel, fresh(1))
    await send(channel, fresh(1))
    await channel.close()
    assert len(kit.received()) == 1


async def test_what_is_stored_has_subject_headers_and_body(kit: NatsKit) -> None:
    settings = kit.settings(
        subject='other.{{ labels.schedule | replace(".", "_") }}.{{ status }}',
        headers={"Cluster": "{{ labels.cluster }}", "Summary": "{{ annotations.summary }}\nNats-Rollup: all"},
        body="{{ title }}",
        content_type="text/plain",
    )
    channel = settings.open(Rendering())
    await send(channel, fresh(1))
    await channel.close()
    [found] = await kit.messages()
    assert found.subject == "other.shop.firing"
    assert found.headers["Cluster"] == "sample"
    assert found.headers["Content-Type"] == "text/plain"
    assert "Nats-Rollup" not in found.headers
    assert found.headers["Summary"].endswith("Nats-Rollup: all")
    assert found.data.decode().startswith("[FIRING:1] KubeBackupFailed")


async def test_without_a_template_the_body_is_json(kit: NatsKit) -> None:
    channel = kit.settings().open(Rendering())
    body = json.loads(channel.render(samples()[0]).body)
    await channel.close()
    assert body["alerts"][0]["labels"]["schedule"] == "shop"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("backups.eu.failed", "backups.eu.failed"),
        ("backups.my schedule.x", "backups.my_schedule.x"),
        ("backups.a*b.>", "backups.a_b._"),
        ("backups..x.", "backups._.x._"),
        (" backups.x\n", "backups.x"),
        ("backups.x\r\nPUB y", "backups.x_PUB_y"),
    ],
)
def test_a_subject_never_holds_what_it_must_not(text: str, made: str) -> None:
    assert subject(text) == made


@pytest.mark.parametrize("text", ["backups.>", "backups.*.x", "two words", "", "{{ nothing }}", "{% if %}"])
async def test_a_subject_that_cannot_be_right_is_found_at_start(kit: NatsKit, text: str) -> None:
    with pytest.raises(SentinelError, match=r"channel stream, subject|the subject"):
        kit.settings(subject=text).open(Rendering())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("servers: []", r"list of length >= 1"),
        ("servers: [http://x]", r"2:5: a server is written as `nats://host:port`"),
        ("servers: ['nats://me:fake@x']", r"a server's address holds no password"),
        ("servers: [nats://x]\n    username: me", r"`username` and `password` go together"),
        ("servers: [nats://x]\n    token: fake\n    nkey_seed: fake", r"give one of `username`, `token`"),
        ("servers: [nats://x]\n    headers: {Nats-Msg-Id: x}", r"the header Nats-Msg-Id is not yours to set"),
        ("servers: [nats://x]\n    headers: {'a b': x}", r"'a b' is no name of a header"),
        ("servers: [nats://x]\n    ping_seconds: 0", r"ping_seconds"),
    ],
)
def test_settings_that_cannot_be_right(text: str, error: str) -> None:
    with pytest.raises(DocumentError, match=error):
        Document(f"channels:\n  - type: nats\n    name: x\n    {text}\n").convert(RelaySettings)


async def test_the_next_server_is_taken_where_one_is_down(kit: NatsKit) -> None:
    servers = ("nats://localhost:1", f"nats://{kit.server.address}", "nats://localhost:2")
    for number in range(4):
        channel = kit.settings(servers=servers).open(Rendering())
        await send(channel, fresh(number))
        await channel.close()
    assert len(kit.received()) == 4


async def test_a_server_that_falls_silent_is_given_up(kit: NatsKit) -> None:
    async with Line(kit.server.port) as line:
        channel = kit.settings(servers=(f"nats://localhost:{line.port}",), ping_seconds=1).open(Rendering())
        await send(channel, fresh(1))
        line.dead = True
        async with asyncio.timeout(PATIENCE):
            await line.given_up.wait()
        line.dead = False
        await send(channel, fresh(2))
        await channel.close()
    assert [one.id for one in kit.received()] == [fresh(1).id, fresh(2).id]


async def test_an_attempt_does_not_wait_for_a_server_that_dies(kit: NatsKit) -> None:
    channel = kit.settings().open(Rendering())
    await send(channel, fresh(1))
    await asyncio.to_thread(kit.stop)
    error = await refused(channel, fresh(2))
    assert error.reason is DeliveryReason.UNREACHABLE
    await channel.close()


async def test_all_that_is_in_the_outbox_arrives_though_the_server_restarts(
    kit: NatsKit, tmp_path: Path
) -> None:
    how = DeliverySettings(first_retry_seconds=0.05, longest_retry_seconds=0.2, breaker_seconds=0.2)
    await weather(kit, kit.settings(delivery=how), tmp_path)
    found = kit.received()
    assert len({one.id for one in found}) == len(found)
