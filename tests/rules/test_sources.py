"""The form of the rules: names, labels, annotations, and nothing that the exporter does not serve."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
import yaml

from rules.promtools import RULES
from rules.vocabulary import SCRAPE, STREAM, families, groupings, selectors

FOLDERS = sorted(path.parent for path in RULES.glob("*/rule.yaml"))
RECORDINGS = sorted(path.parent for path in RULES.glob("*/*/rule.yaml"))
SEVERITIES = {"critical", "warning", "info"}
HELPERS = {"BackupSentinelBlind"}
DEFAULT = {
    *("KubeBackupFailed", "KubeBackupPartiallyFailed", "KubeBackupOverdue", "KubeBackupNeverSucceeded"),
    *(
        "KubeBackupStalled",
        "KubeBackupLocationUnavailable",
        "KubeBackupRestoreFailed",
        "KubeBackupScheduleInvalid",
    ),
    *(
        "KubeBackupSchedulePaused",
        "KubeBackupNoRestorableRun",
        "BackupSentinelAbsent",
        "BackupSentinelStateStale",
    ),
    *("BackupSentinelClusterUnreachable", "BackupSentinelBlind"),
}
QUERY = re.compile(r'printf "((?:[^"\\]|\\.)*)"')


@cache
def groups(name: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((RULES / name / "rule.yaml").read_text("utf-8"))
    assert set(document) == {"groups"}
    found: list[dict[str, Any]] = document["groups"]
    return found


def names_of_tests(name: str) -> list[str]:
    return re.findall(
        r"^  - name: (.+)$", (RULES / name / "test.yaml").read_text("utf-8"), flags=re.MULTILINE
    )


def the_alert(name: str) -> dict[str, Any]:
    (group,) = groups(name)
    (rule,) = group["rules"]
    assert isinstance(rule, dict)
    return rule


def expressions(name: str) -> list[str]:
    """Return the expressions of a folder's rules, those in annotations included."""
    rules = [rule for group in groups(name) for rule in group["rules"]]
    texts = [text for rule in rules for text in rule.get("annotations", {}).values()]
    return [rule["expr"] for rule in rules] + [
        query.replace("%q", '""') for text in texts for query in QUERY.findall(text)
    ]


def speaks_of_a_schedule(name: str) -> bool:
    return "of schedule" in the_alert(name)["annotations"]["description"]


NAMES = [path.name for path in FOLDERS]
ALL = [path.relative_to(RULES).as_posix() for path in (*FOLDERS, *RECORDINGS)]


def test_what_is_on_by_default() -> None:
    assert {name for name in NAMES if ".optional." not in groups(name)[0]["name"]} == DEFAULT


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_is_complete(name: str) -> None:
    alert = the_alert(name)
    assert alert["alert"] == name
    assert name.startswith(("KubeBackup", "BackupSentinel", "NsBackup"))
    assert {path.name for path in (RULES / name).iterdir()} == {"rule.yaml", "test.yaml", "runbook.md"}
    shared = {"last_recovery_point", "next_run"} if speaks_of_a_schedule(name) else set()
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"} | shared
    assert alert["labels"]["severity"] in ({"none"} if name in HELPERS else SEVERITIES)
    assert set(alert["labels"]) <= {"severity", "slo"}
    assert "{{" not in str(alert["labels"]), "a value in a label makes a new alert each time"


def test_the_last_good_backup_and_the_next_run_are_in_every_alert_about_a_schedule() -> None:
    """They come from one file, and are looked up for the stream that the alert is about and for no other."""
    shared = yaml.safe_load((RULES / "annotations.yaml").read_text("utf-8"))
    about = [name for name in NAMES if speaks_of_a_schedule(name)]
    assert len(about) >= 15
    for name in about:
        annotations = the_alert(name)["annotations"]
        assert {key: annotations[key] for key in shared} == shared
    labels = ("cluster", "operator", "resource_namespace", "schedule", "action", "target")
    for text in shared.values():
        query = text.partition("| query")[0]
        assert re.findall(r"(\w+)=%q", query) == [*labels]
        assert re.findall(r"\$labels\.(\w+)", query) == [*labels]
        assert "[1h]" in query, "a restart of the exporter must not empty a text"


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_sentences(name: str) -> None:
    annotations = the_alert(name)["annotations"]
    assert re.fullmatch(r"[A-Z][^{}\n]{20,99}\.", annotations["summary"]), annotations["summary"]
    assert annotations["description"].rstrip().endswith((".", "{{- end }}"))
    assert annotations["description"].count("{{- end }}") == annotations["description"].count(
        "{{- with printf"
    )
    assert annotations["runbook_url"].endswith(f"/rules/{name}/runbook.md")


@pytest.mark.parametrize("name", ALL)
def test_only_what_the_catalogue_has(name: str) -> None:
    recorded = {
        rule["record"]
        for other in ALL
        for group in groups(other)
        for rule in group["rules"]
        if "record" in rule
    }
    known = families()
    for expression in expressions(name):
        found = list(selectors(expression))
        assert found
        for selector in found:
            if selector.name in recorded:
                assert name.startswith("recording/"), (
                    "an alert must not need a recording: its ruler may not see it"
                )
                continue
            assert selector.name in known, f"{selector.name} is not exported"
            assert selector.labels <= known[selector.name], f"{selector.name} has no such label"


@pytest.mark.parametrize("name", ALL)
def test_aggregations_name_what_goes_never_what_stays(name: str) -> None:
    """A label that is not thought of then makes a duplicate; `by` would let one cluster hide another."""
    stream, velero = STREAM, ("operator", "outcome", *STREAM)
    allowed = {SCRAPE, stream, (*stream, "outcome"), velero, ("operator", *stream), ("outcome",)}
    for group in groups(name):
        for rule in group["rules"]:
            for word, labels in groupings(rule["expr"]):
                if name in HELPERS and (word, labels) == ("on", ("cluster",)):
                    continue  # It serves an inhibition, which goes by that label, and is read by nobody.
                assert word in {"without", "ignoring"}
                if word == "without":
                    assert labels in allowed, labels


@pytest.mark.parametrize("name", ALL)
def test_no_rule_joins_an_info_series(name: str) -> None:
    for group in groups(name):
        for rule in group["rules"]:
            assert not re.search(r"_info\b|group_(left|right)", rule["expr"])


@pytest.mark.parametrize("name", ALL)
def test_tests_have_names_of_their_own(name: str) -> None:
    names = names_of_tests(name)
    assert len(set(names)) == len(names)


SCENARIOS = {
    "fires": r"^fires",
    "does not fire": r"does not fire",
    "clears on recovery": r"clears",
    "first run": r"first run|first exporter|born",
    "exporter restart": r"restarted exporter|lost its counters",
    "a gap of half an hour": r"half an hour",
    "two replicas": r"two replicas",
    "external label": r"external label|any cluster label",
}


@pytest.mark.parametrize("name", NAMES)
def test_scenarios_are_covered(name: str) -> None:
    names = names_of_tests(name)
    found = {what for what, pattern in SCENARIOS.items() if any(re.search(pattern, test) for test in names)}
    assert set(SCENARIOS) - found == ({"two replicas"} if name.startswith("Ns") else set())


REMARKED = ("operator", "garbage", "stale")
ABOUT_SCHEDULES = ("never ran", "paused", "deleted")


@pytest.mark.parametrize("name", NAMES)
def test_other_scenarios_are_tested_or_explained(name: str) -> None:
    words = REMARKED if name.startswith("BackupSentinel") else REMARKED + ABOUT_SCHEDULES
    text = (RULES / name / "test.yaml").read_text("utf-8").lower()
    assert not [word for word in words if word not in text]
