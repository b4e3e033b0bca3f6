"""From a failure of K10 in three clusters to one mail with three rows, by the variables of a Kasten alerter alone."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from backup_sentinel import direct
from backup_sentinel.commands.notify import with_lookback
from backup_sentinel.config import Config
from backup_sentinel.demo.access import Access
from notify.kit import HOUR, K10, MINUTE, NOW, SAID, WoundClock, html_of, text_of
from serving.certificates import Authority
from support.browser import browse
from support.mailserver import Mail, MailServer

PASSWORD = "fake-mail-password"
TOKEN = "fake-cluster-token"
NAMES = ("prod-eu", "prod-us", "edge")
LABELS = {"prod-eu": "Production Europe"}
FAILURES = {
    "prod-eu": ("run-eu7x2", "daily-shop", ("shop", "shop-assets", "billing"), None),
    "prod-us": (
        "run-us4k9",
        "hourly-orders",
        ("orders",),
        "dial tcp 10.0.0.7:51515: connect: connection refused",
    ),
    "edge": (
        "run-edge1",
        "nightly",
        tuple(f"tenant-{number:02}" for number in range(20)),
        "bucket <b>acme</b> is full: QuotaExceeded\nwhile writing segment 12",
    ),
}


class Surroundings(NamedTuple):
    """What a pod of the Kasten alerter finds."""

    clusters: list[K10]
    smtp: MailServer
    clock: WoundClock

    @property
    def mails(self) -> list[Mail]:
        return self.smtp.mails


@pytest.fixture
async def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Surroundings]:
    authority = Authority.create(tmp_path / "ca")
    pair = authority.sign("mail", names="DNS:localhost", usage="serverAuth")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    clock = WoundClock()
    smtp = MailServer(tls=context, users={"alerter": PASSWORD})
    smtp.start()
    clusters = [K10(name, clock) for name in NAMES]
    async with AsyncExitStack() as stack:
        stack.callback(smtp.stop)
        for number, cluster in enumerate(clusters, 1):
            cluster.server.access = Access({TOKEN: "alerter"})
            await stack.enter_async_context(cluster)
            monkeypatch.setenv(f"CLUSTER_{number}_NAME", cluster.name)
            monkeypatch.setenv(f"CLUSTER_{number}_LABEL", LABELS.get(cluster.name, ""))
            monkeypatch.setenv(f"CLUSTER_{number}_API_URL", cluster.server.url)
            monkeypatch.setenv(f"CLUSTER_{number}_TOKEN", TOKEN)
            run, policy, namespaces, error = FAILURES[cluster.name]
            cluster.policy(policy)
            cluster.run("run-before", NOW - 26 * HOUR, "Complete", policy=policy, namespaces=namespaces)
            more = {} if error is None else {"error": json.dumps({"message": error})}
            cluster.run(run, NOW - 30 * MINUTE, policy=policy, namespaces=namespaces, **more)
        for name, value in {
            "SMTP_HOST": "localhost",
            "SMTP_PORT": str(smtp.port),
            "SMTP_USER": "alerter",
            "SMTP_PASSWORD": PASSWORD,
            "ALERT_FROM": "backups@example.org",
            "ALERT_TO": "ops@example.org, oncall@example.org",
            "ALERT_SUBJECT_PREFIX": "[K10]",
            "LOOKBACK_HOURS": "2",
            "SSL_CERT_FILE": str(authority.root.cert),
            "XDG_STATE_HOME": str(tmp_path / "state"),
        }.items():
            monkeypatch.setenv(name, value)
        yield Surroundings(clusters, smtp, clock)


async def look(surroundings: Surroundings) -> bool:
    return await direct.once(with_lookback(Config(), None), clock=surroundings.clock)


async def test_a_failure_in_three_clusters_is_one_mail_with_three_rows(
    surroundings: Surroundings, tmp_path: Path
) -> None:
    assert await look(surroundings)
    [mail] = surroundings.mails
    assert (mail.encrypted, mail.user) == (True, "alerter")
    assert mail.recipients == ("ops@example.org", "oncall@example.org")
    assert mail.message["Subject"] == "[K10] Backups: 3 failed in 3 clusters"
    assert mail.message.get_content_type() == "multipart/alternative"

    text = text_of(mail.message)
    assert text.startswith("FAILED (3)")
    assert text.count("Run Action:") == text.count("Policy:") == text.count("Namespaces:") == 3
    assert "Production Europe" in text
    assert "billing, shop, shop-assets" in text
    assert "and 9 more" in text
    assert "bucket <b>acme</b> is full: QuotaExceeded\n                    while writing segment 12" in text

    html = html_of(mail.message)
    (tmp_path / "mail.html").write_text(html, encoding="utf-8")
    assert "<b>acme</b>" not in html
    sent = json.loads((tmp_path / "state" / "backup-sentinel" / "sent.json").read_text())
    assert set(json.loads(sent["sent"])) == {
        "prod-eu:run-eu7x2:2026-03-05",
        "prod-us:run-us4k9:2026-03-05",
        "edge:run-edge1:2026-03-05",
    }
    for secret in (PASSWORD, TOKEN):
        assert secret not in text + html + json.dumps(sent)

    assert await look(surroundings)
    assert len(surroundings.mails) == 1


@pytest.mark.parametrize(("width", "phone"), [(1100, False), (390, True)])
async def test_the_mail_as_people_see_it(
    surroundings: Surroundings, tmp_path: Path, width: int, phone: bool
) -> None:
    assert await look(surroundings)
    page = tmp_path / "mail.html"
    page.write_text(html_of(surroundings.mails[0].message), encoding="utf-8")
    async with browse(tmp_path / "browser") as tab:
        await tab.open(page.as_uri(), width=width, height=900, phone=phone)
        rows = await tab.evaluate(
            "[...document.querySelectorAll('tbody tr')].map(row => "
            "[...row.cells].map(cell => cell.innerText.split('\\n')[0]))"
        )
        heads = await tab.evaluate(
            "[...document.querySelectorAll('th')].filter(head => head.getClientRects().length)"
            ".map(head => head.innerText)"
        )
        names = await tab.evaluate(
            "[...document.querySelectorAll('tbody tr:first-child td')]"
            ".map(cell => getComputedStyle(cell, '::before').content)"
        )
        names = [name.replace('" "', "") for name in names]  # some releases keep the parts apart
        spills = await tab.evaluate("document.documentElement.scrollWidth > innerWidth")
        await tab.shoot(tmp_path / "mail.png")
        requests, console = tab.requests, tab.console
    known = ["Cluster", "Run Action", "Policy", "Namespaces", "Error"]
    if phone:  # each cell has its name before it
        assert (heads, names) == ([], [f'"{name}: "' for name in known])
    else:
        assert (heads, names) == (known, ["none"] * 5)
    assert [row[:3] for row in rows] == [
        ["edge", "run-edge1", "nightly"],
        ["Production Europe", "run-eu7x2", "daily-shop"],
        ["prod-us", "run-us4k9", "hourly-orders"],
    ]
    assert rows[1][3:] == ["billing, shop, shop-assets", SAID]
    assert rows[0][4] == "bucket <b>acme</b> is full: QuotaExceeded"
    assert not spills
    assert (tmp_path / "mail.png").stat().st_size > 10_000
    assert [one for one in requests if not one.startswith("file:")] == []
    assert console == []
