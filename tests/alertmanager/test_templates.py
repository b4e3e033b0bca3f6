"""What people read: the templates rendered by amtool against payloads that Alertmanager sent, compared with golden texts.

Golden texts are written anew where the environment has WRITE_GOLDEN=1; look at the difference before it is committed.
`newer.json` has the fields that payloads have since 0.33 and 0.34.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support.alertmanager import TEMPLATES, amtool, oldest
from support.process import lack

HERE = Path(__file__).parent
PAYLOADS = sorted((HERE / "payloads").glob("*.json"))
TEXTS = (
    *("title", "priority", "severity", "color", "entity", "tags", "link", "silence"),
    *("text", "slack", "markdown"),
)
HTML = ("telegram", "html")
MARK = "\n-----8<-----\n"
LIMITS = {"title": 130, "text": 15000, "markdown": 4096, "telegram": 4096, "slack": 8000}
"""Characters that the services take: OpsGenie's message and description, Discord, Telegram, Slack."""


def rendered(payload: Path, binary: Path | None = None) -> dict[str, str]:
    """Return the text of each template."""
    found: dict[str, str] = {}
    for kind, names in (("text", TEXTS), ("html", HTML)):
        for name in names if kind == "html" else (MARK.join(names),):
            text = MARK.join(f'{{{{ template "backup-sentinel.{one}" . }}}}' for one in name.split(MARK))
            done = amtool(
                *("template", "render", f"--template.glob={TEMPLATES}/*.tmpl", f"--template.text={text}"),
                *(f"--template.type={kind}", f"--template.data={payload}"),
                binary=binary,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            found |= dict(zip(name.split(MARK), done.stdout.split(MARK), strict=True))
    return found


@cache
def texts(name: str) -> dict[str, str]:
    return rendered(HERE / "payloads" / f"{name}.json")


def page(found: dict[str, str]) -> str:
    return "\n\n".join(f"=== {name}\n{text}" for name, text in found.items()) + "\n"


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda path: path.stem)
def test_golden_texts(payload: Path) -> None:
    golden = HERE / "golden" / f"{payload.stem}.txt"
    text = page(texts(payload.stem))
    if os.environ.get("WRITE_GOLDEN") == "1":
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda path: path.stem)
def test_the_oldest_alertmanager_renders_alike(payload: Path) -> None:
    binary = oldest("amtool")
    if binary is None:
        lack("Debian's amtool is not installed (apt-get install prometheus-alertmanager)")
    assert rendered(payload, binary) == texts(payload.stem)


def test_golden_texts_are_of_payloads() -> None:
    assert {path.stem for path in (HERE / "golden").iterdir()} == {path.stem for path in PAYLOADS}


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda path: path.stem)
def test_texts_fit_and_are_whole(payload: Path) -> None:
    found = texts(payload.stem)
    for name, text in found.items():
        assert len(text) <= LIMITS.get(name, 16000), name
        assert text == text.strip(), f"{name} begins or ends with a space"
        assert "\n\n\n" not in text, name
        assert "<no value>" not in text
        assert "{{" not in text
    assert "\n" not in found["title"]
    assert re.fullmatch("P[1235]", found["priority"])
    assert re.fullmatch("#[0-9a-f]{6}", found["color"])
    assert found["link"].startswith("https://")
    assert re.fullmatch(r"https://\S+", found["silence"])
    assert not re.findall(r"<(?!/?b>|a href=|/a>)", found["telegram"])


def test_what_to_know_on_the_lock_screen() -> None:
    """What, where, since when, why, last good backup, next run, runbook, dashboard."""
    for name in ("text", "slack", "markdown", "telegram", "html"):
        text = re.sub(r"[*]|&#43;", "", texts("failed")[name])
        for part in (
            "velero/mysql-daily",
            "prod-eu",
            "Since: 2026-11-21 03:01 UTC",
            "reason: credentials",
            "Last good backup: 2026-11-20 01:00 UTC",
            "Next run: 2026-11-22 01:00 UTC",
            "/rules/KubeBackupFailed/runbook.md",
            "/dashboards",
        ):
            assert part in text, f"{name} lacks {part}"
    assert texts("failed")["title"] == "Backup failed: velero/mysql-daily in prod-eu"


def test_what_is_not_known_is_said_so() -> None:
    for name in ("text", "slack", "markdown", "telegram", "html"):
        text = re.sub(r"[*]", "", texts("never")[name])
        assert "Last good backup: none known" in text
        assert "Next run: 2026-11-20 01:00 UTC, not begun" in text


def test_a_title_says_what_is_common() -> None:
    titles = {payload.stem: texts(payload.stem)["title"] for payload in PAYLOADS}
    assert titles["failed-and-overdue"] == "2 problems: velero/mysql-daily in prod-eu"
    assert titles["partial-in-chat"] == "Backup partially failed (2) in prod-eu"
    assert titles["resolved"] == "Resolved: Backup failed: velero/mysql-daily in prod-eu"
    assert titles["unreachable"] == "Backup Sentinel: cluster unreachable: cluster prod-eu"
    assert titles["absent"] == "Backup Sentinel: absent: all clusters"
    assert titles["no-cluster-label"] == "Backup failed: velero/shop"


def made(path: Path, alerts: list[dict[str, Any]], **changes: Any) -> dict[str, str]:
    """Return the texts of a group of alerts, which have as common labels what they have in common."""
    pairs = [set(alert["labels"].items()) for alert in alerts]
    payload = {
        "version": "4",
        "status": "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved",
        "receiver": "backup-sentinel-chat",
        "groupLabels": {},
        "commonLabels": dict(set.intersection(*pairs)),
        "commonAnnotations": {},
        "externalURL": "https://alertmanager.example.com",
        "alerts": alerts,
    }
    path.write_text(json.dumps(payload | changes), encoding="utf-8")
    return rendered(path)


def one(status: str = "firing", annotations: dict[str, str] | None = None, **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {
            "alertname": "KubeBackupPartiallyFailed",
            "severity": "warning",
            "cluster": "prod",
            "operator": "k8up",
            "resource_namespace": "shop",
            "schedule": "daily",
            "action": "backup",
        }
        | labels,
        "annotations": {"description": "It failed."} if annotations is None else annotations,
        "startsAt": "2026-11-21T03:01:00Z",
        "endsAt": "2026-11-21T04:01:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
    }


def test_a_title_of_schedules_that_are_called_alike_counts_them(tmp_path: Path) -> None:
    alerts = [one(resource_namespace=f"tenant-{number}") for number in range(50)]
    assert made(tmp_path / "payload.json", alerts)["title"] == "Backup partially failed (50) in prod"


CLUSTER = "arn:aws:eks:eu-central-1:123456789012:cluster/production-of-the-shop"
LONGEST = {"cluster": CLUSTER, "resource_namespace": "n" * 63, "target": "t" * 253}
"""As long as the names of objects may be."""


@pytest.mark.parametrize("statuses", ["firing", "resolved", "firing firing firing resolved"])
def test_a_hundred_alerts_with_long_names_fit(statuses: str, tmp_path: Path) -> None:
    words = statuses.split()
    texts = {
        "description": f"The newest backup {'n' * 63}/{'s' * 253} for {'t' * 253} in {CLUSTER} failed: {'r' * 253}.",
        "last_recovery_point": "2026-11-20 01:00 UTC",
        "next_run": "2026-11-22 01:00 UTC, not begun",
        "runbook_url": "https://runbooks.example.com/" + "r" * 150,
        "dashboard_url": "https://grafana.example.com/d/backup?var-schedule=" + "s" * 250,
    }
    alerts = [
        one(words[number % len(words)], texts, **LONGEST, schedule=f"{number:03}{'s' * 250}")
        for number in range(100)
    ]
    found = made(tmp_path / "payload.json", alerts)
    sizes = {name: len(text) for name, text in found.items()}
    assert sizes["telegram"] <= LIMITS["telegram"], "Alertmanager would cut it in the middle of a tag"
    assert sizes["text"] <= LIMITS["text"]
    assert len(found["markdown"].encode()) <= 25_000, (
        "Microsoft Teams takes 28 kB, the card around it included"
    )
    assert sizes["entity"] <= 512
    assert all(len(tag) <= 50 for tag in found["tags"].split(","))
    firing = words.count("firing") * 100 // len(words)
    for name in ("text", "slack", "markdown", "telegram"):
        assert (f"{firing} in all" in found[name]) == (firing > 0)
    assert found["telegram"].count("Resolved: ") >= (0 if firing else 3)


def test_a_text_that_is_far_too_long_is_cut_where_no_tag_is(tmp_path: Path) -> None:
    texts = {"description": "x & y " * 2000, "dashboard_url": f"https://grafana.example.com/?{'q' * 5000}"}
    found = made(tmp_path / "payload.json", [one(annotations=texts)])["telegram"]
    assert len(found) <= LIMITS["telegram"]
    assert found.count("<b>") == found.count("</b>") == 1
    assert found.count("<a ") == found.count("</a>") == 0


def test_an_alert_without_annotations_is_told_of(tmp_path: Path) -> None:
    found = made(tmp_path / "payload.json", [one(annotations={})])
    for name in ("text", "slack", "markdown", "telegram", "html"):
        assert "Since: 2026-11-21 03:01 UTC" in re.sub(r"[*]", "", found[name])
        assert "no value" not in found[name]


def test_names_call_nobody_and_are_no_markup(tmp_path: Path) -> None:
    """Elements of lists, and targets, may have names that no object may have."""
    alerts = [one(schedule="<!channel>", target=target) for target in ("@everyone", "<@U1>")]
    found = made(tmp_path / "payload.json", alerts)
    for name in ("title", "text", "slack", "markdown", "telegram", "html"):
        assert "<!channel" not in found[name]
        assert "@everyone" not in found[name]
    assert "shop/_!channel_, _everyone in prod" in found["slack"]


def test_a_silence_is_of_the_values_as_they_are(tmp_path: Path) -> None:
    found = made(tmp_path / "payload.json", [one(cluster="the hub+1")])["silence"]
    assert "cluster%3D%22the%20hub%2B1%22" in found


def test_newer_fields_of_payloads_change_nothing() -> None:
    assert texts("newer") == texts("failed")


def test_what_an_operator_says_is_never_markup() -> None:
    found = texts("no-cluster-label")
    assert "velero/&lt;b&gt;&amp;shop" in found["slack"]
    for name in HTML:
        assert "<b>&shop" not in found[name]
