"""What people read: the templates rendered by amtool against payloads that Alertmanager sent, compared with golden texts.

Golden texts are written anew where the environment has WRITE_GOLDEN=1; look at the difference before it is committed.
`newer.json` has the fields that payloads have since 0.33 and 0.34.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import pytest

from support.alertmanager import TEMPLATES, amtool, oldest
from support.process import lack

HERE = Path(__file__).parent
PAYLOADS = sorted((HERE / "payloads").glob("*.json"))
TEXTS = ("title", "priority", "severity", "color", "entity", "link", "silence", "text", "slack", "markdown")
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


def test_newer_fields_of_payloads_change_nothing() -> None:
    assert texts("newer") == texts("failed")


def test_what_an_operator_says_is_never_markup() -> None:
    found = texts("no-cluster-label")
    assert "velero/&lt;b&gt;&amp;shop" in found["slack"]
    for name in HTML:
        assert "<b>&shop" not in found[name]
