"""Credentials that are renewed while we run."""

import asyncio
from pathlib import Path

import pytest

from backup_sentinel.errors import AccessError, ApiError, OutageReason
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.credentials import Credentials
from backup_sentinel.kube.settings import ClusterSettings
from kube.certificates import Authority
from kube.scripted import FakeClock, Server, body, status

SETTINGS = ClusterSettings(name="prod")


class Plugin:
    """Hands out numbered tokens that live for so many seconds."""

    def __init__(
        self, clock: FakeClock, server: str = "https://api.example", life: float | None = 600.0
    ) -> None:
        self.clock = clock
        self.server = server
        self.life = life
        self.calls = 0
        self.broken = False

    async def __call__(self, _: ClusterSettings) -> Credentials:
        self.calls += 1
        await asyncio.sleep(0)
        if self.broken:
            raise AccessError("the plugin is broken")
        expires = None if self.life is None else self.clock.now() + self.life
        return Credentials(server=self.server, authorization=f"Bearer secret-{self.calls}", expires=expires)


def token(route: object) -> str:
    return route.headers["Authorization"].removeprefix("Bearer secret-")  # type: ignore[attr-defined,no-any-return]


async def test_loaded_once_for_all_that_wait(clock: FakeClock) -> None:
    plugin = Plugin(clock)
    access = Access(SETTINGS, clock, load=plugin)
    routes = await asyncio.gather(*(access.route() for _ in range(10)))
    assert {token(route) for route in routes} == {"1"}
    assert plugin.calls == 1


async def test_renewed_before_the_end(clock: FakeClock) -> None:
    access = Access(SETTINGS, clock, load=Plugin(clock))
    first = await access.route()
    clock.time += 530
    assert token(await access.route()) == "1"
    clock.time += 20
    second = await access.route()
    assert token(second) == "2"
    assert second.tls is first.tls


async def test_renewal_that_fails_is_an_error_only_after_the_end(clock: FakeClock) -> None:
    plugin = Plugin(clock)
    access = Access(SETTINGS, clock, load=plugin)
    await access.route()
    plugin.broken = True
    clock.time += 560
    assert token(await access.route()) == "1"
    assert token(await access.route()) == "1"
    assert plugin.calls == 2
    clock.time += 60
    with pytest.raises(AccessError, match="broken"):
        await access.route()


async def test_token_that_lives_shorter_than_the_margin_is_no_storm(clock: FakeClock) -> None:
    plugin = Plugin(clock, life=10)
    access = Access(SETTINGS, clock, load=plugin)
    for _ in range(100):
        await access.route()
        clock.time += 0.1
    assert plugin.calls == 1


async def test_first_load_that_fails_is_tried_again_after_a_while(clock: FakeClock) -> None:
    plugin = Plugin(clock)
    plugin.broken = True
    access = Access(SETTINGS, clock, load=plugin)
    for _ in range(10):
        with pytest.raises(AccessError, match="broken"):
            await access.route()
    assert plugin.calls == 1
    plugin.broken = False
    clock.time += 31
    assert token(await access.route()) == "2"


async def test_loads_are_limited_over_clusters(clock: FakeClock) -> None:
    running, most = 0, 0

    async def load(settings: ClusterSettings) -> Credentials:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return Credentials(server="https://api.example")

    loading = asyncio.Semaphore(2)
    await asyncio.gather(*(Access(SETTINGS, clock, load=load, loading=loading).route() for _ in range(8)))
    assert most == 2


async def test_401_loads_again_once(server: Server, clock: FakeClock) -> None:
    plugin = Plugin(clock, server.url)
    server.on("/x", body({}), status(401), body({}))
    async with Client(Access(SETTINGS, clock, load=plugin), clock) as client:
        await client.get("/x")
        clock.time += 100
        assert await client.get("/x") == b"{}"
    sent = [seen.headers["Authorization"] for seen in server.requests]
    assert sent == ["Bearer secret-1", "Bearer secret-1", "Bearer secret-2"]


async def test_401_that_stays_is_no_storm_of_plugins(server: Server, clock: FakeClock) -> None:
    plugin = Plugin(clock, server.url)
    server.on("/x", status(401))
    async with Client(Access(SETTINGS, clock, load=plugin), clock) as client:
        clock.time += 100
        for _ in range(20):
            with pytest.raises(ApiError, match="invalid or expired"):
                await client.get("/x")
            clock.time += 1
    assert plugin.calls <= 3


async def test_401_and_a_broken_plugin(server: Server, clock: FakeClock) -> None:
    plugin = Plugin(clock, server.url)
    server.on("/x", body({}), status(401))
    async with Client(Access(SETTINGS, clock, load=plugin), clock) as client:
        await client.get("/x")
        clock.time += 100
        plugin.broken = True
        with pytest.raises(ApiError) as caught:
            await client.get("/x")
    assert caught.value.reason is OutageReason.CREDENTIALS


async def test_one_refresh_serves_all_that_were_refused(clock: FakeClock) -> None:
    plugin = Plugin(clock)
    access = Access(SETTINGS, clock, load=plugin)
    stale = await access.route()
    clock.time += 100
    assert await asyncio.gather(*(access.refresh(stale) for _ in range(5))) == [True] * 5
    assert plugin.calls == 2


async def test_token_file_is_read_again(server: Server, clock: FakeClock, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    server.on("/x", body({}))
    settings = ClusterSettings(api_url=server.url, token_file=str(file))
    async with Client(Access(settings, clock), clock) as client:
        await client.get("/x")
        renewed = tmp_path / "renewed"
        renewed.write_text("two\n")
        renewed.replace(file)
        await client.get("/x")
        file.unlink()
        await client.get("/x")
        file.write_text("")
        await client.get("/x")
    sent = [seen.headers["Authorization"] for seen in server.requests]
    assert sent == ["Bearer one", "Bearer two", "Bearer two", "Bearer two"]


async def test_static_token_is_not_tried_twice(server: Server, clock: FakeClock) -> None:
    server.on("/x", status(401))
    async with Client(Access(ClusterSettings(api_url=server.url, token="t"), clock), clock) as client:
        clock.time += 100
        with pytest.raises(ApiError):
            await client.get("/x")
        clock.time += 100
        with pytest.raises(ApiError):
            await client.get("/x")
    assert len(server.requests) == 2


async def test_new_authority_is_loaded_after_a_tls_error(
    secure: Server, authority: Authority, clock: FakeClock, tmp_path: Path
) -> None:
    secure.on("/x", body({}))
    bundle = tmp_path / "ca.crt"
    old = Authority.create(tmp_path)
    bundle.write_text(old.ca.read_text())
    settings = ClusterSettings(api_url=secure.url, ca_file=str(bundle))
    async with Client(Access(settings, clock), clock) as client:
        with pytest.raises(ApiError) as caught:
            await client.get("/x")
        assert caught.value.reason is OutageReason.TLS
        bundle.write_text(authority.ca.read_text())
        clock.time += 100
        assert await client.get("/x") == b"{}"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (Credentials(server="https://a", proxy="socks5://p:1080"), "socks5:// are not supported"),
        (
            Credentials(server="https://a", authorization="Bearer hunter2\nx"),
            "the token for https://a holds a line break",
        ),
        (Credentials(server="https://a", ca="nonsense"), "cannot be used"),
        (Credentials(server="https://a", token_file=__file__), "holds more than a token"),
    ],
)
async def test_credentials_that_cannot_be_used(clock: FakeClock, found: Credentials, message: str) -> None:
    async def load(_: ClusterSettings) -> Credentials:
        return found

    with pytest.raises(AccessError, match=message) as caught:
        await Access(SETTINGS, clock, load=load).route()
    assert "hunter2" not in str(caught.value)


async def test_nothing_shows_a_secret(clock: FakeClock) -> None:
    access = Access(ClusterSettings(name="prod", api_url="https://api.example", token="hunter2"), clock)
    shown = f"{access!r} {await access.route()!r} {access._settings!r} {access._credentials!r}"
    assert "hunter2" not in shown
