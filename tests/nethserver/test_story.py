"""NethServer 8 from Alertmanager's POST to the mail: modules out of Redis, a judgement, and what restic says.

Alertmanager, the relay, Redis, restic and the SMTP server are real. `runagent` and `ns8-sendmail` are stand-ins: programs of
NethServer 8 that need a cluster of it. The first runs what it is given in the environment of a module, as the real one does.
"""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from backup_sentinel.relay.ns8_monitor import translate
from relay.relay_process import Relay
from support.alertmanager import SHIPPED, Alertmanager, hurry, oldest
from support.browser import browse
from support.mailserver import MailServer
from support.process import lack, require, wait_until
from support.prometheus import Prometheus
from support.redis import RedisServer
from support.restic import Repository

PAGE = Path(__file__).resolve().parents[2] / "exporter/nethserver.md"
FITS = (
    "[...document.querySelectorAll('table')].every(one => one.scrollWidth <= one.parentElement.clientWidth)"
)
"""Whether no table has to be moved sideways to be read."""
RUNAGENT = """\
#!/bin/sh
# A stand-in for runagent: `-m MODULE PROGRAM ...` in the environment of a module, or `PROGRAM ...` in that of the cluster.
folder=$(dirname "$0")
PATH=$folder:$PATH
if [ "$1" = -m ]; then
    MODULE_ID=$2
    shift 2
    [ -f "$folder/$MODULE_ID.env" ] || { echo "[FATAL] Cannot find environment for module $MODULE_ID" >&2; exit 1; }
    . "$folder/$MODULE_ID.env"
fi
exec "$@"
"""
WRAPPER = """\
#!/bin/sh
# A stand-in for restic-wrapper: it takes its own options away and gives the rest to restic, which is real.
case $1 in --backup=*) shift ;; esac
exec restic "$@"
"""
SENDMAIL = """\
#!/bin/sh
# A stand-in for ns8-sendmail: -s SUBJECT -f FROM RECIPIENT, and HTML on standard input.
mail=$(mktemp "$(dirname "$0")/spool/XXXXXX")
for argument in "$@"; do printf '%s\\n' "$argument"; done > "$mail.arguments"
cat > "$mail" && mv "$mail" "$mail.html"
"""
MONITOR = """\
mail: {{from: backup@ns8.example.org, to: [ops@example.org], subject_prefix: "[Cluster 1]"}}
correlator: {{wait_seconds: 0}}
redis: {{socket: {socket}}}
"""


class Node(NamedTuple):
    """A node of NethServer 8, as far as the relay sees it."""

    folder: Path
    redis: RedisServer
    repositories: Mapping[str, Repository]

    def end(self, **outcomes: int) -> None:
        """Write how the last backup of each module ended: the number of errors."""
        now = int(time.time())
        with self.redis.client() as client:
            client.hset(
                "cluster/backup/1",
                mapping={"name": "Nightly to S3", "instances": " ".join(self.repositories)},
            )
            for module, errors in outcomes.items():
                status = {"start": now - 60, "end": now - 5, "errors": errors}
                client.hset("node/1/backup_status/1", module, json.dumps(status))

    def give_password(self, module: str, password: str) -> None:
        """Say with which password a module opens its repository."""
        repository = self.repositories[module]
        variables = repository.environment | {"RESTIC_PASSWORD": password}
        lines = [f"export {name}={value}" for name, value in variables.items()]
        (self.folder / f"{module}.env").write_text("\n".join(lines) + "\n")

    def mails(self) -> list[tuple[list[str], str]]:
        """Return what ns8-sendmail got: arguments and HTML."""
        return [
            (path.with_suffix(".arguments").read_text().splitlines(), path.read_text())
            for path in sorted((self.folder / "spool").glob("*.html"))
        ]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    folder = tmp_path / "node"
    (folder / "spool").mkdir(parents=True)
    for name, text in (("runagent", RUNAGENT), ("restic-wrapper", WRAPPER), ("ns8-sendmail", SENDMAIL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    repositories = {}
    for module in ("dokuwiki1", "mail1", "nextcloud1"):
        (tmp_path / module).mkdir()
        repositories[module] = Repository(tmp_path / module / "repository").create()
    redis = RedisServer(tmp_path)
    redis.start()
    made = Node(folder, redis, repositories)
    for module, repository in repositories.items():
        made.give_password(module, repository.password)
    yield made
    redis.stop()


@pytest.fixture
def smtp() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def relay(node: Node, smtp: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """Run the relay as `import-ns8` sets it up, with mail by SMTP beside that by ns8-sendmail."""
    monkeypatch.setenv("PATH", f"{node.folder}{os.pathsep}{os.environ['PATH']}")
    assert shutil.which("runagent") == str(node.folder / "runagent")
    settings = yaml.safe_load(translate(MONITOR.format(socket=node.redis.socket), "config.yml"))["relay"]
    settings["channels"].append(
        {
            "type": "email",
            "name": "smtp",
            "host": "127.0.0.1",
            "port": smtp.port,
            "encryption": "none",
            "from": "backup@ns8.example.org",
            "to": ["ops@example.org"],
            "subject_prefix": "[Cluster 1] ",
        }
    )
    folder = tmp_path / "relay"
    folder.mkdir()
    with Relay(folder, **settings) as relay:
        yield relay


@pytest.fixture(params=[pytest.param("newest", marks=pytest.mark.e2e), "oldest"])
def alertmanager(request: pytest.FixtureRequest, relay: Relay, tmp_path: Path) -> Iterator[Alertmanager]:
    """Run Alertmanager with the route that is shipped, which only waits less."""
    if request.param == "newest":
        binary = require("alertmanager")
    else:
        binary = oldest("prometheus-alertmanager") or lack("prometheus-alertmanager is not installed")
    config = yaml.safe_load((SHIPPED / "nethserver/alertmanager.yaml").read_text())
    hurry(config["route"])
    config["receivers"][1]["webhook_configs"][0]["url"] = f"{relay.url}/alertmanager"
    with Alertmanager(tmp_path / "alertmanager", config, binary=binary) as started:
        yield started


def failed() -> dict[str, Any]:
    """Return the alert as ns8-metrics makes it."""
    return {
        "labels": {
            "alertname": "BackupFailed",
            "severity": "critical",
            "service": "backup",
            "id": "1",
            "name": "Nightly to S3",
            "node": "1",
            "instance": "10.5.4.1:9100",
        },
        "annotations": {"summary_en": "Backup job Nightly to S3 (ID: 1) has failed."},
        "startsAt": datetime.now(UTC).isoformat(),
    }


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    text: str = found.get_content()
    return text


def delivered(alertmanager: Alertmanager, node: Node, smtp: MailServer) -> EmailMessage:
    """Post the alert, and return the mail once it has come on both ways."""
    alertmanager.post([failed()])
    wait_until(lambda: bool(smtp.mails) and bool(node.mails()), "both mails have come", 60)
    return smtp.mails[0].message


def test_a_module_whose_password_changed(
    alertmanager: Alertmanager, node: Node, smtp: MailServer, relay: Relay, tmp_path: Path
) -> None:
    node.end(dokuwiki1=0, mail1=1, nextcloud1=0)
    node.give_password("mail1", "another-fake-password")
    mail = delivered(alertmanager, node, smtp)
    assert mail["Subject"].startswith("[Cluster 1] ⚠️ Backup partially failed [FIRING:1] BackupFailed")
    plain, html = part(mail, "plain"), part(mail, "html")
    [(arguments, sent)] = node.mails()
    assert arguments == ["-s", mail["Subject"], "-f", "backup@ns8.example.org", "ops@example.org"]
    for text in (plain, html, sent):
        assert "backup 1 (Nightly to S3) on node 1" in text
        assert "Backup job Nightly to S3 (ID: 1) has failed." in text
        assert "1 of 3 did not succeed: mail1" in text
        assert "1 error, no text is kept" in text
        assert "wrong password or no key found" in text
        assert "another-fake-password" not in text
        assert "Note:" not in text
    shown = PAGE.read_text("utf-8").split("```\n")[1].splitlines()
    assert len(shown) > 8
    assert [line for line in shown if line not in plain.splitlines()] == [], "the page shows another mail"
    asyncio.run(shoot(html, plain, tmp_path))
    log = relay.log.read_text("utf-8")
    assert "another-fake-password" not in log
    assert "No recent backup status keys found in Redis" not in log


def test_nothing_is_known_and_every_repository_is_gone(
    alertmanager: Alertmanager, node: Node, smtp: MailServer, relay: Relay
) -> None:
    node.end()
    for repository in node.repositories.values():
        shutil.rmtree(repository.path)
    mail = delivered(alertmanager, node, smtp)
    assert mail["Subject"].startswith(
        "[Cluster 1] ❌ Backup failed – possible repository error"  # noqa: RUF001 - the dash is part of the text
    )
    plain = part(mail, "plain")
    for module, repository in node.repositories.items():
        assert f"{module}: unknown: no status in Redis" in plain
        assert f"stat {repository.path}/config: no such file or directory" in plain
    log = relay.log.read_text("utf-8")
    assert "No recent backup status keys found in Redis" in log


def test_all_is_well_meanwhile_and_nothing_is_probed(
    alertmanager: Alertmanager, node: Node, smtp: MailServer
) -> None:
    node.end(dokuwiki1=0, mail1=0, nextcloud1=0)
    (node.folder / "restic-wrapper").write_text(f"#!/bin/sh\ntouch {node.folder}/probed\n")
    mail = delivered(alertmanager, node, smtp)
    assert mail["Subject"].startswith("[Cluster 1] ✅ Backup completed successfully")
    assert "Note: correlation: every part reports success, though the alert still fires" in part(
        mail, "plain"
    )
    assert not (node.folder / "probed").exists()


class NodeExporter(http.server.BaseHTTPRequestHandler):
    """A stand-in for node_exporter: what it serves of a backup that failed."""

    def do_GET(self) -> None:
        body = b'# TYPE node_backup_status gauge\nnode_backup_status{id="1",name="Nightly to S3"} 0\n'
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is given
        pass


@pytest.fixture
def exporter() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), NodeExporter)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.e2e
def test_from_the_metric_to_the_mail(
    alertmanager: Alertmanager, exporter: str, node: Node, smtp: MailServer, tmp_path: Path
) -> None:
    """Prometheus with the rules that are shipped finds the failure by itself."""
    node.end(dokuwiki1=1, mail1=1, nextcloud1=1)
    for module in node.repositories:
        node.give_password(module, "another-fake-password")
    scrape = {"job_name": "providers", "static_configs": [{"targets": [exporter], "labels": {"node": "1"}}]}
    target = {"static_configs": [{"targets": [alertmanager.address]}]}
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "alerting": {"alertmanagers": [target]},
    }
    rules = SHIPPED.parent / "dist/backup-sentinel-optional-nethserver.rules.yaml"
    with Prometheus(tmp_path / "prometheus", [scrape], rule_files=[rules], settings=settings):
        wait_until(lambda: bool(smtp.mails), "the mail has come", 90)
    mail = smtp.mails[0].message
    assert mail["Subject"].startswith("[Cluster 1] ❌ Backup failed")
    plain = part(mail, "plain")
    assert "Backup 1 (Nightly to S3) on node 1 failed, for at least one of its modules." in plain
    assert "3 of 3 did not succeed: dokuwiki1, mail1, nextcloud1" in plain
    assert "dokuwiki1, mail1, nextcloud1 is not available: Fatal: wrong password or no key found" in plain


async def shoot(html: str, plain: str, folder: Path) -> None:
    """See that nothing is wider than the reader's window, and keep pictures where they are wanted."""
    pictures = Path(os.environ.get("BACKUP_SENTINEL_PICTURES", folder))
    (folder / "mail.html").write_text(html, encoding="utf-8")
    (folder / "mail.txt").write_text(plain, encoding="utf-8")
    async with browse(folder / "browser") as browser:
        for name, file, width in (
            ("ns8", "mail.html", 1000),
            ("ns8-phone", "mail.html", 390),
            ("ns8-text", "mail.txt", 1000),
        ):
            await browser.open((folder / file).as_uri(), width=width, height=900)
            assert "wrong password or no key found" in await browser.text()
            if file == "mail.html":
                assert await browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
                assert await browser.evaluate(FITS)
                assert "\N{EN DASH}" not in await browser.text()  # no column without a value
            await browser.shoot(pictures / f"mail-{name}.png")
