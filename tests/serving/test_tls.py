import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from serving.certificates import Authority, Pair
from serving.conftest import ENGINES, Start
from serving.kit import ROUTES, Server, rest

pytestmark = pytest.mark.parametrize("engine", ENGINES, indirect=True)


def handshake(server: Server, context: ssl.SSLContext) -> tuple[str, str]:
    """Return version and cipher that client and server agree on."""
    with server.connect(context) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        cipher = connection.cipher()
        assert cipher is not None
        return connection.version() or "", cipher[0]


def test_every_route_is_encrypted(start: Start, authority: Authority, tls: dict[str, Any]) -> None:
    server = start({"tls_server_config": tls})
    assert server.url == f"https://127.0.0.1:{server.port}"
    for path in ROUTES:
        assert server.ask(path, context=authority.client()).status == 200
    with server.connect() as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert not rest(plain).startswith(b"HTTP")


def test_speaks_http_1_where_a_client_prefers_2(
    start: Start, authority: Authority, tls: dict[str, Any]
) -> None:
    server = start({"tls_server_config": tls, "http_server_config": {"http2": True}})
    context = authority.client()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with server.connect(context) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        assert connection.selected_alpn_protocol() == "http/1.1"


def test_inline_material(start: Start, authority: Authority, pair: Pair) -> None:
    client = authority.sign("inline-client")
    server = start(
        {
            "tls_server_config": {
                "cert": pair.cert.read_text(),
                "key": pair.key.read_text(),
                "client_ca": authority.root.cert.read_text(),
                "client_auth_type": "RequireAndVerifyClientCert",
            }
        }
    )
    assert server.ask(context=authority.client(client)).status == 200
    with pytest.raises(OSError):
        server.ask(context=authority.client())


def test_paths_are_relative_to_the_file(
    start: Start, authority: Authority, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pki").mkdir()
    for path in pair:
        (tmp_path / "pki" / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir("/")
    server = start(
        {"tls_server_config": {"cert_file": f"pki/{pair.cert.name}", "key_file": f"pki/{pair.key.name}"}}
    )
    assert server.ask(context=authority.client()).status == 200


def test_versions(start: Start, authority: Authority, tls: dict[str, Any]) -> None:
    older, newer = authority.client(), authority.client()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    newer.minimum_version = ssl.TLSVersion.TLSv1_3
    server = start({"tls_server_config": tls})
    assert [handshake(server, context)[0] for context in (older, newer)] == ["TLSv1.2", "TLSv1.3"]
    server = start({"tls_server_config": {**tls, "min_version": "TLS13"}})
    assert handshake(server, newer)[0] == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        handshake(server, older)
    server = start({"tls_server_config": {**tls, "max_version": "TLS12"}})
    assert handshake(server, older)[0] == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        handshake(server, newer)


def test_cipher_suites(start: Start, authority: Authority, tls: dict[str, Any]) -> None:
    client = authority.client()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    server = start(
        {"tls_server_config": {**tls, "cipher_suites": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]}}
    )
    assert handshake(server, client)[1] == "ECDHE-ECDSA-AES256-GCM-SHA384"
    client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with pytest.raises(ssl.SSLError):
        handshake(server, client)


@pytest.mark.parametrize(("prefer", "chosen"), [(True, "AES256"), (False, "AES128"), ("no", "AES128")])
def test_order_of_cipher_suites(
    start: Start, authority: Authority, tls: dict[str, Any], prefer: bool, chosen: str
) -> None:
    names = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
    server = start(
        {"tls_server_config": {**tls, "cipher_suites": names, "prefer_server_cipher_suites": prefer}}
    )
    client = authority.client()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
    assert chosen in handshake(server, client)[1]


def test_suites_of_tls_13_alone_leave_none_for_tls_12(
    start: Start, authority: Authority, tls: dict[str, Any]
) -> None:
    server = start({"tls_server_config": {**tls, "cipher_suites": ["TLS_AES_128_GCM_SHA256"]}})
    client = authority.client()
    assert handshake(server, client)[0] == "TLSv1.3"
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        handshake(server, client)


@pytest.mark.parametrize(
    ("curve", "name"),
    [
        ("CurveP256", "prime256v1"),
        ("CurveP384", "secp384r1"),
        ("CurveP521", "secp521r1"),
        ("X25519", "X25519"),
    ],
)
def test_curves(start: Start, authority: Authority, tls: dict[str, Any], curve: str, name: str) -> None:
    server = start({"tls_server_config": {**tls, "curve_preferences": [curve]}})
    same, different = authority.client(), authority.client()
    same.set_ecdh_curve(name)
    different.set_ecdh_curve("secp384r1" if name == "prime256v1" else "prime256v1")
    assert handshake(server, same)
    with pytest.raises(ssl.SSLError):
        handshake(server, different)


def test_the_first_of_several_curves_is_always_offered(
    start: Start, authority: Authority, tls: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    server = start({"tls_server_config": {**tls, "curve_preferences": ["CurveP384", "CurveP256"]}})
    client = authority.client()
    client.set_ecdh_curve("secp384r1")
    assert handshake(server, client)
    client.set_ecdh_curve("X25519")
    with pytest.raises(ssl.SSLError):
        handshake(server, client)
    if not hasattr(client, "set_groups"):
        assert "CurveP384" in caplog.records[0].__dict__["note"]


def test_sessions_are_not_resumed(start: Start, authority: Authority, tls: dict[str, Any]) -> None:
    server = start({"tls_server_config": tls})
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = authority.client()
        context.minimum_version = context.maximum_version = version
        with server.connect(context) as connection:
            assert isinstance(connection, ssl.SSLSocket)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            connection.recv(1 << 16)
            session = connection.session
        assert session is None or not session.has_ticket


def test_a_failed_handshake_is_logged_once_a_minute(
    start: Start, authority: Authority, tls: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    server = start({"tls_server_config": tls})
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(b"this is no handshake")
            rest(connection)
    assert server.ask(context=authority.client()).status == 200
    assert [record.message for record in caplog.records] == ["TLS handshake failed"]
