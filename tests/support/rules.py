"""The shipped alert rules, for a Prometheus that has no time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

BUNDLE = Path(__file__).resolve().parents[2] / "rules" / "dist" / "backup-sentinel.rules.yaml"


def hurried() -> dict[str, Any]:
    """Return the shipped rules with 0.4 seconds for a minute of `for`; all else is as it is.

    Only the alert for an exporter that is gone waits its ten minutes: a process takes its seconds to start.
    """
    rules = yaml.safe_load(BUNDLE.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            if rule.get("alert") == "BackupSentinelAbsent":
                continue
            if minutes := re.fullmatch(r"(\d+)m", rule.get("for", "0m")):
                rule["for"] = f"{int(minutes[1]) * 400}ms"
    assert isinstance(rules, dict)
    return rules
