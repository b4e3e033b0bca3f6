import logging
import os
import ssl
import time
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from backup_sentinel.serving import FrontDoor
from serving.certificates import Authority, Pair
from serving.conftest import Start
from serving.kit import Server, write
from support.process import wait_until

ANN, BOB = (bcrypt.hashpw(word, bcrypt.gensalt(4)).decode() for word in (b"ann", b"bob"))


def shown(server: Server, authority: Authority) -> bytes:
    """Return the certificate that the server shows."""
    with server.connect(authority.client()) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        return connection.getpeercert(binary_form=True) or b""


def der(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.cert.read_text())


def copy(source: Pair, target: Pair) -> None:
    for one, other in zip(source, target, strict=True):
        other.write_bytes(one.read_bytes())


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.__dict__["error"] for record in caplog.records if record.levelno == logging.ERROR]


def test_certificate_exchanged(
    start: Start, authority: Authority, pair: Pair, other_pair: Pair, tmp_path: Path
) -> None:
    used = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    copy(pair, used)
    server = start({"tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"}})
    with server.connect(authority.client()) as before:
        assert shown(server, authority) == der(pair)
        copy(other_pair, used)
        wait_until(lambda: shown(server, authority) == der(other_pair), "the new certificate is shown")
        before.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert before.recv(1 << 16).startswith(b"HTTP/1.1 200"), "open connections go on"


def test_mounted_secret_exchanged(
    start: Start, authority: Authority, pair: Pair, other_pair: Pair, tmp_path: Path
) -> None:
    """A kubelet writes a new folder and moves a link onto it."""
    for name, one in (("..1", pair), ("..2", other_pair)):
        (tmp_path / name).mkdir()
        copy(one, Pair(tmp_path / name / "tls.crt", tmp_path / name / "tls.key"))
    (tmp_path / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    server = start({"tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"}})
    assert shown(server, authority) == der(pair)
    (tmp_path / "..tmp").symlink_to("..2")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    wait_until(lambda: shown(server, authority) == der(other_pair), "the new certificate is shown")


def test_broken_certificate_is_logged_once_and_healed(
    start: Start,
    authority: Authority,
    pair: Pair,
    other_pair: Pair,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    used = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    copy(pair, used)
    server = start({"tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"}})
    used.cert.write_bytes(other_pair.cert.read_bytes())
    wait_until(lambda: (shown(server, authority), bool(errors(caplog)))[1], "the mismatch is logged")
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        assert shown(server, authority) == der(pair)
    assert len(errors(caplog)) == 1
    assert "the key does not belong to the certificate" in errors(caplog)[0]
    used.key.write_bytes(other_pair.key.read_bytes())
    wait_until(lambda: shown(server, authority) == der(other_pair), "the new certificate is shown")
    used.key.unlink()
    wait_until(lambda: (shown(server, authority), len(errors(caplog)) > 1)[1], "the missing key is logged")
    assert "No such file" in errors(caplog)[-1]
    assert shown(server, authority) == der(other_pair)


def test_client_authorities_exchanged(
    start: Start, authority: Authority, stranger: Authority, tls: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_bytes(authority.root.cert.read_bytes())
    kind = "RequireAndVerifyClientCert"
    server = start({"tls_server_config": {**tls, "client_auth_type": kind, "client_ca_file": "ca.pem"}})
    ours = authority.client(authority.sign("ours"))
    theirs = authority.client(stranger.sign("theirs"))

    def admitted(context: ssl.SSLContext) -> bool:
        try:
            return server.ask(context=context).status == 200
        except OSError:
            return False

    assert (admitted(ours), admitted(theirs)) == (True, False)
    (tmp_path / "ca.pem").write_bytes(stranger.root.cert.read_bytes())
    wait_until(lambda: admitted(theirs), "the other authority is trusted")
    assert not admitted(ours)


def test_file_exchanged(start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "backup_sentinel")
    server = start({"basic_auth_users": {"ann": ANN}})
    assert [server.ask(user=user).status for user in ("ann:ann", "bob:bob")] == [200, 401]
    write(
        tmp_path / "web.yml",
        {"basic_auth_users": {"bob": BOB}, "rate_limit": {"interval": "1ms", "burst": 9}},
    )
    wait_until(lambda: server.ask(user="bob:bob").status == 200, "the new user is known")
    assert server.ask(user="ann:ann").status == 401
    assert [r.__dict__["users"] for r in caplog.records if "read anew" in r.message] == [1]
    write(tmp_path / "web.yml", {"http_server_config": {"headers": {"X-Frame-Options": "deny"}}})
    wait_until(lambda: server.ask().status == 200, "no password is needed")
    assert server.ask().headers["x-frame-options"] == ["deny"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("basic_auth_users: {ann: hunter2-not-a-hash}", "this is no bcrypt hash"),
        ("basic_auth_users:\n  ann: *hunter2\n", "not YAML"),
        ("basic_auth_user: {}", "unknown field"),
        ("", "the file is empty"),
        ("# only a remark", "the file is empty"),
        ("tls_server_config: {cert_file: %(cert)s, key_file: %(key)s}", "TLS cannot be switched on or off"),
        (None, "No such file"),
    ],
)
def test_broken_file_changes_nothing(
    start: Start, pair: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str | None, told: str
) -> None:
    server = start({"basic_auth_users": {"ann": ANN}})
    if text is None:
        (tmp_path / "web.yml").unlink()
    else:
        write(
            tmp_path / "web.yml", text.replace("%(cert)s", str(pair.cert)).replace("%(key)s", str(pair.key))
        )
    wait_until(lambda: (server.ask(user="ann:ann"), bool(errors(caplog)))[1], "the mistake is logged")
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        assert server.ask(user="ann:ann").status == 200
        assert server.ask().status == 401
    assert len(errors(caplog)) == 1
    assert told in errors(caplog)[0]
    assert "hunter2" not in caplog.text + errors(caplog)[0]
    write(tmp_path / "web.yml", {"basic_auth_users": {"bob": BOB}})
    wait_until(lambda: server.ask(user="bob:bob").status == 200, "a good file is read again")


def test_tls_stays(
    start: Start, authority: Authority, tls: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = start({"tls_server_config": tls})
    write(tmp_path / "web.yml", "http_server_config: {http2: false}")
    wait_until(
        lambda: (server.ask(context=authority.client()), bool(errors(caplog)))[1], "the change is refused"
    )
    assert "TLS cannot be switched" in errors(caplog)[0]


def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    """What is there for a moment, without users, must not open the door."""
    path = write(tmp_path / "web.yml", {"basic_auth_users": {"ann": ANN}})
    door = FrontDoor.load(str(path), interval=0.1)
    door._due = 0
    write(path, "http_server_config: {}")
    assert door.rules().users
    write(path, {"http_server_config": {}, "basic_auth_users": {"bob": BOB}})
    door._due = 0
    assert list(door.rules().users) == ["ann"]
    door._due = 0
    assert list(door.rules().users) == ["bob"], "it did not change from one look to the next"


def test_an_older_file_is_read_at_the_first_look(tmp_path: Path) -> None:
    path = write(tmp_path / "web.yml", {"basic_auth_users": {"ann": ANN}})
    door = FrontDoor.load(str(path))
    write(path, {"basic_auth_users": {"bob": BOB}})
    long_ago = time.time() - 60
    os.utime(path, (long_ago, long_ago))
    assert list(door.rules().users) == ["ann"], "at most one look a second"
    door._due = 0
    assert list(door.rules().users) == ["bob"]


def test_files_are_not_read_while_they_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "web.yml", {"basic_auth_users": {"ann": ANN}})
    door = FrontDoor.load(str(path), interval=0.001)
    rules = door.rules()
    monkeypatch.setattr(Path, "open", None)
    for _ in range(5):
        door._due = 0
        assert door.rules() is rules


def test_a_limit_that_stays_keeps_its_bucket(start: Start, tmp_path: Path) -> None:
    limit = {"interval": "1h", "burst": 3}
    server = start({"rate_limit": limit})
    assert [server.ask().status for _ in range(4)] == [200, 200, 200, 429]
    write(
        tmp_path / "web.yml",
        {"rate_limit": limit, "http_server_config": {"headers": {"X-Frame-Options": "deny"}}},
    )
    wait_until(lambda: "x-frame-options" in server.ask().headers, "the new file is read")
    assert server.ask().status == 429
    write(tmp_path / "web.yml", {"rate_limit": {"interval": "1h", "burst": 1000}})
    wait_until(lambda: server.ask().status == 200, "the new limit counts")
