"""What starts once for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serving.certificates import Authority
from support.rabbitmq import RabbitServer


@pytest.fixture(scope="session")
def broker_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that signed the broker's certificate, and those of its clients."""
    return Authority.create(tmp_path_factory.mktemp("rabbitmq") / "ca")


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory, broker_authority: Authority) -> Iterator[RabbitServer]:
    """A broker with TLS and logins by certificate; whoever stops it starts it again."""
    pair = broker_authority.sign("rabbit", names="DNS:localhost", usage="serverAuth")
    tls = {"cacertfile": broker_authority.root.cert, "certfile": pair.cert, "keyfile": pair.key}
    lines = [f"ssl_options.{name} = {file}" for name, file in tls.items()]
    lines += ["ssl_options.verify = verify_peer", "ssl_cert_login_from = common_name"]
    lines += ["auth_mechanisms.1 = PLAIN", "auth_mechanisms.2 = EXTERNAL"]
    server = RabbitServer(
        tmp_path_factory.mktemp("rabbitmq"),
        "fake-admin-password",
        "\n".join(lines),
        tls=True,
        plugins=["rabbitmq_auth_mechanism_ssl"],
    )
    server.boot()
    yield server
    server.halt()
