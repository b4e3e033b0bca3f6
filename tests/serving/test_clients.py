"""Certificates of clients: each policy of Go, and the names."""

import ssl
from typing import Any

import pytest

from backup_sentinel.errors import DocumentError
from backup_sentinel.serving.door import permits
from serving.certificates import Authority, Pair, alone
from serving.conftest import ENGINES, Start
from serving.kit import ROUTES, Server

NAMES = (
    "DNS:scraper.example,email:ops@example.org,IP:10.0.0.7,IP:2001:db8::1,URI:spiffe://example.org/prometheus"
)
ALLOWED = ["scraper.example", "ops@example.org", "10.0.0.7", "2001:db8::1", "spiffe://example.org/prometheus"]


@pytest.fixture(scope="module")
def scraper(authority: Authority) -> Pair:
    return authority.sign("scraper", NAMES)


def admitted(server: Server, context: ssl.SSLContext) -> bool:
    """Tell whether a request is answered; with TLS 1.3 a client learns of a refusal only when it reads."""
    try:
        return server.ask("/-/healthy", context=context).status == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    ("kind", "none", "good", "bad"),
    [
        ("NoClientCert", True, True, True),
        ("RequestClientCert", True, True, True),
        ("VerifyClientCertIfGiven", True, True, False),
        ("RequireAndVerifyClientCert", False, True, False),
    ],
)
@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_policies(
    start: Start,
    authority: Authority,
    stranger: Authority,
    scraper: Pair,
    tls: dict[str, Any],
    kind: str,
    none: bool,
    good: bool,
    bad: bool,
) -> None:
    settings = {**tls, "client_auth_type": kind}
    if kind != "NoClientCert":
        settings["client_ca_file"] = str(authority.root.cert)
    server = start({"tls_server_config": settings})
    contexts = [
        authority.client(),
        authority.client(scraper),
        authority.client(stranger.sign("foreign", NAMES)),
    ]
    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        for context in contexts:
            context.maximum_version = version
        assert [admitted(server, context) for context in contexts] == [none, good, bad]


@pytest.mark.parametrize("kind", ["RequireAnyClientCert", "RequireClientCert"])
def test_any_certificate_is_refused_as_a_policy(start: Start, tls: dict[str, Any], kind: str) -> None:
    with pytest.raises(DocumentError, match=r"a stranger made(.|\n)*\^(.|\n)*RequireAndVerifyClientCert"):
        start({"tls_server_config": {**tls, "client_auth_type": kind}})


def test_certificates_of_servers_and_of_nobody_are_no_clients(
    start: Start, authority: Authority, pair: Pair, tls: dict[str, Any]
) -> None:
    server = start(
        {
            "tls_server_config": {
                **tls,
                "client_auth_type": "RequireAndVerifyClientCert",
                "client_ca_file": str(authority.root.cert),
            }
        }
    )
    assert not admitted(server, authority.client(pair))
    assert not admitted(server, authority.client(alone(authority.folder, "nobody")))


def test_what_is_listed_is_trusted_root_or_not(
    start: Start, authority: Authority, scraper: Pair, tls: dict[str, Any]
) -> None:
    """As in Go, where the pool of authorities may hold the client's certificate itself."""
    settings = {**tls, "client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(scraper.cert)}
    server = start({"tls_server_config": settings})
    assert admitted(server, authority.client(scraper))
    assert not admitted(server, authority.client(authority.sign("not-listed")))


def test_without_authorities_those_of_the_system_count(
    start: Start,
    authority: Authority,
    stranger: Authority,
    scraper: Pair,
    tls: dict[str, Any],
    monkeypatch: Any,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root.cert))
    server = start({"tls_server_config": {**tls, "client_auth_type": "RequireAndVerifyClientCert"}})
    assert admitted(server, authority.client(scraper))
    assert not admitted(server, authority.client(stranger.sign("foreign2", NAMES)))


@pytest.mark.parametrize("allowed", ALLOWED)
def test_names(start: Start, authority: Authority, scraper: Pair, tls: dict[str, Any], allowed: str) -> None:
    server = start(
        {
            "tls_server_config": {
                **tls,
                "client_auth_type": "RequireAndVerifyClientCert",
                "client_ca_file": str(authority.root.cert),
                "client_allowed_sans": ["other", allowed],
            }
        }
    )
    assert admitted(server, authority.client(scraper))
    assert not admitted(server, authority.client(authority.sign("unnamed")))
    assert not admitted(
        server, authority.client(authority.sign("misnamed", "DNS:x.scraper.example,IP:10.0.0.8"))
    )
    assert not admitted(server, authority.client())
    assert [path for _, path, _ in server.seen] == ["/-/healthy"]


def test_every_route_asks_for_a_certificate(
    start: Start, authority: Authority, scraper: Pair, tls: dict[str, Any]
) -> None:
    settings = {
        **tls,
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": str(authority.root.cert),
    }
    server = start({"tls_server_config": settings})
    for path in ROUTES:
        assert server.ask(path, context=authority.client(scraper)).status == 200
        with pytest.raises(OSError):
            server.ask(path, context=authority.client())


def test_names_are_written_as_go_writes_them() -> None:
    certificate = {
        "subjectAltName": (
            ("IP Address", "2001:DB8:0:0:0:0:0:1"),
            ("IP Address", "0:0:0:0:0:FFFF:A00:7"),
            ("IP Address", "<invalid>"),
            ("DirName", ((("commonName", "root"),),)),
            ("Registered ID", "1.2.3"),
        )
    }
    assert permits({"2001:db8::1"}, certificate)
    assert permits({"10.0.0.7"}, certificate)
    assert not permits({"2001:DB8:0:0:0:0:0:1", "::ffff:10.0.0.7", "root", "1.2.3", "<invalid>"}, certificate)
    assert not permits({"a"}, None)
    assert permits((), None)
