"""Webhooks through a real proxy: requests, tunnels, logins, and what is never asked of it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.errors import DeliveryReason
from backup_sentinel.relay.channels import Channel
from backup_sentinel.relay.channels.opsgenie import OpsgenieSettings
from backup_sentinel.relay.channels.webhook import WebhookSettings
from backup_sentinel.relay.egress import AddressError
from backup_sentinel.relay.rendering import Rendering
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import SecretSource
from relay.channels.suite import fresh, refused, send
from serving.certificates import Authority
from support.httpserver import Handler, HttpServer
from support.process import free_port
from support.proxy import Proxy

LOGIN = "me:fake-proxy-password"
NAME = "hooks.example.com"


class Receiver(HttpServer):
    """An HTTP server; `ids` are those of the webhooks that came."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.ids: list[str] = []
        receiver = self

        class Taking(Handler):
            def take(self) -> None:
                self.body()
                receiver.ids.append(self.headers["webhook-id"])
                self.answer(200)

        super().__init__(Taking, context)
        self.start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


def through(proxy: str | SecretSource, url: str, **changes: Any) -> Channel:
    return WebhookSettings(name="hook", url=url, proxy_url=proxy, **changes).open(Rendering())


async def test_a_request_goes_to_the_proxy_which_resolves_the_name(receiver: Receiver) -> None:
    with Proxy(hosts={NAME: "127.0.0.1"}) as proxy:
        channel = through(proxy.url, f"http://{NAME}:{receiver.port}/path")
        await send(channel, fresh(1))
        await send(channel, fresh(2))
        await channel.close()
        assert proxy.seen == [f"POST http://{NAME}:{receiver.port}/path"] * 2
    assert receiver.ids == [fresh(1).id, fresh(2).id]


async def test_tls_goes_through_the_proxy_and_is_checked_at_its_end(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("receiver", names=f"DNS:{NAME}", usage="serverAuth"))
    receiver = Receiver(context)
    tls = ClientTLS(ca_file=str(authority.root.cert))
    with Proxy(LOGIN, {NAME: "127.0.0.1", "other.example.com": "127.0.0.1"}) as proxy:
        channel = through(proxy.url, f"https://{NAME}:{receiver.port}/secret-path", tls=tls)
        await send(channel, fresh(1))
        await channel.close()
        assert proxy.seen == [f"CONNECT {NAME}:{receiver.port}"], "it sees no path"
        channel = through(proxy.url, f"https://other.example.com:{receiver.port}/", tls=tls)
        error = await refused(channel, fresh(2))
        await channel.close()
        assert error.reason is DeliveryReason.TLS
    receiver.stop()
    assert receiver.ids == [fresh(1).id]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_another_login_is_named(receiver: Receiver, scheme: str) -> None:
    with Proxy(LOGIN) as proxy:
        wrong = proxy.url.replace("fake-proxy-password", "fake-other-password")
        channel = through(wrong, f"{scheme}://127.0.0.1:{receiver.port}/")
        error = await refused(channel, fresh(1))
        await channel.close()
    assert (error.reason, error.retry) == (DeliveryReason.UNAUTHORIZED, True)
    assert "407" in str(error)
    assert "fake" not in str(error)
    assert not receiver.ids


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_does_not_reach_the_receiver_is_tried_again(scheme: str) -> None:
    with Proxy() as proxy:
        channel = through(proxy.url, f"{scheme}://127.0.0.1:{free_port()}/")
        error = await refused(channel, fresh(1))
        await channel.close()
    assert (error.reason, error.retry) == (DeliveryReason.SERVER_ERROR, True)
    assert "502" in str(error)


async def test_a_proxy_that_is_down_is_named_without_its_login(receiver: Receiver) -> None:
    channel = through(f"http://{LOGIN}@127.0.0.1:{free_port()}", f"http://127.0.0.1:{receiver.port}/")
    error = await refused(channel, fresh(1))
    await channel.close()
    assert (error.reason, error.retry) == (DeliveryReason.UNREACHABLE, True)
    assert "the proxy cannot be reached" in str(error)
    assert "fake" not in str(error)
    assert not receiver.ids, "it is not sent past the proxy"


async def test_no_proxy_is_asked_for_metadata_and_none_is_taken_from_the_environment(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy() as proxy:
        with pytest.raises(AddressError, match="nothing is sent there"):
            through(proxy.url, "http://169.254.169.254/latest")
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        channel = WebhookSettings(name="hook", url=f"http://127.0.0.1:{receiver.port}/").open(Rendering())
        await send(channel, fresh(1))
        await channel.close()
        assert not proxy.seen


@pytest.mark.parametrize("url", ["proxy.example.com:3128", "socks5://127.0.0.1:1080", "http://"])
async def test_a_proxy_that_is_no_address_is_found_at_start(url: str) -> None:
    with pytest.raises(AddressError, match="`proxy_url` of channel hook must be an http"):
        through(url, "http://127.0.0.1:1/")
    with pytest.raises(AddressError, match="`proxy_url` of channel page must be an http"):
        OpsgenieSettings(name="page", api_key="fake", proxy_url=url).open(Rendering())


async def test_the_address_of_a_proxy_comes_from_a_file(receiver: Receiver, tmp_path: Path) -> None:
    with Proxy(LOGIN) as proxy:
        (tmp_path / "proxy").write_text(f"{proxy.url}\n")
        channel = through(SecretSource(file=str(tmp_path / "proxy")), f"http://127.0.0.1:{receiver.port}/")
        await send(channel, fresh(1))
        await channel.close()
        assert len(proxy.seen) == 1
