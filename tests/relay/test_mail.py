"""Mails as bytes: headers that every mail program reads as they were written, however long they are."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.mail import compose, line, thread
from backup_sentinel.relay.rendering import samples

LONG = "backups.of-a-cluster.with-a-long-name.k8s.internal.example.org"


def written(subject: str, sender: str = "sentinel@example.org", to: str = "sre@example.org") -> EmailMessage:
    delivery = samples()[0]
    fields = {**thread(delivery, sender.rstrip(">").rpartition("@")[2]), "subject": subject}
    return compose(delivery, "text", fields, sender=sender, to=[to])


def head(mail: EmailMessage) -> list[bytes]:
    return mail.as_bytes().partition(b"\r\n\r\n")[0].split(b"\r\n")


@pytest.mark.parametrize("policy", [None, SMTP], ids=["own", "smtp"])
@pytest.mark.parametrize("letter", ["x", "ä"])
@pytest.mark.parametrize(
    "prefix", ["[FIRING:1] KubeBackupFailed (prod/velero/shop) ", "❌ Sicherung gescheitert: "]
)
def test_subjects_of_every_length_are_folded_at_blanks(
    prefix: str, letter: str, policy: email.policy.EmailPolicy | None
) -> None:
    for length in range(1, 140):
        subject = prefix + " ".join([letter * 9] * 14)[:length].strip()
        raw = written(subject).as_bytes(policy=policy)
        lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
        assert b"Subject:" not in [line.strip() for line in lines], subject
        assert max(map(len, lines)) <= 78
        assert email.message_from_bytes(raw, policy=email.policy.default)["Subject"] == subject


def test_ids_of_long_domains_stay_ids() -> None:
    mail = written("x", f"Sentinel <sentinel@{LONG}>")
    found = {line.partition(b":")[0].decode(): line for line in head(mail)}
    for name in ("Message-ID", "In-Reply-To", "References"):
        assert found[name].endswith(f"@{LONG}>".encode())


def test_a_name_that_is_not_ascii_needs_nothing_of_the_server_and_an_address_does() -> None:
    name = written("x", "Bäckup <sentinel@example.org>")
    assert b"From: =?utf-8?q?B=C3=A4ckup?= <sentinel@example.org>" in head(name)
    address = written("x", to="sré@example.org")
    assert "To: sré@example.org".encode() in head(address)


@pytest.mark.parametrize("text", ["a\r\nBcc: x@example.org", "a\nb", "\r\n\r\n<html>"])
def test_no_text_becomes_a_header(text: str) -> None:
    with pytest.raises(DeliveryError) as error:
        written(text)
    assert error.value.reason is DeliveryReason.TEMPLATE
    assert b"text" in written(line(text)).as_bytes()
