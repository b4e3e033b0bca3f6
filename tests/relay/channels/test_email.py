"""The email channel against a real SMTP server: the suite, encryption, recipients, threads, what a mail looks like."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backup_sentinel.document import Document
from backup_sentinel.errors import DeliveryReason, DocumentError
from backup_sentinel.relay.channels.email import EmailSettings
from backup_sentinel.relay.message import Alert, Delivery, Status
from backup_sentinel.relay.rendering import Rendering, samples
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.relay.tls import ClientTLS
from relay.channels.suite import Case, ChannelSuite, Received, ReceiverKit, fresh, refused, send
from serving.certificates import Authority
from support.mailserver import MailServer

PASSWORD = "fake-mail-password"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("mail") / "ca")


def context(authority: Authority) -> ssl.SSLContext:
    pair = authority.sign("mail", names="DNS:localhost", usage="serverAuth")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pair.cert, pair.key)
    return made


class EmailKit(ReceiverKit):
    kind = "email"
    secrets = (PASSWORD,)
    cases = (
        Case("AUTH 535 5.7.8 no", DeliveryReason.UNAUTHORIZED, retry=True),
        Case("MAIL 451 4.3.0 later", DeliveryReason.SERVER_ERROR, retry=True),
        Case("MAIL 550 5.7.1 not you", DeliveryReason.REJECTED, retry=False),
        Case("RCPT 450 4.2.0 greylisted", DeliveryReason.THROTTLED, retry=True),
        Case("RCPT 550 5.1.1 nobody", DeliveryReason.REJECTED, retry=False),
        Case("DATA 421 4.7.0 too many", DeliveryReason.THROTTLED, retry=True),
        Case("DATA 552 5.3.4 too big", DeliveryReason.TOO_LARGE, retry=False),
        Case("DATA 554 5.6.0 spam", DeliveryReason.REJECTED, retry=False),
        Case("CUT", DeliveryReason.UNREACHABLE, retry=True),
    )

    def __init__(self, authority: Authority, *, implicit: bool = False) -> None:
        self.implicit = implicit
        self.server = MailServer(tls=context(authority), implicit=implicit, users={"me": PASSWORD})
        self._ca = authority.root.cert

    def settings(self, **changes: Any) -> EmailSettings:
        given: dict[str, Any] = {
            "name": "mail",
            "host": "localhost",
            "port": self.server.port,
            "encryption": "tls" if self.implicit else "starttls",
            "username": "me",
            "password": PASSWORD,
            "from_": "Backup Sentinel <backups@example.org>",
            "to": ("ops@example.org",),
            "tls": ClientTLS(ca_file=str(self._ca)),
        }
        return EmailSettings(**{**given, **changes})

    def received(self) -> list[Received]:
        return [
            Received(str(mail.message["Message-ID"])[1:].partition("@")[0], text(mail.message))
            for mail in self.server.mails
        ]

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def fail(self, case: Case) -> None:
        command, _, answer = case.name.partition(" ")
        self.server.answers = {command: answer}

    def heal(self) -> None:
        self.server.answers = {}


def text(mail: EmailMessage, subtype: str = "plain") -> str:
    part = mail.get_body((subtype,))
    assert part is not None
    return str(part.get_content())


@pytest.fixture
def kit(authority: Authority) -> Iterator[EmailKit]:
    kit = EmailKit(authority)
    kit.start()
    yield kit
    kit.stop()


class TestEmail(ChannelSuite):
    pass


class TestEmailOverTLS(ChannelSuite):
    @pytest.fixture
    def kit(self, authority: Authority) -> Iterator[EmailKit]:
        kit = EmailKit(authority, implicit=True)
        kit.start()
        yield kit
        kit.stop()


async def deliver(kit: EmailKit, delivery: Delivery, **changes: Any) -> EmailMessage:
    channel = kit.settings(**changes).open(Rendering())
    await send(channel, delivery)
    await channel.close()
    return kit.server.mails[-1].message


def say(delivery: Delivery, *alerts: Alert) -> Delivery:
    message = msgspec.structs.replace(delivery.message, alerts=alerts)
    return msgspec.structs.replace(delivery, message=message)


async def test_the_table_has_the_columns_people_look_for(kit: EmailKit) -> None:
    alert = msgspec.structs.replace(
        fresh(1).message.alerts[0],
        annotations={
            "run": "shop-20260102",
            "namespaces": "shop, shop-db",
            "last_recovery_point": "2026-01-01 01:00 UTC",
            "next_run": "2026-01-03 01:00 UTC",
        },
    )
    mail = await deliver(kit, say(fresh(1), alert))
    for subtype in ("plain", "html"):
        shown = text(mail, subtype)
        for word in ("Cluster", "Run", "Schedule", "Namespaces", "Reason"):
            assert word in shown
        for value in ("sample", "shop-20260102", "shop, shop-db", "credentials", "2026-01-01 01:00 UTC"):
            assert value in shown


async def test_subject_and_prefix_stay_on_one_line(kit: EmailKit) -> None:
    hostile = Alert(labels={"alertname": "A\r\nBcc: everybody@example.org"}, fingerprint="1")
    mail = await deliver(kit, say(fresh(1), hostile), subject_prefix="[backup] ")
    assert mail["Subject"] == "[backup] [FIRING:1] A Bcc: everybody@example.org (sample/velero/shop)"
    assert mail["Bcc"] is None
    assert kit.server.mails[-1].recipients == ("ops@example.org",)


async def test_what_an_alert_says_is_no_html(kit: EmailKit) -> None:
    hostile = Alert(
        labels={"alertname": "<script>alert(1)</script>"},
        annotations={"summary": "<img src=x onerror=1>", "runbook_url": "javascript:alert(1)"},
        fingerprint="1",
    )
    shown = text(await deliver(kit, say(fresh(1), hostile)), "html")
    assert "<script" not in shown
    assert "<img" not in shown
    assert "javascript:" not in shown
    assert "&lt;img src=x onerror=1&gt;" in shown


async def test_mails_of_a_group_are_a_thread_and_others_are_not(kit: EmailKit) -> None:
    failed, over, other = fresh(1), fresh(2), fresh(3)
    resolved = msgspec.structs.replace(over.message.alerts[0], status=Status.RESOLVED)
    message = msgspec.structs.replace(other.message, group_key="another")
    first = await deliver(kit, failed)
    second = await deliver(kit, say(over, resolved))
    third = await deliver(kit, msgspec.structs.replace(other, message=message))
    assert first["References"] == second["References"] == first["In-Reply-To"]
    assert third["References"] != first["References"]
    assert first["Message-ID"] != second["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"


async def test_the_same_delivery_is_the_same_mail(kit: EmailKit) -> None:
    first, second = [await deliver(kit, fresh(1)) for _ in range(2)]
    for header in ("Message-ID", "Date", "Subject"):
        assert first[header] == second[header]
    assert text(first, "html") == text(second, "html")


async def test_everybody_gets_it_and_nobody_sees_blind_copies(kit: EmailKit) -> None:
    mail = await deliver(
        kit,
        fresh(1),
        to=("a@example.org", "B <b@example.org>"),
        cc=("c@example.org",),
        bcc=("d@example.org", "a@example.org"),
        reply_to=("e@example.org",),
    )
    assert kit.server.mails[-1].recipients == (
        "a@example.org",
        "b@example.org",
        "c@example.org",
        "d@example.org",
    )
    assert "d@example.org" not in str(mail)
    assert mail["Reply-To"] == "e@example.org"
    assert mail["To"] == "a@example.org, B <b@example.org>"


async def test_names_that_are_not_ascii(kit: EmailKit) -> None:
    mail = await deliver(
        kit, fresh(1), from_="Sicherung Köln <backups@example.org>", to=("jörg@example.org",)
    )
    assert mail["From"] == "Sicherung Köln <backups@example.org>"
    assert kit.server.mails[-1].recipients == ("jörg@example.org",)


async def test_only_those_who_did_not_get_it_get_it_again(kit: EmailKit) -> None:
    channel = kit.settings(to=("a@example.org", "b@example.org")).open(Rendering())
    kit.server.answers = {"b@example.org": "451 4.7.1 greylisted"}
    error = await refused(channel, fresh(1))
    assert error.retry
    assert "took the mail for 1 of 2 recipients, and not for b@example.org: 451" in str(error)
    kit.server.answers = {}
    await send(channel, fresh(1))
    assert [mail.recipients for mail in kit.server.mails] == [("a@example.org",), ("b@example.org",)]


async def test_an_address_that_is_refused_for_good_is_told(kit: EmailKit) -> None:
    channel = kit.settings(to=("a@example.org", "typo@example.org")).open(Rendering())
    kit.server.answers = {"typo@example.org": "550 5.1.1 unknown"}
    error = await refused(channel, fresh(1))
    assert (error.reason, error.retry) == (DeliveryReason.REJECTED, False)
    assert "typo@example.org: 550" in str(error)
    assert [mail.recipients for mail in kit.server.mails] == [("a@example.org",)]


async def test_login_and_content_only_go_over_tls(kit: EmailKit) -> None:
    await deliver(kit, fresh(1))
    assert kit.server.mails[-1].encrypted
    assert kit.server.mails[-1].user == "me"


async def test_without_starttls_nothing_is_sent() -> None:
    plain = MailServer()
    plain.start()
    try:
        settings = EmailSettings(
            name="mail", host="localhost", port=plain.port, from_="a@example.org", to=("b@example.org",)
        )
        error = await refused(settings.open(Rendering()), fresh(1))
        assert error.reason is DeliveryReason.TLS
        assert not plain.mails
        await send(msgspec.structs.replace(settings, encryption="none").open(Rendering()), fresh(1))
        assert len(plain.mails) == 1
    finally:
        plain.stop()


async def test_a_certificate_of_somebody_else_is_refused(kit: EmailKit, tmp_path: Path) -> None:
    stranger = Authority.create(tmp_path / "stranger")
    channel = kit.settings(tls=ClientTLS(ca_file=str(stranger.root.cert))).open(Rendering())
    error = await refused(channel, fresh(1))
    assert (error.reason, error.retry) == (DeliveryReason.TLS, True)
    assert not kit.server.mails


async def test_mails_that_are_text_only(kit: EmailKit) -> None:
    mail = await deliver(kit, fresh(1), html="")
    assert mail.get_content_type() == "text/plain"


async def test_templates_of_ones_own(kit: EmailKit) -> None:
    mail = await deliver(
        kit,
        fresh(1),
        subject="{{ type | upper }}: {{ labels.schedule }}",
        text='{% if type == "warning" %}partial{% else %}failed{% endif %}',
        html="<b>{{ alerts[0].annotations.summary }}</b>",
    )
    assert mail["Subject"] == "ALERT: shop"
    assert text(mail).strip() == "failed"
    assert "&lt;marks&gt;" in text(mail, "html")


@pytest.mark.parametrize("number", range(4))
async def test_texts_of_samples_are_readable(kit: EmailKit, number: int) -> None:
    mail = await deliver(kit, samples()[number])
    lines = text(mail).splitlines()
    assert not [line for line in lines if line != line.rstrip()]
    assert "None" not in text(mail)
    assert "\n\n\n\n" not in text(mail)


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        ("to: [nobody]", "", "'nobody' is no mail address"),
        ("to: ['a@b.c, d@e.f']", "", "is no mail address"),
        ("to: []", "", "to"),
        ("to: [a@b.c]\n    username: me", "", "`username` and `password` go together"),
        (
            "to: [a@b.c]\n    username: me\n    password: fake\n    encryption: none",
            "",
            "a password is not sent without encryption",
        ),
        ("to: [a@b.c]\n    encryption: ssl", "", "ssl"),
    ],
)
def test_wrong_settings_are_refused(line: str, place: str, message: str) -> None:
    given = (
        "channels:\n  - type: email\n    name: mail\n    host: localhost\n    from: a@example.org\n    "
        + line
    )
    with pytest.raises(DocumentError, match=message):
        Document(given + "\n", "config.yaml").convert(RelaySettings)
