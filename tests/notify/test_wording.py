"""From incidents to alerts: the words are those of the alert rules, what is not known is left out, and nothing is too long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from backup_sentinel.generate.rules import RUNBOOK_URL
from backup_sentinel.model import ScheduleKey
from backup_sentinel.notify.incident import Incident
from backup_sentinel.notify.post import MOST, batches
from backup_sentinel.notify.settings import Change, NotifySettings
from backup_sentinel.notify.wording import (
    LONGEST,
    RUNBOOK,
    alert,
    by_schedule,
    digest_key,
    message,
    remembered,
    told,
)
from backup_sentinel.relay.channels.email import EmailSettings
from backup_sentinel.relay.channels.log import LogSettings
from backup_sentinel.relay.message import MessageType, Status
from notify.kit import DAY, HOUR, NOW

RULES = Path(__file__).resolve().parents[2] / "rules"
KEY = ScheduleKey("prod-eu", "kasten", "kasten-io", "daily", "run")


def incident(change: Change = Change.FAILED, **more: Any) -> Incident:
    known: dict[str, Any] = {"name": "prod-eu:run-a", "key": KEY, "run": "run-a", "at": NOW}
    return Incident(change=change, **{**known, **more})


RESTORE = msgspec.structs.replace(KEY, action="restore", schedule="")


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (incident(), MessageType.ALERT),
        (incident(Change.PARTIAL), MessageType.WARNING),
        (incident(Change.OVERDUE, run=""), MessageType.ALERT),
        (incident(key=RESTORE), MessageType.ALERT),
    ],
)
def test_each_alert_has_a_rule_of_its_severity(one: Incident, kind: MessageType) -> None:
    made = alert(one)
    document = yaml.safe_load((RULES / made.name / "rule.yaml").read_text(encoding="utf-8"))
    [rule] = [rule for group in document["groups"] for rule in group["rules"] if rule["alert"] == made.name]
    assert rule["labels"]["severity"] == made.severity
    assert made.type is kind
    assert made.annotations["runbook_url"].startswith(RUNBOOK.partition("{")[0])
    assert (RULES / made.name / "runbook.md").exists()


def test_the_runbooks_are_where_those_of_the_rules_are() -> None:
    assert RUNBOOK == RUNBOOK_URL


def test_what_is_not_known_is_left_out() -> None:
    made = alert(incident(key=ScheduleKey("", "velero", "velero", "", "backup")))
    assert set(made.labels) == {
        "alertname",
        "severity",
        "operator",
        "resource_namespace",
        "action",
        "outcome",
    }
    assert set(made.annotations) == {"summary", "description", "run", "runbook_url"}
    assert "None" not in str((made.labels, made.annotations))


def test_what_an_operator_wrote_commands_no_terminal_and_is_cut() -> None:
    made = alert(incident(error="\x1b[31mred\u202e\nline\ttab" + "x" * 5000))
    assert made.annotations["error"].startswith("\\x1b[31mred\\u202e\nline\ttab")
    assert len(made.annotations["error"]) == LONGEST
    assert made.annotations["error"].endswith("…")


def test_its_end_is_told_of_the_same_alert_with_less_of_the_text() -> None:
    first = incident(error="x" * 5000, namespaces=("shop",), reason="network", next_due=NOW + HOUR)
    kept = remembered(told(first))
    assert len(msgspec.json.encode(kept)) < 1500
    over = incident(told=kept, over=NOW + DAY, at=NOW + DAY, last_recovery_point=NOW + DAY)
    begun, ended = alert(first), alert(over)
    assert (begun.fingerprint, begun.labels, begun.starts_at) == (
        ended.fingerprint,
        ended.labels,
        ended.starts_at,
    )
    assert (begun.status, ended.status) == (Status.FIRING, Status.RESOLVED)
    assert (begun.ends_at, ended.ends_at) == (None, "2026-03-06T10:00:00Z")
    assert ended.annotations["last_recovery_point"] == "2026-03-06 10:00 UTC"
    assert (ended.annotations["run"], ended.annotations["namespaces"]) == ("run-a", "shop")
    assert "next_run" not in ended.annotations


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (
            incident(),
            "The kasten run run-a of schedule kasten-io/daily in cluster prod-eu failed at 2026-03-05 10:00 UTC.",
        ),
        (
            incident(Change.PARTIAL, key=ScheduleKey("", "velero", "velero", "", "backup")),
            "The velero backup run run-a of namespace velero failed in part at 2026-03-05 10:00 UTC.",
        ),
        (
            incident(Change.OVERDUE, run="", key=msgspec.structs.replace(KEY, cluster="")),
            "A recovery point of schedule kasten-io/daily was due 2026-03-05 10:00 UTC, and none is known.",
        ),
    ],
)
def test_descriptions(one: Incident, text: str) -> None:
    assert alert(one).annotations["description"] == text


def test_in_a_message_what_fires_comes_first_and_the_loudest_before_the_others() -> None:
    over = incident(name="d", run="d", told=told(incident(run="d")), over=NOW)
    found = [over, incident(Change.PARTIAL, run="c"), incident(run="b"), incident(run="a")]
    made = message("group", found, NOW)
    assert [one.annotations["run"] for one in made.alerts] == ["a", "b", "c", "d"]
    assert made.common_labels["schedule"] == "daily"
    assert "severity" not in made.common_labels


def test_groups() -> None:
    other = msgspec.structs.replace(KEY, schedule="other")
    alone = msgspec.structs.replace(KEY, schedule="")
    found = [
        incident(run="a"),
        incident(Change.OVERDUE, run=""),
        incident(key=other, run="b"),
        incident(key=alone, run="c"),
        incident(key=alone, run="d"),
    ]
    assert [len(group) for group in by_schedule(found).values()] == [2, 1, 1, 1]
    assert digest_key(NOW) == digest_key(NOW + 13 * HOUR) != digest_key(NOW + 14 * HOUR)


def test_a_digest_is_one_message_and_others_get_one_for_each_schedule() -> None:
    mail = EmailSettings(name="mail", host="h", from_="a@example.org", to=("b@example.org",))
    keys = [msgspec.structs.replace(KEY, schedule=f"s{number}") for number in range(3)]
    found = [incident(key=key) for key in keys]
    settings = NotifySettings()
    assert [len(part) for _, part in batches(settings, mail, found, NOW)] == [3]
    assert [len(part) for _, part in batches(settings, LogSettings(name="log"), found, NOW)] == [1, 1, 1]
    many = [incident(run=f"run-{number}") for number in range(MOST + 1)]
    assert [len(part) for _, part in batches(settings, mail, many, NOW)] == [MOST, 1]
    assert batches(settings, mail, [], NOW) == []
