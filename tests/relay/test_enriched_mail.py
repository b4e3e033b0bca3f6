"""Velero fails in part: the mail names the namespace and item that only its results file knows."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from demo.kit import until
from relay.enrichers.velero_kit import RUN, SIGNATURE, Velero, velero
from relay.relay_process import Relay
from support.alertmanager import Alertmanager, oldest
from support.browser import browse
from support.mailserver import MailServer
from support.process import lack, require

LABELS = {
    "alertname": "KubeBackupPartiallyFailed",
    "severity": "warning",
    "operator": "velero",
    "resource_namespace": "velero",
    "schedule": "shop",
    "action": "backup",
}
ALERT = {
    "status": "firing",
    "labels": LABELS,
    "annotations": {
        "summary": "The newest backup of velero/shop failed in part.",
        "description": "Some items or volumes are missing in it.",
        "runbook_url": "https://runbooks.example.org/KubeBackupPartiallyFailed",
    },
    "startsAt": "2026-03-02T02:05:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "https://prometheus.example.org/graph",
    "fingerprint": "0123456789abcdef",
}
POST = {
    "version": "4",
    "groupKey": '{}:{alertname="KubeBackupPartiallyFailed"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "backup-sentinel",
    "groupLabels": {"alertname": LABELS["alertname"]},
    "commonLabels": LABELS,
    "commonAnnotations": {},
    "externalURL": "https://alertmanager.example.org",
    "alerts": [ALERT],
}
"""What Alertmanager sends for a group of one alert."""


@pytest.fixture
async def cluster() -> AsyncIterator[Velero]:
    async with velero() as made:
        made.fail_in_part()
        yield made


@pytest.fixture
def mails() -> Any:
    server = MailServer()
    server.start()
    yield server
    server.stop()


def settings(cluster: Velero, mails: MailServer) -> dict[str, Any]:
    clusters = [{"api_url": cluster.server.url}]
    return {
        "channels": [
            {
                "type": "email",
                "name": "mail",
                "host": "127.0.0.1",
                "port": mails.port,
                "encryption": "none",
                "from": "sentinel@example.org",
                "to": ["sre@example.org"],
            }
        ],
        "enrichers": [
            {"type": "backup_state", "clusters": clusters},
            {
                "type": "root_cause",
                "clusters": clusters,
                "results": {"enabled": True, "hosts": ["127.0.0.1"]},
            },
            {"type": "links", "status_page": "https://sentinel.example.org"},
        ],
    }


async def deliver(relay: Relay, mails: MailServer) -> EmailMessage:
    """Send what Alertmanager sends, and return the mail that comes of it."""
    answer = await asyncio.to_thread(relay.ask, "/alertmanager", POST)
    assert answer.status == 200
    await until(lambda: bool(mails.mails), 30)
    return mails.mails[0].message


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    text: str = found.get_content()
    return text


@pytest.fixture(params=[pytest.param("newest", marks=pytest.mark.e2e), "oldest"])
def binary(request: pytest.FixtureRequest) -> Path:
    if request.param == "newest":
        return require("alertmanager")
    return oldest("prometheus-alertmanager") or lack("prometheus-alertmanager of Debian is not installed")


def alertmanager(relay: Relay, binary: Path, folder: Path) -> Alertmanager:
    """Return an Alertmanager that sends everything to the relay."""
    webhook = {"url": f"{relay.url}/alertmanager", "send_resolved": True}
    config = {
        "route": {"receiver": "relay", "group_by": ["alertname"], "group_wait": "100ms"},
        "receivers": [{"name": "relay", "webhook_configs": [webhook]}],
    }
    return Alertmanager(folder / "alertmanager", config, binary=binary)


async def test_the_mail_names_what_failed(
    cluster: Velero, mails: MailServer, tmp_path: Path, binary: Path
) -> None:
    relay = Relay(tmp_path, **settings(cluster, mails))
    sender = alertmanager(relay, binary, tmp_path)
    await asyncio.to_thread(relay.start)
    try:
        await asyncio.to_thread(sender.start)
        told = {name: ALERT[name] for name in ("labels", "annotations", "startsAt", "generatorURL")}
        await asyncio.to_thread(sender.post, [told])
        await until(lambda: bool(mails.mails), 30)
        mail = mails.mails[0].message
    finally:
        await asyncio.to_thread(sender.stop)
        await asyncio.to_thread(relay.stop)
    plain, html = part(mail, "plain"), part(mail, "html")
    for words in (
        "shop / pods/shop-0",
        "timed out waiting for the condition",
        "web / web-1",
        "hook failed",
        "shop / data-shop-0",
        "connection refused",
        "BackupFailed: 2 errors, see the results file",
        RUN,
        "41 of 43",
        "2026-03-01T00:00:00Z",
    ):
        assert words in plain, words
        assert words in html, words
    assert "https://sentinel.example.org/schedule?" in plain
    assert "Note:" not in plain
    assert not cluster.left(), "the request is gone"
    log = await asyncio.to_thread(relay.log.read_text, "utf-8")
    assert SIGNATURE not in plain + html + log
    await shoot(html, tmp_path)


async def shoot(html: str, folder: Path) -> None:
    """See that nothing of the mail is wider than its reader's window, and keep a picture where one is wanted."""
    page = folder / "mail.html"
    page.write_text(html, encoding="utf-8")
    async with browse(folder / "browser") as browser:
        for name, width in (("wide", 1000), ("phone", 390)):
            await browser.open(page.as_uri(), width=width, height=900)
            assert "shop / pods/shop-0" in await browser.text()
            assert await browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            picture = Path(os.environ.get("BACKUP_SENTINEL_PICTURES", folder)) / f"mail-{name}.png"
            await browser.shoot(picture)


async def test_a_cluster_that_is_away_delays_and_stops_nothing(
    cluster: Velero, mails: MailServer, tmp_path: Path
) -> None:
    configured = settings(cluster, mails)
    for enricher in configured["enrichers"][:2]:
        enricher["timeout_seconds"] = 2
    relay = Relay(tmp_path, **configured)
    await asyncio.to_thread(relay.start)
    try:
        await cluster.server.stop()
        mail = await deliver(relay, mails)
    finally:
        await asyncio.to_thread(relay.stop)
    plain = part(mail, "plain")
    assert "The newest backup of velero/shop failed in part." in plain
    assert "Note: backup_state: " in plain
    assert "Note: root_cause: " in plain
