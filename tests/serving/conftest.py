import asyncio
import contextlib
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn.protocols.http.h11_impl
import uvicorn.protocols.http.httptools_impl
import uvloop

from backup_sentinel.serving import FrontDoor, Limits
from backup_sentinel.serving import server as wiring
from serving.certificates import Authority, Pair
from serving.kit import Server, write

ENGINES = {
    "uvloop-httptools": (uvloop.new_event_loop, uvicorn.protocols.http.httptools_impl.HttpToolsProtocol),
    "asyncio-h11": (asyncio.new_event_loop, uvicorn.protocols.http.h11_impl.H11Protocol),
}
Start = Callable[..., Server]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("pki") / "authority")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("pki") / "stranger")


@pytest.fixture(scope="session")
def pair(authority: Authority) -> Pair:
    return authority.sign("server", "DNS:localhost,IP:127.0.0.1", "serverAuth")


@pytest.fixture(scope="session")
def other_pair(authority: Authority) -> Pair:
    return authority.sign("renewed", "DNS:localhost,IP:127.0.0.1", "serverAuth")


@pytest.fixture
def tls(pair: Pair) -> dict[str, Any]:
    return {"cert_file": str(pair.cert), "key_file": str(pair.key)}


@pytest.fixture
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run with the faster event loop and HTTP parser, or those that a test asks for by parameter."""
    loop, protocol = ENGINES[getattr(request, "param", "uvloop-httptools")]
    monkeypatch.setattr(wiring, "AutoHTTPProtocol", protocol)
    return loop


@pytest.fixture
def start(tmp_path: Path, engine: Any) -> Iterator[Start]:
    """Return a function that starts a server behind the door of some settings, until the test ends."""
    with contextlib.ExitStack() as stack:

        def starting(settings: dict[str, Any] | str | None = None, **limits: Any) -> Server:
            app = limits.pop("app", None)
            door = None
            if settings is not None:
                door = FrontDoor.load(str(write(tmp_path / "web.yml", settings)), interval=0.05)
            return stack.enter_context(Server(door, limits=Limits(**limits), app=app, loop=engine))

        yield starting


@pytest.fixture
def many_files() -> Iterator[None]:
    """Allow as many open files as the test has sockets, on both sides."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096
    if before[0] < wanted:
        if before[1] != resource.RLIM_INFINITY and before[1] < wanted:
            pytest.skip(f"only {before[1]} files may be open here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
