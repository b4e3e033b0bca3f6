"""The page about NethServer 8: its settings are settings, its tables are complete, its commands do what it says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from backup_sentinel.config import parse
from backup_sentinel.relay.enrichers.correlation import SUBJECTS
from backup_sentinel.relay.ns8_monitor import Monitor, translate
from rules.promtools import find, run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "exporter/nethserver.md").read_text("utf-8")
SCRIPT = (ROOT / "exporter/systemd/install.sh").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def rows(head: str) -> list[list[str]]:
    table = PAGE.partition(f"\n| {head} |")[2].partition("\n\n")[0]
    return [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]


def test_the_settings_are_what_is_written() -> None:
    shown, by_smtp = blocks("yaml")
    made = translate("mail: {from: backup@example.org, to: ops@example.org}", "config.yml")
    assert parse(shown).relay == parse(made).relay
    assert parse(shown).web == parse(made).web
    assert parse(by_smtp).relay.channels[0].name == "mail"


def test_every_key_of_the_old_configuration_is_in_the_table() -> None:
    told = {key for row in rows("ns8-backup-monitor | here") for key in re.findall(r"`([^`]+)`", row[0])}
    assert told == {
        f"{section}.{key}"
        for section in Monitor.__struct_fields__
        for key in Monitor.__annotations__[section].__struct_encode_fields__
    }


def test_the_verdicts_are_in_the_table() -> None:
    told = {row[0].strip("`"): row[2] for row in rows("verdict | when | subject")}
    assert told == {verdict.value: subject for verdict, subject in SUBJECTS.items()}


def test_the_arguments_of_the_script_exist() -> None:
    told = set(re.findall(r"--[a-z-]+", " ".join(row[0] for row in rows("argument | does"))))
    for command in blocks("sh"):
        if "install.sh" in command:
            told |= set(re.findall(r"--[a-z-]+", command))
    assert told >= {"--from", "--to", "--import"}
    assert {option for option in told if option not in SCRIPT} == set()


def test_single_rules_are_made_of_the_files(tmp_path: Path) -> None:
    [loop] = [block for block in blocks("sh") if "custom_alerts" in block]
    command = loop.partition("runagent")[0].replace("NsBackupMissing", "NsBackupFailed NsBackupMissing")
    stand_in = tmp_path / "redis-cli"
    stand_in.write_text(f'#!/bin/sh\ncat > "{tmp_path}/$4.yml"\n')
    stand_in.chmod(0o755)
    subprocess.run(["sh", "-c", f'PATH="{tmp_path}:$PATH"; {command}'], cwd=ROOT, check=True, timeout=30)
    rules = [
        yaml.safe_load((tmp_path / f"{name}.yml").read_text())
        for name in ("NsBackupFailed", "NsBackupMissing")
    ]
    assert [rule["alert"] for rule in rules] == ["NsBackupFailed", "NsBackupMissing"]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "Custom", "rules": rules}]}))
    done = run(find("promtool"), "check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr
    sources = [
        yaml.safe_load((ROOT / f"rules/{rule['alert']}/rule.yaml").read_text())["groups"][0]["rules"][0]
        for rule in rules
    ]
    assert rules == sources


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", PAGE))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / "exporter" / target).exists()
