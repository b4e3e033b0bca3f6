"""The page about NethServer 8: its settings are settings, its tables are complete, its commands do what it says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

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


def written(command: str, folder: Path) -> list[dict[str, Any]]:
    """Return the rules that a command of the page gives to Redis, which a stand-in is; promtool accepts them."""
    stand_in = folder / "redis-cli"
    stand_in.write_text(f'#!/bin/sh\ncat > "{folder}/$4.yml"\n')
    stand_in.chmod(0o755)
    subprocess.run(["sh", "-c", f'PATH="{folder}:$PATH"; {command}'], cwd=ROOT, check=True, timeout=30)
    rules = [yaml.safe_load(file.read_text()) for file in sorted(folder.glob("*.yml"))]
    groups = [{"name": f"Custom {number}", "rules": [rule]} for number, rule in enumerate(rules)]
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    done = run(find("promtool"), "check", "rules", folder / "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    return rules


def test_single_rules_are_made_of_the_files(tmp_path: Path) -> None:
    loop, _ = [block for block in blocks("sh") if "custom_alerts" in block]
    command = loop.partition("runagent")[0].replace("NsBackupMissing", "NsBackupFailed NsBackupMissing")
    rules = written(command, tmp_path)
    assert [rule["alert"] for rule in rules] == ["NsBackupFailed", "NsBackupMissing"]
    sources = [
        yaml.safe_load((ROOT / f"rules/{rule['alert']}/rule.yaml").read_text())["groups"][0]["rules"][0]
        for rule in rules
    ]
    assert rules == sources


def test_a_weekly_plan_has_a_limit_of_its_own(tmp_path: Path) -> None:
    _, command = [block for block in blocks("sh") if "custom_alerts" in block]
    rules = written(command, tmp_path)
    assert [rule["alert"] for rule in rules] == ["NsBackupMissing"] * 2
    name = 'node_textfile_mtime_seconds{file="backup%d.prom", node="1"}'
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1h",
        "tests": [
            {
                "interval": "1h",
                "input_series": [{"series": name % number, "values": "0x220"} for number in (1, 2, 3, 4)],
                "promql_expr_test": [
                    {
                        "expr": 'sort(count by (backup_id) (ALERTS{alertstate="firing"}))',
                        "eval_time": at,
                        "exp_samples": [
                            {"labels": f'{{backup_id="{number}"}}', "value": 1} for number in firing
                        ],
                    }
                    for at, firing in (("26h", []), ("28h", [1, 3]), ("194h", [1, 3]), ("196h", [1, 2, 3]))
                ],
            }
        ],
    }
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests))
    done = run(find("promtool"), "test", "rules", tmp_path / "tests.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", PAGE))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / "exporter" / target).exists()
