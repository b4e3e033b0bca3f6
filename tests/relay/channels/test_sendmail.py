"""The sendmail channel against stand-ins for the programs: scripts that keep what they are given, and fail as told."""

from __future__ import annotations

import email
import email.policy
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from backup_sentinel.document import Document
from backup_sentinel.errors import DeliveryReason, DocumentError
from backup_sentinel.relay.channels import Channel, DeliverySettings
from backup_sentinel.relay.channels.sendmail import SendmailSettings
from backup_sentinel.relay.rendering import Rendering
from backup_sentinel.relay.settings import RelaySettings
from relay.channels.suite import Case, ChannelSuite, Received, ReceiverKit, fresh, refused, send

PROGRAM = """\
#!/bin/sh
# A stand-in: it keeps its arguments and its input, and fails as the file beside it says.
if [ -f "$0.fail" ]; then cat >/dev/null; . "$0.fail"; fi
mail=$(mktemp "$(dirname "$0")/spool/XXXXXX")
for argument in "$@"; do printf '%s\\n' "$argument"; done > "$mail.arguments"
cat > "$mail" && mv "$mail" "$mail.mail"
"""


class Program:
    """A program that takes mail."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "sendmail"
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.start()

    def start(self) -> None:
        self.path.write_text(PROGRAM, encoding="utf-8")
        self.path.chmod(0o755)

    def mails(self) -> list[tuple[list[str], bytes]]:
        """Return arguments and input of each mail."""
        paths = sorted(self.spool.glob("*.mail"), key=lambda path: path.stat().st_mtime_ns)
        return [
            (path.with_suffix(".arguments").read_text().splitlines(), path.read_bytes()) for path in paths
        ]

    def fail(self, script: str) -> None:
        self.path.with_suffix(".fail").write_text(script)

    def heal(self) -> None:
        self.path.with_suffix(".fail").unlink()


class SendmailKit(ReceiverKit):
    kind = "sendmail"
    cases = (
        Case("exit 64", DeliveryReason.REJECTED, retry=False),
        Case("exit 65", DeliveryReason.REJECTED, retry=False),
        Case("exit 67", DeliveryReason.REJECTED, retry=False),
        Case("exit 68", DeliveryReason.REJECTED, retry=False),
        Case("exit 69", DeliveryReason.SERVER_ERROR, retry=True),
        Case("exit 75", DeliveryReason.SERVER_ERROR, retry=True),
        Case("exit 77", DeliveryReason.UNAUTHORIZED, retry=True),
        Case("exit 127", DeliveryReason.UNREACHABLE, retry=True),
        Case("exit 1", DeliveryReason.SERVER_ERROR, retry=True),
        Case("kill -9 $$", DeliveryReason.SERVER_ERROR, retry=True),
        Case("sleep 1000", DeliveryReason.TIMEOUT, retry=True),
    )

    def __init__(self, folder: Path) -> None:
        self.program = Program(folder)

    def settings(self, **changes: Any) -> SendmailSettings:
        given: dict[str, Any] = {
            "name": "mail",
            "command": (str(self.program.path), "-i"),
            "from_": "Backup Sentinel <backups@example.org>",
            "to": ("Ops <ops@example.org>", "boss@example.org"),
            "delivery": DeliverySettings(timeout_seconds=2),
        }
        return SendmailSettings(**{**given, **changes})

    def received(self) -> list[Received]:
        found = [
            email.message_from_bytes(text, policy=email.policy.default) for _, text in self.program.mails()
        ]
        return [Received(mail["Message-ID"][1:].partition("@")[0], mail.as_string()) for mail in found]

    def start(self) -> None:
        self.program.start()

    def stop(self) -> None:
        self.program.path.unlink()

    def fail(self, case: Case) -> None:
        self.program.fail(case.name)

    def heal(self) -> None:
        self.program.heal()


class TestSendmail(ChannelSuite):
    @pytest.fixture
    def kit(self, tmp_path: Path) -> SendmailKit:
        return SendmailKit(tmp_path)

    async def test_no_secret_is_seen(
        self, kit: ReceiverKit, channel: Channel, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It has none of its own; what the program says of its own is hidden."""
        caplog.set_level(logging.DEBUG)
        assert isinstance(kit, SendmailKit)
        kit.program.fail('echo "smtps://me:fake-mail-password@mail.example.org refused" >&2; exit 1')
        error = await refused(channel, fresh(1))
        assert "smtps://***@mail.example.org refused" in str(error)
        assert "fake-mail-password" not in str(error) + caplog.text


@pytest.fixture
def kit(tmp_path: Path) -> SendmailKit:
    return SendmailKit(tmp_path)


@pytest.fixture
def ns8(tmp_path: Path) -> SendmailSettings:
    (tmp_path / "ns8").mkdir()
    program = Program(tmp_path / "ns8").path
    return SendmailSettings(
        name="mail",
        interface="ns8-sendmail",
        command=(str(program),),
        from_="backups@example.org",
        to=("ops@example.org", "boss@example.org"),
        subject_prefix="[Cluster1] ",
    )


async def test_the_envelope_is_in_the_arguments_and_the_mail_in_the_input(kit: SendmailKit) -> None:
    await send(kit.settings().open(Rendering()), fresh(1))
    [(arguments, text)] = kit.program.mails()
    assert arguments == ["-i", "-f", "backups@example.org", "--", "ops@example.org", "boss@example.org"]
    mail = email.message_from_bytes(text, policy=email.policy.default)
    assert mail["To"] == "Ops <ops@example.org>, boss@example.org"
    assert mail["From"] == "Backup Sentinel <backups@example.org>"
    assert mail["In-Reply-To"].startswith("<group-")
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


async def test_ns8_sendmail_gets_html_and_one_recipient_at_a_time(
    ns8: SendmailSettings, tmp_path: Path
) -> None:
    await send(ns8.open(Rendering()), fresh(1))
    mails = [
        (path.with_suffix(".arguments").read_text().splitlines(), path.read_text())
        for path in sorted((tmp_path / "ns8/spool").glob("*.mail"))
    ]
    assert sorted(arguments[-1] for arguments, _ in mails) == ["boss@example.org", "ops@example.org"]
    for arguments, text in mails:
        assert arguments[0] == "-s"
        assert arguments[1].startswith("[Cluster1] [FIRING:1] KubeBackupFailed")
        assert arguments[2:4] == ["-f", "backups@example.org"]
        assert text.lstrip().startswith("<!DOCTYPE html>")


async def test_who_has_the_mail_does_not_get_it_again(ns8: SendmailSettings, tmp_path: Path) -> None:
    program = Path((ns8.command or ("",))[0])
    program.with_suffix(".fail").write_text('[ "$5" != boss@example.org ] || { echo later >&2; exit 1; }')
    channel = ns8.open(Rendering())
    error = await refused(channel, fresh(1))
    assert str(error) == f"{program} ended with 1: later"
    assert error.retry
    program.with_suffix(".fail").unlink()
    await send(channel, fresh(1))
    spool = tmp_path / "ns8/spool"
    assert sorted(path.read_text().splitlines()[-1] for path in spool.glob("*.arguments")) == [
        "boss@example.org",
        "ops@example.org",
    ]


async def test_a_subject_is_no_option(ns8: SendmailSettings, tmp_path: Path) -> None:
    import msgspec

    settings = msgspec.structs.replace(ns8, subject="--help", subject_prefix="", to=("ops@example.org",))
    await send(settings.open(Rendering()), fresh(1))
    [arguments] = (tmp_path / "ns8/spool").glob("*.arguments")
    assert arguments.read_text().splitlines()[:2] == ["-s", "help"]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"to": ["nobody"]}, "'nobody' is no mail address"),
        ({"to": ["-oQ/tmp@example.org"]}, "would be an option of the program"),
        ({"from": "-x@example.org"}, "would be an option of the program"),
        ({"to": []}, "to"),
        ({"command": []}, "command"),
        ({"command": [""]}, "`command` names no program"),
        ({"subject_prefix": "a\nb"}, "a character that a subject must not"),
        ({"interface": "mailx"}, "mailx"),
    ],
)
def test_errors_of_the_configuration(changes: dict[str, Any], wrong: str) -> None:
    channel = {
        "type": "sendmail",
        "name": "mail",
        "from": "a@example.org",
        "to": ["b@example.org"],
        **changes,
    }
    with pytest.raises(DocumentError) as caught:
        Document(json.dumps({"channels": [channel]})).convert(RelaySettings)
    assert wrong in str(caught.value)
