"""No secret of a message survives, and its sense does."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.cause.message import LONGEST, tell
from backup_sentinel.cause.secret import redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.abc_DEF-1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET https://a.blob.example.org/c/x?sv=2022&se=2026&sig=aGk%3D failed", "GET https://a.blob.example.org/c/x?*** failed"),
        ('Put "https://s3.example.org/b/k?X-Amz-Credential=AK&X-Amz-Signature=0a1b": EOF', 'Put "https://s3.example.org/b/k?***": EOF'),
        ("https://example.org/x?page=2&size=7", "https://example.org/x?page=2&size=7"),
        ("s3://AKIAIOSFODNN7EXAMPLE:wJalrXUtn/K7@host/bucket", "s3://***:wJalrXUtn/K7@host/bucket"),
        ("rest:https://user:hunter2@host:8000/repo", "rest:https://***@host:8000/repo"),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer ***"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: Basic ***"),
        ("password: hunter2, next", "password: ***, next"),
        ("RESTIC_PASSWORD=hunter2 restic backup", "RESTIC_PASSWORD=*** restic backup"),
        ('{"token": "abc.def", "n": 1}', '{"token": ***, "n": 1}'),
        ('cause: {\\"secretKey\\":\\"abc\\"}', 'cause: {\\"secretKey\\":***}'),
        ("DefaultEndpointsProtocol=https;AccountKey=abc==;EndpointSuffix=x", "DefaultEndpointsProtocol=https;AccountKey=***;EndpointSuffix=x"),
        ("aws_secret_access_key = wJalr/K7", "aws_secret_access_key = ***"),
        ("[sftp]\npass = hUnter-2_\nport = 22", "[sftp]\npass = ***\nport = 22"),
        ("RCLONE_CONFIG_SFTP_PASS=hunter2 key_file_pass = hunter3", "RCLONE_CONFIG_SFTP_PASS=*** key_file_pass = ***"),
        ('{"pass":"hunter2"} pass: hunter2 SMTP_PASS: hunter3', '{"pass":***} pass: *** SMTP_PASS: ***'),
        ("password = hunter2\npassword2 = hunter3", "password = ***\npassword2 = ***"),
        ("application_key = K001ab sse_customer_key = c2Vj", "application_key = *** sse_customer_key = ***"),
        ("password == hunter2, token := abc, pwd => hunter2", "password == ***, token := ***, pwd => ***"),
        ("invalid credentials: password: hunter2", "invalid credentials: password: ***"),
        ("credentials:\n  secret_key: wJalr\n  user: u", "credentials:\n  secret_key: ***\n  user: u"),
        ("access_key_id =\nsecret_access_key = wJalr/K7", "access_key_id =\nsecret_access_key = ***"),
        ("password=Zq7token== x", "password=*** x"),
        ("password: u:Zq7token", "password: ***"),
        ("bypass = on, compass: north, passes = 3", "bypass = on, compass: north, passes = 3"),
        ("first pass: 3 files, passed: 12", "first pass: 3 files, passed: 12"),
        ("the access key id: AKIAIOSFODNN7EXAMPLE", "the access key id: ***"),
        (f"jwt {JWT} refused", "jwt *** refused"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- x", "*** x"),
        ("-----BEGIN PRIVATE KEY-----\nabc", "***"),
        ("token: invalid", "token: invalid"),
        ('secret: Secret "foo" not found', 'secret: Secret "foo" not found'),
        ('secrets "cloud-credentials" not found', 'secrets "cloud-credentials" not found'),
        ("dial tcp 10.0.0.1:443: connect: connection refused", "dial tcp 10.0.0.1:443: connect: connection refused"),
        ("error: code = Unknown desc = AccessDenied", "error: code = Unknown desc = AccessDenied"),
    ],
)  # fmt: skip
def test_redact(text: str, expected: str) -> None:
    assert redact(text) == expected


SECRET = st.from_regex(r"[A-Za-z0-9]{12,30}", fullmatch=True).map(lambda text: "Zq7" + text)


@given(SECRET, st.sampled_from([
    "password={}", "PASSWORD: {}", '"password":"{}"', "token={};x", "Bearer {}", "AccountKey={}==", "secret_key: '{}'",
    "https://h/p?sig={}&a=b", "https://h/p?a=b&X-Amz-Security-Token={}", "ftp://u:{}@h/", "client_secret={} x", "api-key={}",
    "https://h/p?password={}", "sas={}", "passphrase: {}", "pass = {}", "SMTP_PASS: {}", "credentials: secret_key: {}", "token=\npassword = {}",
]), st.text(max_size=20), st.text(max_size=20))  # fmt: skip
def test_no_secret_survives(secret: str, form: str, before: str, after: str) -> None:
    assert secret not in redact(f"{before} {form.format(secret)} {after}")


@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    once = redact(text)
    assert redact(once) == once or len(redact(once)) <= len(text) + 300


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "token:",
        "https://",
        "https://a?",
        "?sig=",
        "eyJ",
        "-----BEGIN PRIVATE KEY-----",
        'key=\\"',
        "pass ",
        "pass:",
        "token_",
        "secret:a-",
    ],
)
def test_long_texts_are_quick(piece: str) -> None:
    text = (piece * 20_000)[:16_384]
    start = time.perf_counter()
    redact(text)
    assert time.perf_counter() - start < 5


def test_tell() -> None:
    assert tell("  x  ") == "x"
    assert tell(" \n") is None
    assert tell("") is None
    long = tell("password=hunter2 " + "y" * 100_000)
    assert long is not None
    assert (len(long), long[:14]) == (LONGEST, "password=*** y")
