"""The digest as a mail server gets it: a real Alertmanager, a real SMTP server with STARTTLS and a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from alertmanager.mailbox import Mail, Mailbox
from serving.certificates import Authority
from support.alertmanager import Alertmanager, Config, alert, hurry, oldest, shipped, turn_to_loopback
from support.process import lack, wait_until
from support.receivers import Receivers

WARNINGS = {
    "cluster": "prod",
    "operator": "velero",
    "resource_namespace": "velero",
    "schedule": "shop",
    "action": "backup",
}
PASSWORD = "fake-password"


class Post(NamedTuple):
    authority: Authority
    mailbox: Mailbox


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    authority = Authority.create(tmp_path_factory.mktemp("mail") / "authority")
    with Mailbox(authority, "alertmanager", PASSWORD) as mailbox:
        yield Post(authority, mailbox)


def mailing(directory: Path, post: Post, receivers: Receivers, *, password: str = PASSWORD) -> Config:
    """Return the shipped configuration whose mail goes to the mailbox; the settings of mail stay but for addresses."""
    example = shipped()
    config = turn_to_loopback(example, receivers, directory)
    secret = directory / "secrets" / "smtp-password"
    secret.write_text(password, encoding="utf-8")
    smtp = {key: value for key, value in example["global"].items() if key.startswith("smtp_")}
    config["global"] |= smtp | {
        "smtp_smarthost": post.mailbox.address,
        "smtp_auth_password_file": str(secret),
    }
    [settings] = [
        one
        for receiver in example["receivers"]
        if receiver["name"] == "backup-sentinel-digest"
        for one in receiver["email_configs"]
    ]
    for receiver in config["receivers"]:
        if receiver["name"] == "backup-sentinel-digest":
            receiver["email_configs"] = [
                settings | {"tls_config": {"ca_file": str(post.authority.root.cert)}}
            ]
    hurry(config["route"])
    return config


def firing(schedule: str) -> dict[str, object]:
    made = alert("KubeBackupFinishedWithWarnings", "info", **WARNINGS | {"schedule": schedule})
    made["annotations"] |= {"last_recovery_point": "2026-11-20 01:00 UTC", "next_run": "2026-11-22 01:00 UTC"}
    return made


def check(mail: Mail, schedule: str) -> None:
    assert mail.encrypted, "it was sent in plain text"
    assert mail.user == "alertmanager"
    assert mail.sender == "alertmanager@example.com"
    assert mail.recipients == ["backups@example.com"]
    assert mail.message["Subject"] == f"Backup finished with warnings: velero/{schedule} in prod"
    assert mail.message["To"] == "backups@example.com"
    assert mail.message.get_content_type() == "multipart/alternative"
    plain, html = mail.part("text/plain"), mail.part("text/html")
    assert plain.startswith(f"Backup finished with warnings: velero/{schedule} in prod")
    for text in (plain, html):
        assert re.search(r"Since: 20\d\d-\d\d-\d\d \d\d:\d\d UTC", text)
        assert "Last good backup: 2026-11-20 01:00 UTC" in text
        assert "Next run: 2026-11-22 01:00 UTC" in text
        assert "https://runbooks.example.com/KubeBackupFinishedWithWarnings" in text
        assert "https://grafana.example.com/d/backups" in text
    assert "failed <here> & there" in plain
    assert "failed &lt;here&gt; &amp; there" in html
    assert html.lstrip().startswith("<!DOCTYPE html>")


def test_info_arrives_as_a_mail(post: Post, tmp_path: Path) -> None:
    with (
        Receivers() as receivers,
        Alertmanager(tmp_path, mailing(tmp_path, post, receivers)) as alertmanager,
    ):
        alertmanager.post([firing("shop")])
        check(post.mailbox.wait_for(lambda mail: "velero/shop" in mail.message["Subject"]), "shop")
        assert receivers.got() == [], "and nowhere else"


def test_the_oldest_alertmanager_mails_the_same(post: Post, tmp_path: Path) -> None:
    binary = oldest("prometheus-alertmanager")
    if binary is None:
        lack("Debian's Alertmanager is not installed (apt-get install prometheus-alertmanager)")
    with (
        Receivers() as receivers,
        Alertmanager(tmp_path, mailing(tmp_path, post, receivers), binary=binary) as alertmanager,
    ):
        alertmanager.post([firing("wiki")])
        check(post.mailbox.wait_for(lambda mail: "velero/wiki" in mail.message["Subject"]), "wiki")


def test_with_a_wrong_password_nothing_is_handed_over(post: Post, tmp_path: Path) -> None:
    with (
        Receivers() as receivers,
        Alertmanager(
            tmp_path,
            mailing(tmp_path, post, receivers, password="fake-wrong"),
        ) as alertmanager,
    ):
        alertmanager.post([firing("refused")])
        wait_until(lambda: ("alertmanager", "fake-wrong") in post.mailbox.attempts, "the password was tried")
        wait_until(lambda: "authentication" in alertmanager.log.read_text().lower(), "it is told")
        assert not [mail for mail in post.mailbox.got() if "refused" in mail.message["Subject"]]
        assert "fake-wrong" not in alertmanager.log.read_text()
