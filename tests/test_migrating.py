"""The page for those who come from something else: nothing of theirs is forgotten, and what it shows works."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backup_sentinel import config
from backup_sentinel.fleet.environment import SUFFIXES
from backup_sentinel.notify import environment
from support.markdown import ROOT, blocks, text

PAGE = ROOT / "exporter" / "migrating.md"

VELERO = {
    "velero_backup": (
        *("attempt_total", "success_total", "partial_failure_total", "failure_total"),
        *("validation_failure_total", "warning_total", "last_status", "last_successful_timestamp"),
        *("duration_seconds", "items_total", "items_errors", "tarball_size_bytes", "total"),
        *("deletion_attempt_total", "deletion_success_total", "deletion_failure_total"),
        "location_status_gauge",
    ),
    "velero_restore": (
        *("total", "attempt_total", "success_total", "partial_failure_total", "failed_total"),
        "validation_failed_total",
    ),
    "velero": (
        *(f"volume_snapshot_{end}_total" for end in ("attempt", "success", "failure")),
        *(f"csi_snapshot_{end}_total" for end in ("attempt", "success", "failure")),
        *(f"repo_maintenance_{end}" for end in ("success_total", "failure_total", "duration_seconds")),
        *("schedule_expected_interval_seconds", "build_info"),  # not in 1.18 yet
    ),
    "podVolume": (
        *(f"data_upload_{end}_total" for end in ("success", "failure", "cancel")),
        *(f"data_download_{end}_total" for end in ("success", "failure", "cancel")),
        *(f"pod_volume_backup_{end}_count" for end in ("enqueue", "dequeue")),
        *(f"pod_volume_operation_latency_seconds{end}" for end in ("", "_gauge")),
    ),
}
"""What Velero exports (pkg/metrics/metrics.go of 1.18.3 and of what comes after it), by the beginning of the names."""

KUBEDR = (
    *("num_failed_backups", "num_backups", "num_successful_backups"),
    *("backup_size_bytes", "backup_duration_seconds"),
)


def table(section: str) -> dict[str, str]:
    """Return the right cells of a section's tables by the words of code in the left ones."""
    [said] = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text(PAGE), re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", said, re.MULTILINE)
    return {word: right for left, right in rows for word in re.findall(r"`([^`]+)`", left)}


def test_each_metric_of_velero_has_a_row() -> None:
    names = {f"{begin}_{end}" for begin, ends in VELERO.items() for end in ends}
    assert {word for word in table("Velero") if re.fullmatch(r"(velero|podVolume)_\w+", word)} == names


def test_each_metric_of_kubedr_has_a_row() -> None:
    names = {f"kubedr_{name}" for name in KUBEDR}
    assert {word for word in table("KubeDR") if word.startswith("kubedr_")} == names


def test_each_setting_of_velero_sentinel_has_a_row() -> None:
    assert {
        "webhooks[].name",
        "webhooks[].url",
        "webhooks[].method",
        "warningtemplate",
        "errortemplate",
    } <= set(table("Velero Sentinel"))


def test_each_variable_of_the_kasten_alerter_has_a_row() -> None:
    assert environment.__doc__
    variables = set(re.findall(r"^    ([A-Z_]+) ", environment.__doc__, re.MULTILINE))
    assert "SMTP_HOST" in variables
    told = {word for word in table("Kasten") if word.isupper() or "<N>" in word}
    assert {word for word in told if "<N>" not in word} == variables
    assert {word.rpartition("<N>_")[2] for word in told if "<N>" in word} <= set(SUFFIXES)


def run(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "backup_sentinel", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_configuration_of_the_monitor_is_translated(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(
        "mail: {from: ns8@example.org, to: ops@example.org}\n", encoding="utf-8"
    )
    [command] = [command for block in blocks(PAGE, "sh") for command in block.commands()]
    program, *arguments = command.split()
    assert program == "backup-sentinel"
    assert config.parse(run(*arguments, folder=tmp_path)).relay.channels


@pytest.mark.parametrize(
    ("alert", "kind"), [("KubeBackupPartiallyFailed", "warning"), ("KubeBackupFailed", "error")]
)
def test_the_message_of_velero_sentinel_is_sent(alert: str, kind: str, tmp_path: Path) -> None:
    [code] = [block.code for block in blocks(PAGE, "yaml") if "receiver.example.org" in block.code]
    (tmp_path / "config.yaml").write_text(code, encoding="utf-8")
    labels = {"alertname": alert, "schedule": "nightly"}
    payload = {"alerts": [{"status": "firing", "labels": labels}]}
    (tmp_path / "payload.json").write_text(json.dumps(payload), encoding="utf-8")
    told = run(
        *("render", "sentinel", "payload.json", "--config", "config.yaml", "-o", "json"), folder=tmp_path
    )
    [message] = json.loads(told)
    said = json.loads(message["body"])
    assert (said["type"], said["backup"]["name"]) == (kind, "nightly")
    assert alert in said["backup"]["state"]


def test_the_pages_are_as_large_as_was_measured() -> None:
    measured: dict[tuple[str, str], float] = {}
    backups = ""
    for line in text(ROOT / "benchmarks" / "RESULTS.md").splitlines():
        if title := re.match(r"## .*: ([\d,]+) Backups, ", line):
            backups = title[1]
        if row := re.match(r"\| ([\w-]+): scrape \| ([\d,]+) \| kB", line):
            measured[row[1], backups] = int(row[2].replace(",", "")) / 1000
    said = re.search(
        r"with ([\d,]+) of them some ([\d,]+) MB for each scrape, with ([\d,]+) some ([\d,]+) MB,"
        r"\s+where the exporter's page has ([\d.]+) MB",
        text(PAGE),
    )
    assert said
    few, small, many, large, own = said.groups()
    for backups, megabytes, subject in (
        (few, small, "kube-state-metrics"),
        (many, large, "kube-state-metrics"),
        (few, own, "exporter"),
        (many, own, "exporter"),
    ):
        assert float(megabytes.replace(",", "")) == pytest.approx(measured[subject, backups], rel=0.1)
