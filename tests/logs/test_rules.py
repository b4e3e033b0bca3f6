"""The rules for Loki and the queries of the documentation: Loki's parser takes them, its engine answers as it should."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from logs.lines import END, S3, SENTINEL, VELERO, logfmt, ours
from logs.pipeline import LOKI, ROOT, parse, process, query, tool

pytestmark = pytest.mark.e2e

FILES = ("alerts.yaml", "recording.yaml")
PAGE = (LOKI / "README.md").read_text("utf-8")
QUERIES = dict(re.findall(r"^### (.+)\n\n```logql\n((?:.+\n)+)```", PAGE, re.MULTILINE))
BLOCKS = re.findall(r"^```logql\n((?:.+\n)+)```", PAGE, re.MULTILINE)
RULES: dict[str, dict[str, Any]] = {
    rule.get("alert", rule.get("record")): rule
    for file in FILES
    for group in yaml.safe_load((LOKI / file).read_text("utf-8"))["groups"]
    for rule in group["rules"]
}
NOW = 1_800_000_000.0

B = {"backup": "velero/shop-1"}
SAMPLE = {
    "completed": logfmt("info", END + "Finalizing", **B),
    "partial": logfmt("info", END + "FinalizingPartiallyFailed", **B),
    "failed": logfmt("error", "backup failed", controller="backup", error=S3),
    "storage": logfmt(
        "error", "fail to validate backup store", controller="backup-storage-location", error=S3
    ),
    "restore": logfmt("info", "Marking restore Completed", restore="velero/back"),
    "item": logfmt("error", "Error backing up item", error="volume is busy", **B),
    "chatter": logfmt("info", "Checking", controller="gc"),
}


def streams(*kinds: str, app: str = "velero", cluster: str = "prod", ago: float = 60) -> list[dict[str, Any]]:
    """Return lines as Loki has them after Alloy; `ago` is the age of the newest in seconds."""
    labels = VELERO if app == "velero" else SENTINEL
    texts = {"api": ours(30, "cannot read from cluster: connection refused", reason="unreachable")} | SAMPLE
    made = process("full", [{"labels": labels, "line": texts[kind]} for kind in kinds])
    return [
        {
            "labels": {**entry["labels"], "cluster": cluster},
            "entries": [
                {"time": NOW - ago - number / 100, "line": entry["line"], "metadata": entry["metadata"]}
            ],
        }
        for number, entry in enumerate(made)
    ]


def values(expression: str, found: list[dict[str, Any]]) -> dict[tuple[str, ...], float]:
    return {tuple(sorted(one["labels"].values())): one["value"] for one in query(expression, found, NOW)}


def test_loki_takes_the_files() -> None:
    assert tool("logql", "rules", *(LOKI / file for file in FILES)) == []


MISTAKES = {
    "an expression that does not parse": ("[15m])) > 3", "[15m]) > 3", "parse error"),
    "a rule that asks for lines": (
        'absent_over_time({app="velero"}[1h])',
        '{app="velero"}',
        "needs a metric query",
    ),
    "a field that does not exist": ("for: 15m", "fro: 15m", "fro"),
    "a template that does not end": ("{{ $value }}", "{{ $value }", "annotation description"),
    "a rule without a name": ("alert: KubeBackupLogsAbsent", "alert: ''", "one of record and alert"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused(mistake: str, tmp_path: Path) -> None:
    old, new, complaint = MISTAKES[mistake]
    text = (LOKI / "alerts.yaml").read_text("utf-8")
    assert old in text
    path = tmp_path / "rules.yaml"
    path.write_text(text.replace(old, new, 1))
    complaints = tool("logql", "rules", path)
    assert complaints
    assert complaint in complaints[0]


def test_alerts_are_routed_explained_and_never_critical() -> None:
    for name, rule in RULES.items():
        if "alert" not in rule:
            continue
        assert re.fullmatch("(KubeBackup|BackupSentinel).+", name), (
            "Alertmanager's routes ask for these names"
        )
        assert rule["labels"]["severity"] in {"warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"].endswith(f"/rules/loki/README.md#{name.lower()}")
        assert f"\n### {name}\n" in PAGE
        assert not (ROOT / "rules" / name).exists(), "the name of an alert on metrics"


SUCCESS, RUNS, ERRORS = (
    RULES[name]["expr"]
    for name in (
        "cluster:velero_log_backups:success_ratio1d",
        "cluster_status:velero_log_backups:count1h",
        "cluster_app:log_lines:error_ratio5m",
    )
)


@pytest.mark.parametrize(
    ("kinds", "ratio"),
    [
        (["completed"], {("prod",): 1.0}),
        (["completed"] * 3 + ["partial"], {("prod",): 0.75}),
        (["failed", "partial"], {("prod",): 0.0}),
        (["storage", "item", "restore", "chatter"], {}),
    ],
)
def test_the_success_rate(kinds: list[str], ratio: dict[tuple[str, ...], float]) -> None:
    assert values(SUCCESS, streams(*kinds)) == ratio


def test_clusters_are_told_apart() -> None:
    both = streams("completed") + streams("failed", cluster="test")
    assert values(SUCCESS, both) == {("prod",): 1.0, ("test",): 0.0}
    assert values(RUNS, both) == {("completed", "prod"): 1.0, ("failed", "test"): 1.0}


def test_the_error_rate() -> None:
    found = streams("chatter", "chatter", "item", "storage") + streams("api", app="backup-sentinel")
    assert values(ERRORS, found) == {("prod", "velero"): 0.5, ("backup-sentinel", "prod"): 0.0}


@pytest.mark.parametrize(
    ("name", "firing", "quiet"),
    [
        ("KubeBackupLogStorageErrors", ["storage"] * 4, ["storage"] * 3 + ["item"] * 9),
        ("KubeBackupLogErrorsFrequent", ["item"] * 51, ["item"] * 50 + ["chatter"] * 9),
    ],
)
def test_an_alert_fires_and_does_not(name: str, firing: list[str], quiet: list[str]) -> None:
    assert list(values(RULES[name]["expr"], streams(*firing))) == [("prod",)]
    assert values(RULES[name]["expr"], streams(*quiet)) == {}
    assert values(RULES[name]["expr"], streams(*firing, ago=7200)) == {}, "what is long past counts no more"


def test_an_api_server_that_cannot_be_read() -> None:
    rule = RULES["BackupSentinelLogApiErrors"]["expr"]
    assert list(values(rule, streams(*["api"] * 6, app="backup-sentinel"))) == [("prod",)]
    assert values(rule, streams(*["api"] * 5, app="backup-sentinel")) == {}


def test_silence_is_noticed() -> None:
    rule = RULES["KubeBackupLogsAbsent"]["expr"]
    assert values(rule, streams("chatter", app="velero", ago=4000)) == {("velero",): 1.0}
    assert values(rule, streams("chatter")) == {}


ANSWERS = {
    "Failures": {"failed", "partial"},
    "Completions": {"completed"},
    "Storage issues": {"storage"},
    "Restores": {"restore"},
    "API errors": {"api"},
    "All errors of one backup": {"item"},
}


def test_the_documented_queries_are_those_that_are_tried() -> None:
    assert set(QUERIES) == set(ANSWERS)
    parsed = parse(BLOCKS)
    assert not [one for one in parsed if "error" in one]
    assert [one["kind"] for one in parsed] == ["logs"] * len(ANSWERS) + ["metric"]


def test_the_most_frequent_errors() -> None:
    found = values(BLOCKS[-1], streams("item", "item", "storage", "chatter"))
    assert found == {("volume is busy",): 2.0, (S3,): 1.0}


@pytest.mark.parametrize(
    "expression", ["{app=", '{app="velero"} |~ "("', 'rate({app="velero"})', '{app="velero"} | logfmt |', ""]
)
def test_a_wrong_expression_is_refused(expression: str) -> None:
    [found] = parse([expression])
    assert found["error"]


@pytest.mark.parametrize("name", ANSWERS)
def test_a_documented_query_finds_its_lines_and_no_others(name: str) -> None:
    found = streams(*SAMPLE) + streams("api", app="backup-sentinel")
    texts = {stream["entries"][0]["line"]: kind for stream, kind in zip(found, [*SAMPLE, "api"], strict=True)}
    assert {texts[one["line"]] for one in query(QUERIES[name], found, NOW)} == ANSWERS[name]
