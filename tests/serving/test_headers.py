from typing import Any

import bcrypt
import pytest

from serving.certificates import Authority
from serving.conftest import Start

HEADERS = {
    "X-Frame-Options": "deny",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": 1,
    "Content-Security-Policy": "default-src 'self';\n  img-src *\n",
}
SENT = {
    "x-frame-options": ["deny"],
    "strict-transport-security": ["max-age=31536000; includeSubDomains"],
    "x-content-type-options": ["nosniff"],
    "x-xss-protection": ["1"],
    "content-security-policy": ["default-src 'self'; img-src *"],
}


def sent(headers: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: headers.get(name, []) for name in SENT}


def test_on_every_answer(start: Start, authority: Authority, tls: dict[str, Any]) -> None:
    server = start({"tls_server_config": tls, "http_server_config": {"headers": HEADERS}})
    for path, method, status in (
        ("/", "GET", 200),
        ("/-/healthy", "HEAD", 200),
        ("/nowhere", "GET", 404),
        ("/", "DELETE", 405),
        ("/own", "GET", 200),
        ("/" + "a" * 9000, "GET", 414),
    ):
        got = server.ask(path, method=method, context=authority.client())
        assert got.status == status
        assert sent(got.headers) == SENT


def test_on_refusals(start: Start) -> None:
    users = {"ann": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()}
    server = start(
        {
            "http_server_config": {"headers": HEADERS},
            "basic_auth_users": users,
            "rate_limit": {"interval": "1h", "burst": 1},
        }
    )
    for status in (401, 429):
        got = server.ask()
        assert got.status == status
        assert sent(got.headers) == SENT


def test_on_the_answer_of_an_application_that_fails(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    async def failing(*_: Any) -> None:
        raise ValueError("on purpose")

    for app in (None, failing):
        server = start({"http_server_config": {"headers": HEADERS}}, app=app)
        got = server.ask("/fail")
        assert got.status == 500
        assert sent(got.headers) == SENT
        server.stop()
        assert server.seen == [("GET", "/fail", 500)]
    assert sum("on purpose" in str(record.exc_info) for record in caplog.records) == 2


def test_the_word_of_the_file_counts(start: Start) -> None:
    server = start({"http_server_config": {"headers": {"X-Frame-Options": "deny"}}})
    got = server.ask("/own")
    assert got.headers["x-frame-options"] == ["deny"]
    assert got.headers["x-other"] == ["kept"]


def test_blank_is_unset(start: Start) -> None:
    server = start(
        "http_server_config:\n  headers:\n    Content-Security-Policy: ''\n    X-XSS-Protection:\n"
    )
    got = server.ask("/own")
    assert got.headers["x-frame-options"] == ["sameorigin"]
    assert "content-security-policy" not in got.headers
    assert "x-xss-protection" not in got.headers
