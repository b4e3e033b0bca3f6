"""Every mistake points at its place, and shows no secret."""

import traceback
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.errors import DocumentError
from backup_sentinel.serving import FrontDoor
from backup_sentinel.serving.door.file import read
from backup_sentinel.serving.door.watch import Watch
from serving.certificates import Authority, Pair, encrypt
from serving.kit import write

SECRET = "hunter2-sesame"
HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


def complaint(tmp_path: Path, text: str, **names: Any) -> str:
    for name, value in names.items():
        text = text.replace(f"%{name}%", str(value))
    path = write(tmp_path / "web.yml", text)
    with pytest.raises(DocumentError) as caught:
        FrontDoor.load(str(path))
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    return str(caught.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "tls_server_config:\n  cert_filse: a\n",
            (
                "web.yml:2:3: unknown field `cert_filse`\n"
                "    2 |   cert_filse: *\n"
                "          ^\n"
                "      hint: did you mean `cert_file`?"
            ),
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: maybe\n",
            (
                "web.yml:3:22: `maybe` is not a valid value\n"
                "    3 |     X-Frame-Options: maybe\n"
                "                             ^\n"
                "      hint: valid: deny, sameorigin"
            ),
        ),
        (
            f"basic_auth_users:\n  john: {SECRET}\n",
            (
                "web.yml:2:9: this is no bcrypt hash\n"
                "    2 |   john: **************\n"
                "                ^\n"
                "      hint: make one with: htpasswd -nBC 10 NAME"
            ),
        ),
        (
            "rate_limit:\n  interval: 1s\n",
            "web.yml:2:3: a burst below 1 answers no request at all\n    2 |   interval: 1s\n          ^",
        ),
    ],
)
def test_a_mistake_in_full(tmp_path: Path, text: str, told: str) -> None:
    assert complaint(tmp_path, text) == told


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("a word", "1:1", "expected a mapping, got text"),
        ("nothing: {}", "1:1", "unknown field `nothing`"),
        ("http_server_config: {headers: {Content-Type: a}}", "1:32", "unknown field `Content-Type`"),
        (
            "http_server_config: {headers: {X-Content-Type-Options: sniff}}",
            "1:56",
            "`sniff` is not a valid value",
        ),
        ('http_server_config: {headers: {X-XSS-Protection: "a\\0b"}}', "1:50", "only plain ASCII"),
        ("http_server_config: {headers: {X-XSS-Protection: \u00e4}}", "1:50", "only plain ASCII"),
        ("http_server_config: {http2: maybe}", "1:29", "expected true or false"),
        ("basic_auth_users: {ann: }", "1:25", "expected text, got nothing"),
        ("basic_auth_users: {ann: 12345}", "1:25", "this is no bcrypt hash"),
        ("basic_auth_users: {'a:b': x}", "1:20", "a colon ends the name"),
        ("basic_auth_users: [ann]", "1:19", "expected a mapping, got a list"),
        ("rate_limit: {interval: 1, burst: 1}", "1:24", "expected a Go duration"),
        ("rate_limit: {interval: -1s, burst: 1}", "1:24", "expected a Go duration"),
        ("tls_server_config: {min_version: TLS12}", "1:1", "`cert_file` is missing"),
        ("tls_server_config: {cert_file: '', key_file: a}", "1:1", "`cert_file` is missing"),
        ("tls_server_config: {cert_file: nowhere.pem, key_file: a}", "1:32", "No such file"),
        ('tls_server_config: {cert_file: "a\\0b", key_file: a}', "1:32", "null byte"),
        ("tls_server_config: {cert_file: /, key_file: a}", "1:32", "Is a directory"),
    ],
)
def test_places(tmp_path: Path, text: str, place: str, told: str) -> None:
    assert complaint(tmp_path, text).startswith(f"web.yml:{place}: ")
    assert told in complaint(tmp_path, text)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("key_file: %other%", "the key does not belong to the certificate"),
        ("key_file: %cert%", "there is no private key in PEM form"),
        ("key_file: %encrypted%", "the key is under a password"),
        ("key_file: %junk_key%", "OpenSSL refuses certificate and key"),
        ("key: x\n  key_file: %key%", "not both"),
        ("key_file: %key%\n  min_version: TLS14", "`TLS14` is not a valid value"),
        ("key_file: %key%\n  max_version: TLS11", "TLS11 is not spoken any more"),
        ("key_file: %key%\n  min_version: TLS13\n  max_version: TLS12", "TLS13 is above max_version"),
        ("key_file: %key%\n  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "not one of Go's ciphers"),
        ("key_file: %key%\n  cipher_suites:\n  - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048", "did you mean"),
        ("key_file: %key%\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n  max_version: TLS12", "none of these"),
        ("key_file: %key%\n  curve_preferences: [CurveP257]", "not one of Go's curves"),
        ("key_file: %key%\n  client_auth_type: x", "`x` is not a valid value"),
        ("key_file: %key%\n  client_ca_file: %ca%", "clients are not asked for certificates"),
        ("key_file: %key%\n  client_ca: %ca%", "clients are not asked for certificates"),
        ("key_file: %key%\n  client_allowed_sans: [a]", "names are only checked where"),
        (
            "key_file: %key%\n  client_auth_type: VerifyClientCertIfGiven\n  client_allowed_sans: [a]",
            "names are only checked where",
        ),
        (
            "key_file: %key%\n  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: []",
            "an empty list lets nobody in",
        ),
        (
            "key_file: %key%\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: %key%",
            "there is no certificate in PEM form",
        ),
        (
            "key_file: %key%\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: %junk%",
            "a certificate in it cannot be read",
        ),
    ],
)
def test_encryption(tmp_path: Path, authority: Authority, pair: Pair, line: str, told: str) -> None:
    junk, junk_key = tmp_path / "junk.pem", tmp_path / "junk.key"
    junk.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    junk_key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    text = f"tls_server_config:\n  cert_file: {pair.cert}\n  {line}\n"
    found = complaint(
        tmp_path,
        text,
        key=pair.key,
        cert=pair.cert,
        ca=authority.root.cert,
        other=authority.root.key,
        encrypted=encrypt(pair.key),
        junk=junk,
        junk_key=junk_key,
    )
    assert told in found
    assert "^" in found


@pytest.mark.parametrize(
    "text",
    [
        f"basic_auth_users:\n  ann: !{SECRET}\n",
        f"basic_auth_users:\n  ann: *{SECRET}\n",
        f"basic_auth_users:\n  ann: !!int {SECRET}\n",
        f"basic_auth_users:\n  ann: '{SECRET}\n",
        f"basic_auth_users:\n  ann: [{SECRET}\n",
        f"basic_auth_users:\n  ann: {{{SECRET}: {SECRET}}}\n",
        f"basic_auth_users: {{ann: {SECRET}}}\n",
        f"basic_auth_users: {{ann: {HASH}, bob: {SECRET}}}\n",
        f"basic_auth_users:\n  ann: {SECRET}: {SECRET}\n",
        f"basic_auth_users:\n  - {SECRET}\n",
        f"basic_auth_users:\n- ann: {SECRET}\n",
        f"basic_auth_users:\n  ann: |\n    {SECRET}\n bad\n",
        f"basic_auth_users:\n  ann: x\n  ann: {SECRET}\n",
        f"{{min_version: a, key: {SECRET}}}\n",
        f"tls_server_config: {{cert_file: a, key: '{SECRET}', oops: 1}}\n",
        f"tls_server_config:\n  cert: x\n  key: '{SECRET}'\n",
        f"tls_server_config:\n  cert: x\n  key: |\n    -----BEGIN PRIVATE KEY-----\n   {SECRET}\n",
        f"tls_server_config: {{\n  min_version: TLS12, key: '{SECRET}', oops: 1}}\n",
        f"tls_server_config:\n  key: '{SECRET}'\tx\n",
    ],
)
def test_no_secret_is_shown(tmp_path: Path, text: str) -> None:
    assert complaint(tmp_path, text)


def test_no_secret_in_a_repr(tmp_path: Path, pair: Pair, tls: dict[str, Any]) -> None:
    path = write(tmp_path / "web.yml", {"tls_server_config": tls, "basic_auth_users": {"ann": HASH}})
    watch = Watch()
    rules = read(path, watch)
    door = FrontDoor.load(str(path))
    shown = repr((rules, watch, door, vars(door), door.verdicts))
    assert HASH not in shown
    assert "PRIVATE" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "{}",
        "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n",
        "tls_server_config: {}\nhttp_server_config: {headers: {}}\nbasic_auth_users: {}\n",
        "http_server_config: {http2: off, headers: }",
        f"basic_auth_users:\n  ann: {HASH}\n",
    ],
)
def test_what_the_toolkit_takes(tmp_path: Path, text: str) -> None:
    assert not FrontDoor.load(str(write(tmp_path / "web.yml", text))).encrypts


def test_without_effect(tmp_path: Path, tls: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    settings = {**tls, "min_version": "TLS10", "client_auth_type": "RequestClientCert"}
    assert FrontDoor.load(str(write(tmp_path / "web.yml", {"tls_server_config": settings}))).encrypts
    notes = [record.__dict__["note"] for record in caplog.records]
    assert [note.partition(" ")[0] for note in notes] == ["min_version", "client_auth_type"]


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="No such file"):
        FrontDoor.load(str(tmp_path / "nowhere.yml"))
    (tmp_path / "web.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(DocumentError, match="cannot be read"):
        FrontDoor.load(str(tmp_path / "web.yml"))
    (tmp_path / "web.yml").write_bytes(b"#" * (2 << 20))
    with pytest.raises(DocumentError, match="longer than"):
        FrontDoor.load(str(tmp_path / "web.yml"))
