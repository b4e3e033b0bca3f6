"""The demo's mail server, as a mail program and the email channel see it."""

from __future__ import annotations

import asyncio
import mailbox
import smtplib
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from backup_sentinel.demo.receivers.mail import LARGEST, MailBox


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[MailBox]:
    async with MailBox(tmp_path / "mail") as box:
        yield box


def mail(text: str, subject: str = "Backup failed") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", subject
    message.set_content(text)
    return message


def send(port: int, *messages: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        for message in messages:
            client.send_message(message)


async def test_mails_arrive_as_they_were_sent(box: MailBox) -> None:
    text = "first\n.\n..two dots\n.one\n\u00fcber\n"
    await asyncio.to_thread(
        send, box.port, mail(text), mail("second\n", "Wiederherstellung f\u00fcr \u00fcbermorgen")
    )
    assert [str(one["Subject"]) for one in box.mails] == [
        "Wiederherstellung f\u00fcr \u00fcbermorgen",
        "Backup failed",
    ]
    body = box.mails[1].get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == text
    kept = mailbox.Maildir(box.folder, create=False)
    assert sorted(str(one["Message-ID"] or one["To"]) for one in kept) == ["b@example.org"] * 2


async def talk(box: MailBox, *lines: bytes) -> list[bytes]:
    """Send lines and return the code of each answer, the greeting left out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
    codes = [await reader.readline()]
    for line in lines:
        writer.write(line + b"\r\n")
        codes.append((await reader.readline())[:3])
    writer.close()
    return codes[1:]


async def test_commands_have_their_order(box: MailBox) -> None:
    codes = await talk(
        box,
        b"HELO me",
        b"RCPT TO:<a@example.org>",
        b"DATA",
        b"MAIL FROM:<>",
        b"DATA",
        b"BURN",
        b"NOOP",
        b"QUIT",
    )
    assert codes == [b"250", b"503", b"503", b"250", b"503", b"500", b"250", b"221"]
    assert not box.mails


async def test_a_reset_forgets_the_recipients(box: MailBox) -> None:
    codes = await talk(box, b"MAIL FROM:<>", b"RCPT TO:<a@example.org>", b"RSET", b"DATA")
    assert codes == [b"250", b"250", b"250", b"503"]


@pytest.mark.parametrize(
    "rest", [b"Subject: cut", b"x" * (LARGEST + 2), (b"x" * 1000 + b"\r\n") * (LARGEST // 1000)]
)
async def test_a_mail_that_is_cut_or_too_large_is_not_kept(rest: bytes, box: MailBox) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", box.port)
    await reader.readline()
    for line in (b"MAIL FROM:<>", b"RCPT TO:<a@example.org>", b"DATA"):
        writer.write(line + b"\r\n")
        await reader.readline()
    writer.write(rest)
    writer.write_eof()
    try:
        answer = await reader.read()
    except ConnectionError:
        answer = b""
    assert answer == b""
    assert not box.mails
    assert len(mailbox.Maildir(box.folder, create=False)) == 0
    writer.close()
