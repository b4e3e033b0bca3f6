"""A configuration of ns8-backup-monitor becomes one of the relay, with every key, or an error at its place."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from backup_sentinel import cli
from backup_sentinel.config import Config, parse
from backup_sentinel.errors import DocumentError
from backup_sentinel.relay.channels.sendmail import SendmailSettings
from backup_sentinel.relay.enrichers.correlation import CorrelationSettings
from backup_sentinel.relay.enrichers.ns8 import Ns8Settings
from backup_sentinel.relay.enrichers.repository_check import RepositoryCheckSettings
from backup_sentinel.relay.ns8_monitor import Monitor, translate
from backup_sentinel.relay.rendering import Rendering

FULL = """\
mail:
  from: backup@ns8.example.org
  to:
    - ops@example.org
    - boss@example.org
  subject_prefix: "[NS8 Backup]"
receiver:
  host: 127.0.0.2
  port: 9199
correlator:
  wait_seconds: 45
  recent_window: 1800
redis:
  socket: /run/redis/redis.sock
repo_check:
  enabled: true
  timeout: 30
logging:
  level: DEBUG
  file: /var/log/ns8-backup-monitor.log
"""
LEAST = "mail: {from: backup@ns8.example.org, to: ops@example.org}\n"


def read(text: str) -> Config:
    return parse(translate(text, "config.yml"))


def by_type(config: Config, kind: type) -> Any:
    [found] = [one for one in [*config.relay.channels, *config.relay.enrichers] if isinstance(one, kind)]
    return found


def test_every_key_is_carried_over() -> None:
    config = read(FULL)
    mail = by_type(config, SendmailSettings)
    assert (mail.from_, mail.to) == ("backup@ns8.example.org", ("ops@example.org", "boss@example.org"))
    assert mail.subject_prefix == "[NS8 Backup] "
    assert (mail.interface, mail.command) == ("ns8-sendmail", ("runagent", "ns8-sendmail"))
    assert config.web.listen == "127.0.0.2:9199"
    assert by_type(config, CorrelationSettings).settle_seconds == 45
    reader = by_type(config, Ns8Settings)
    assert (reader.recent_window_seconds, reader.socket) == (1800, "/run/redis/redis.sock")
    probe = by_type(config, RepositoryCheckSettings)
    assert probe.command == ("runagent", "-m", "{module}", "restic-wrapper", "--backup={backup}")
    assert probe.probe_timeout_seconds == 30
    assert probe.timeout_seconds * 0.9 > probe.probe_timeout_seconds
    assert config.log.level == "debug"
    assert "/var/log/ns8-backup-monitor.log" in translate(FULL, "config.yml").partition("\nlog:")[0]


def test_the_example_has_every_key_that_there_is() -> None:
    """What is not in it is not tested."""
    sections = yaml.safe_load(FULL)
    for section in Monitor.__struct_fields__:
        kind = Monitor.__annotations__[section]
        assert set(sections[section]) == set(kind.__struct_encode_fields__)


def test_what_is_not_said_is_as_it_was() -> None:
    config = read(LEAST)
    assert config.web.listen == "127.0.0.1:9099"
    assert by_type(config, CorrelationSettings).settle_seconds == 30
    reader = by_type(config, Ns8Settings)
    assert (reader.recent_window_seconds, reader.socket) == (3600, None)
    assert by_type(config, RepositoryCheckSettings).probe_timeout_seconds == 60
    assert by_type(config, SendmailSettings).to == ("ops@example.org",)
    assert by_type(config, SendmailSettings).subject_prefix == ""
    assert config.log.level == "info"


def test_a_message_may_wait_as_long_as_all_of_it_takes() -> None:
    for text in (LEAST, FULL):
        relay = read(text).relay
        slowest = max(one.settle_seconds for one in relay.enrichers)
        assert relay.enrichment.longest_seconds > slowest + 10 + relay.enrichers[-1].timeout_seconds


def test_without_the_check_nothing_is_probed() -> None:
    config = read(LEAST + "repo_check: {enabled: false}\n")
    assert [one.kind for one in config.relay.enrichers] == ["ns8", "correlation"]


def test_only_alerts_about_backups_wait() -> None:
    for one in read(LEAST).relay.enrichers:
        assert one.filter.matchers == ('alertname=~"BackupFailed|NsBackupFailed|NsBackupMissing"',)


async def test_what_comes_out_can_be_opened() -> None:
    config = read(FULL)
    for channel in config.relay.channels:
        await channel.open(Rendering()).close()
    for enricher in config.relay.enrichers:
        await enricher.open().close()


@pytest.mark.parametrize(
    ("old", "new", "place", "wrong"),
    [
        ("port: 9199", "prot: 9199", "9:3", "unknown field `prot`"),
        ("port: 9199", "port: 99999", "9:9", "65535"),
        ("wait_seconds: 45", "wait_seconds: soon", "11:17", "expected a number, got text"),
        ("enabled: true", "enabled: yes", "16:12", "expected true or false, got text"),
        ("level: DEBUG", "level: loud", "19:10", "'loud' is no level"),
        ("- boss@example.org", "- boss", "5:7", "'boss' is no mail address"),
        ("from: backup@ns8.example.org", "from: nobody", "2:9", "'nobody' is no mail address"),
        ("from: backup@ns8.example.org", "", "3:3", "`from` is missing"),
        ("[NS8 Backup]", "a\\nb", "6:19", "holds a character that a subject must not"),
        ("redis:\n", "redis:\n  host: x\n", "14:3", "unknown field `host`"),
        ("timeout: 30", "timeout: 0", "17:12", ""),
        ("correlator:\n", "correlator:\n  - x\n", "12:3", "not YAML"),
    ],
)
def test_errors_show_the_place(old: str, new: str, place: str, wrong: str) -> None:
    assert old in FULL
    with pytest.raises(DocumentError) as caught:
        translate(FULL.replace(old, new), "config.yml")
    assert str(caught.value).startswith(f"config.yml:{place}: "), str(caught.value)
    assert wrong in str(caught.value)


def test_recipients_in_one_text() -> None:
    mail = by_type(read(LEAST.replace("ops@example.org", "'a@example.org, b@example.org'")), SendmailSettings)
    assert mail.to == ("a@example.org", "b@example.org")
    for nobody in ("''", "[]"):
        with pytest.raises(DocumentError, match="names nobody"):
            read(LEAST.replace("ops@example.org", nobody))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, output = tmp_path / "config.yml", tmp_path / "config.yaml"
    file.write_text(FULL)
    assert cli.main(["import-ns8", str(file)]) == 0
    printed = capsys.readouterr().out
    assert cli.main(["import-ns8", str(file), "--output", str(output)]) == 0
    assert output.read_text() == printed
    assert stat.S_ISREG(output.stat().st_mode)
    capsys.readouterr()
    assert cli.main(["import-ns8", str(file), "-o", str(output)]) == 2
    assert f"{output} cannot be written: File exists" in capsys.readouterr().err
    assert cli.main(["check", "--config", str(output), "--syntax-only"]) == 0


@pytest.mark.parametrize(
    ("content", "wrong"), [(None, "cannot be read: No such file"), (b"\xff\xfe", "it is not text")]
)
def test_a_file_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, wrong: str
) -> None:
    file = tmp_path / "config.yml"
    if content is not None:
        file.write_bytes(content)
    assert cli.main(["import-ns8", str(file)]) == 2
    assert wrong in capsys.readouterr().err
