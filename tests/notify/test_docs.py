"""The page about notifications: its settings are settings, its commands run, its look-backs are long enough."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path

import pytest
import yaml

from backup_sentinel.config import parse
from backup_sentinel.duration import long_duration
from backup_sentinel.export.cron import parse as parse_cron
from backup_sentinel.notify.environment import lookback, mail
from backup_sentinel.relay.channels.email import EmailSettings
from backup_sentinel.relay.message import Alert
from notify.kit import MINUTE, World
from notify.test_command import configure, run

PAGE = (Path(__file__).resolve().parents[2] / "exporter" / "notify.md").read_text(encoding="utf-8")
NOW = 1772704800.0


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def rows(section: str) -> list[list[str]]:
    """Return the cells of the one table of a section, without its head."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in found[2:]]


COMMANDS = [
    line for block in blocks("sh") if not block.startswith("#") for line in block.splitlines() if line.strip()
]


def test_every_block_is_run_or_says_why_not() -> None:
    assert len(COMMANDS) == 5
    marked = [block.splitlines()[0] for block in blocks("sh") if block.startswith("#")]
    assert set(marked) == {"# needs a cluster", "# runs until it is told to end"}


@pytest.mark.parametrize("command", COMMANDS)
async def test_each_command_works(command: str, tmp_path: Path) -> None:
    program, subcommand, *arguments = shlex.split(command)
    assert (program, subcommand) == ("backup-sentinel", "notify")
    async with World(now=time.time()) as world:
        configure(world, tmp_path)
        world.home.run("run-a", world.clock.now() - 20 * MINUTE)
        if "clear" in arguments:
            world.home.cluster.put(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "backup-sentinel-sent", "namespace": "monitoring"},
                    "data": {"sent": json.dumps(["prod-eu:run-x7k2p:2026-03-05"])},
                }
            )
        done = await run(tmp_path, *arguments)
        assert done.code == 0, done.err
        assert len(world.mails) == ("--once" in arguments)
        assert (
            done.out
            == {
                "--once": "",
                "list": "Nothing was sent in the last seven days.\n",
                "clear": "cleared: 1\n",
            }[arguments[0] if arguments[0] == "--once" else arguments[1]]
        )


def test_the_settings_are_taken() -> None:
    [text] = blocks("yaml")
    config = parse(text)
    assert [one.name for one in config.clusters] == ["prod-eu", "prod-us"]
    assert config.notify.lookback_seconds == 7200
    assert isinstance(config.relay.channels[0], EmailSettings)
    assert set(yaml.safe_load(text)) == {"clusters", "relay", "notify"}


@pytest.mark.parametrize("row", rows("How far to look back"), ids=lambda row: row[0])
def test_a_look_back_is_an_hour_longer_than_the_longest_time_between_two_looks(row: list[str]) -> None:
    schedule, back = row[0].strip("`"), row[1].strip("`")
    cron = parse_cron(schedule, "kubernetes")
    at, gaps = NOW, []
    for _ in range(60):
        after = cron.after(at)
        assert after is not None
        gaps.append(after - at)
        at = after
    assert long_duration(back) >= max(gaps[1:]) + 3600


def test_each_variable_has_a_meaning() -> None:
    names = re.findall(r"`([A-Z_<>]+)`", " ".join(row[0] for row in rows("Variables")))
    ours = [name for name in names if not name.startswith("CLUSTER_")]
    values = {
        "SMTP_HOST": "mail.example.org",
        "SMTP_PORT": "465",
        "SMTP_USER": "me",
        "SMTP_PASSWORD": "fake-mail-password",
        "ALERT_FROM": "a@example.org",
        "ALERT_TO": "b@example.org",
        "ALERT_SUBJECT_PREFIX": "[K10]",
        "LOOKBACK_HOURS": "3",
    }
    assert sorted(ours) == sorted(values)
    assert (mail(values), lookback(values)) != (None, None)
    base = {name: values[name] for name in ("SMTP_HOST", "ALERT_FROM", "ALERT_TO")}
    for name in ("SMTP_PORT", "ALERT_SUBJECT_PREFIX"):
        assert mail({**base, name: values[name]}) != mail(base)


def test_the_alerts_of_the_table_have_their_types() -> None:
    table = PAGE.split("\n## ")[0]
    for line in table.splitlines():
        for name in re.findall(r"`(KubeBackup\w+)`", line):
            outcome = {"KubeBackupPartiallyFailed": "partial", "KubeBackupOverdue": ""}.get(name, "failed")
            severity = "warning" if outcome == "partial" else "critical"
            kind = Alert(labels={"alertname": name, "severity": severity, "outcome": outcome}).type.value
            assert (severity in line, kind) == (True, "warning" if severity == "warning" else "alert")
