"""Where nothing is ever sent: metadata and link-local addresses, however they are written or resolved."""

from __future__ import annotations

import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.egress import AddressError, Egress, check_url, forbidden, retry_after

REFUSED = (
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",
    "224.0.0.1",
    "::",
    "fe80::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
)
ALLOWED = (
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "8.8.8.8",
    "::1",
    "fd00::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
)


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_refused(address: str) -> None:
    assert forbidden(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressError, match="nothing is sent there"):
        check_url(f"http://{host}:80/latest", "the address")


@pytest.mark.parametrize("address", ALLOWED)
def test_addresses_that_are_an_operators_business(address: str) -> None:
    assert not forbidden(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url", ["", "example.com", "ftp://example.com", "http://", "http://x:99999/", "http://[x/"]
)
def test_what_is_no_address_is_said_without_showing_it(url: str) -> None:
    with pytest.raises(AddressError, match=r"^the address (is not a URL|must be an http)") as error:
        check_url(f"{url}?token=fake-secret" if url else url, "the address")
    assert "fake-secret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
        "http://[::ffff:a9fe:a9fe]/",
    ],
)
async def test_no_spelling_of_an_address_gets_past_the_socket(url: str) -> None:
    egress = Egress()
    with pytest.raises(DeliveryError) as error:
        await egress.request("POST", url, headers={}, body=b"x")
    await egress.close()
    # What the system does not take for an address at all is a name that cannot be resolved, or no URL.
    refusals = {DeliveryReason.FORBIDDEN_ADDRESS, DeliveryReason.UNREACHABLE, DeliveryReason.REJECTED}
    assert error.value.reason in refusals
    assert "answered" not in str(error.value)
    if url == "http://169.254.169.254/":
        assert error.value.reason is DeliveryReason.FORBIDDEN_ADDRESS


async def test_a_name_that_changes_its_mind_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer is harmless, the second is not: what counts is where the socket leads."""
    answers = ["127.0.0.1", "169.254.169.254"]
    tried: list[Any] = []
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host == "rebind.example.com":
            tried.append(answers[0])
            return real(answers.pop(0), port, *rest, **more)
        return real(host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    egress = Egress()
    reasons = []
    for _ in range(2):
        with pytest.raises(DeliveryError) as error:
            await egress.request("POST", "http://rebind.example.com:1/", headers={}, body=b"x")
        reasons.append(error.value.reason)
    await egress.close()
    assert tried == ["127.0.0.1", "169.254.169.254"]
    assert reasons == [DeliveryReason.UNREACHABLE, DeliveryReason.FORBIDDEN_ADDRESS]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("17", 17.0),
        (" 0 ", 0.0),
        ("-1", None),
        ("soon", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_retry_after_in_seconds(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


def test_retry_after_as_a_date() -> None:
    later = datetime.now(UTC) + timedelta(minutes=5)
    assert retry_after(format_datetime(later, usegmt=True)) == pytest.approx(300, abs=3)
    assert retry_after("Thu, 01 Jan 1970 00:00:00 GMT") == 0.0
