"""Each rule's own test, with the newest and the oldest Prometheus, at time zero and at a time of this century."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.promtools import RULES, check, find, oldest_promtool, run

TESTS = sorted(RULES.glob("**/test.yaml"))
ALERT_TESTS = [path for path in TESTS if len(path.relative_to(RULES).parts) == 2]
BUNDLES = sorted((RULES / "dist").glob("*.rules.yaml"))

EPOCH = 1772323200
"""2026-03-01, a whole number of days, so that subqueries keep their alignment."""
NUMBER = re.compile(r"^(-?\d+(?:\.\d+)?)((?:[+-]\d+)?(?:x\d+)?)$")


def test_rules_behave() -> None:
    check(find("promtool"), TESTS)


def test_rules_behave_in_the_oldest_prometheus() -> None:
    check(oldest_promtool(), TESTS)


def test_rules_behave_at_a_time_of_this_century(tmp_path: Path) -> None:
    promtool = find("promtool")
    probe = tmp_path / "probe.yaml"
    probe.write_text("tests: [{start_timestamp: 0}]\n")
    if run(promtool, "test", "rules", probe).returncode != 0:
        pytest.skip("this promtool does not know start_timestamp (3.9 or newer is needed)")
    moved = []
    for path in ALERT_TESTS:
        text = path.read_text("utf-8")
        if "_timestamp_seconds{" not in text:
            continue  # Without instants the same samples would be compared once more.
        document = yaml.load(text, Loader=yaml.CSafeLoader)
        document["rule_files"] = [str(path.with_name("rule.yaml"))]
        document["tests"] = [move(test) for test in document["tests"]]
        target = tmp_path / f"{path.parent.name}.yaml"
        target.write_text(yaml.safe_dump(document))
        moved.append(target)
    check(promtool, moved)


def move(test: dict[str, Any]) -> dict[str, Any]:
    """Return a test that starts at EPOCH. Alerts are compared by their labels: the texts hold times."""
    moved = dict(test, start_timestamp=EPOCH)
    moved["input_series"] = [
        {**series, "values": shift(series["values"])} if is_instant(series["series"]) else series
        for series in test["input_series"]
    ]
    expressions = list(test.get("promql_expr_test", []))
    for expected in moved.pop("alert_rule_test", []):
        about = {"alertname": expected["alertname"], "alertstate": "firing"}
        expressions.append(
            {
                "expr": "ALERTS" + labels(about),
                "eval_time": expected["eval_time"],
                "exp_samples": [
                    {"labels": "ALERTS" + labels(about | alert["exp_labels"]), "value": 1}
                    for alert in expected.get("exp_alerts", [])
                ],
            }
        )
    return dict(moved, promql_expr_test=expressions)


def is_instant(series: str) -> bool:
    return series.partition("{")[0].endswith("_timestamp_seconds")


def shift(values: str) -> str:
    return " ".join(
        NUMBER.sub(lambda found: f"{int(found[1]) + EPOCH}{found[2]}", word) for word in values.split()
    )


def labels(pairs: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in pairs.items()) + "}"


@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_bundles_pass_the_lint_of_promtool(which: str) -> None:
    promtool = find("promtool") if which == "newest" else oldest_promtool()
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *BUNDLES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_pass_pint() -> None:
    done = run(find("pint"), "--offline", "--no-color", "lint", "--min-severity=info", ".", folder=RULES)
    assert done.returncode == 0, done.stderr
    assert "entries=" in done.stderr
    assert "Problems found" not in done.stderr, done.stderr
