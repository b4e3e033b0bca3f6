"""Ways of the NATS channel to log in, and TLS, against real servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import nkeys
import pytest

from backup_sentinel.errors import DeliveryReason, SentinelError
from backup_sentinel.relay.channels import Channel
from backup_sentinel.relay.channels.nats import NatsSettings
from backup_sentinel.relay.rendering import Rendering
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import SecretSource
from relay.channels.nats_kit import ADMIN, PASSWORD, NatsKit
from relay.channels.suite import fresh, refused, send
from serving.certificates import Authority
from support.nats import NatsServer, Signer


async def becomes(channel: Channel, reason: DeliveryReason) -> None:
    """Try until an attempt fails for this reason: the loss of the old connection may come first."""
    async with asyncio.timeout(10):
        while (await refused(channel, fresh(1))).reason is not reason:  # noqa: ASYNC110 - a server of others
            await asyncio.sleep(0.02)


async def test_a_token_is_read_anew_at_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("fake-token-1\n")
    kit = NatsKit(tmp_path)
    kit.server.config = {"authorization": {"token": "fake-token-1"}}
    kit.server.start()
    try:
        settings = kit.settings(username=None, password=None, stream=None, token=SecretSource(file=str(file)))
        channel = settings.open(Rendering())
        assert (await refused(channel, fresh(1))).reason is DeliveryReason.UNROUTABLE  # logged in; no stream
        kit.server.reload(authorization={"token": "fake-token-2"})
        await becomes(channel, DeliveryReason.UNAUTHORIZED)
        file.write_text("fake-token-2\n")
        await becomes(channel, DeliveryReason.UNROUTABLE)
        await channel.close()
    finally:
        kit.stop()


async def test_an_nkey_logs_in(tmp_path: Path) -> None:
    seed = nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    kit = NatsKit(tmp_path)
    kit.server.config = {"authorization": {"users": [{"nkey": public}, ADMIN]}}
    kit.start()
    try:
        channel = kit.settings(username=None, password=None, nkey_seed=seed.decode()).open(Rendering())
        await send(channel, fresh(1))
        await channel.close()
        assert len(kit.received()) == 1
    finally:
        kit.stop()


async def test_a_file_of_credentials_logs_in(tmp_path: Path) -> None:
    operator, system, account, stranger = (
        Signer(prefix, number)
        for number, prefix in enumerate([nkeys.PREFIX_BYTE_OPERATOR, *[nkeys.PREFIX_BYTE_ACCOUNT] * 3])
    )
    limits = dict.fromkeys(("subs", "conn", "leaf", "imports", "exports", "data", "payload"), -1)
    storage = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
    accounts = {
        system.name: operator.sign(system.name, type="account", limits=limits),
        account.name: operator.sign(account.name, type="account", limits={**limits, **storage}),
    }
    server = NatsServer(
        tmp_path,
        operator=operator.sign(operator.name, type="operator", system_account=system.name),
        system_account=system.name,
        resolver="MEMORY",
        resolver_preload=accounts,
    )
    file = tmp_path / "relay.creds"
    settings = NatsSettings(
        name="stream", servers=(f"nats://{server.address}",), credentials=SecretSource(file=str(file))
    )
    file.write_text(account.credentials())
    server.start()
    try:
        client = await nats.connect(server.address, user_credentials=str(file), allow_reconnect=False)
        await client.jsm().add_stream(name="ALERTS", subjects=["backup-sentinel.>"])
        channel = settings.open(Rendering())
        await send(channel, fresh(1))
        await channel.close()
        assert (await client.jsm().stream_info("ALERTS")).state.messages == 1
        await client.close()
        file.write_text(stranger.credentials())
        channel = settings.open(Rendering())
        assert (await refused(channel, fresh(2))).reason is DeliveryReason.UNAUTHORIZED
        await channel.close()
    finally:
        server.stop()


@pytest.mark.parametrize("field", ["nkey_seed", "credentials"])
async def test_credentials_that_are_none_are_found_at_start_and_not_shown(tmp_path: Path, field: str) -> None:
    settings = NatsKit(tmp_path).settings(username=None, password=None, **{field: "SUFAKEFAKEFAKE"})
    with pytest.raises(SentinelError, match=f"`{field}` of channel stream is no") as caught:
        settings.open(Rendering())
    assert "SUFAKE" not in str(caught.value)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("nats") / "ca")


class TestTLS:
    @pytest.fixture
    def kit(self, tmp_path: Path, authority: Authority) -> Iterator[NatsKit]:
        pair = authority.sign("nats", names="DNS:localhost", usage="serverAuth")
        kit = NatsKit(tmp_path)
        kit.server.config["tls"] = {
            "cert_file": str(pair.cert),
            "key_file": str(pair.key),
            "ca_file": str(authority.root.cert),
            "verify": False,
        }
        kit.server.start()
        yield kit
        kit.stop()

    def there(self, kit: NatsKit, scheme: str = "tls", **changes: Any) -> NatsSettings:
        return kit.settings(servers=(f"{scheme}://{kit.server.address}",), stream=None, **changes)

    @pytest.mark.parametrize("scheme", ["tls", "nats"])
    async def test_a_server_that_the_authority_signed_is_believed(
        self, kit: NatsKit, authority: Authority, scheme: str
    ) -> None:
        settings = self.there(kit, scheme, tls=ClientTLS(ca_file=str(authority.root.cert)))
        channel = settings.open(Rendering())
        assert (await refused(channel, fresh(1))).reason is DeliveryReason.UNROUTABLE  # logged in; no stream
        await channel.close()

    async def test_another_server_is_not(self, kit: NatsKit) -> None:
        channel = self.there(kit).open(Rendering())
        error = await refused(channel, fresh(1))
        await channel.close()
        assert error.reason is DeliveryReason.TLS
        assert "certificate" in str(error)

    async def test_a_client_certificate_is_shown(self, kit: NatsKit, authority: Authority) -> None:
        pair = authority.sign("relay")
        kit.server.stop()
        kit.server.config["tls"]["verify"] = True
        kit.server.start()
        root = str(authority.root.cert)
        channel = self.there(kit, tls=ClientTLS(ca_file=root)).open(Rendering())
        assert (await refused(channel, fresh(1))).reason in {DeliveryReason.TLS, DeliveryReason.UNREACHABLE}
        await channel.close()
        shown = ClientTLS(ca_file=root, cert_file=str(pair.cert), key_file=str(pair.key))
        channel = self.there(kit, tls=shown).open(Rendering())
        assert (await refused(channel, fresh(1))).reason is DeliveryReason.UNROUTABLE
        await channel.close()

    async def test_a_client_certificate_is_a_login(self, kit: NatsKit, authority: Authority) -> None:
        kit.server.stop()
        tls = kit.server.config["tls"]
        del tls["verify"]  # the server reads its keys in random order, and the last of the two would count
        tls["verify_and_map"] = True
        kit.server.config["authorization"] = {"users": [{"user": "CN=known"}]}
        kit.server.start()
        for name, reason in (
            ("known", DeliveryReason.UNROUTABLE),  # logged in; no stream
            ("stranger", DeliveryReason.UNAUTHORIZED),
        ):
            pair = authority.sign(name)
            shown = ClientTLS(
                ca_file=str(authority.root.cert), cert_file=str(pair.cert), key_file=str(pair.key)
            )
            channel = self.there(kit, tls=shown, username=None, password=None).open(Rendering())
            assert (await refused(channel, fresh(1))).reason is reason
            await channel.close()


async def test_a_server_without_tls_gets_no_password_where_tls_is_asked_for() -> None:
    seen = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.9.0","max_payload":1048576,"headers":true}\r\n')
        seen.extend(await reader.read())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    identities: tuple[dict[str, Any], ...] = ({"username": "me", "password": PASSWORD}, {"token": PASSWORD})
    for identity in identities:
        channel = NatsSettings(name="x", servers=(f"tls://127.0.0.1:{port}",), **identity).open(Rendering())
        assert (await refused(channel, fresh(1))).reason is DeliveryReason.TLS
        await channel.close()
    server.close()
    await server.wait_closed()
    assert not seen
