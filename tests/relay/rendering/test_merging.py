"""Findings of several enrichers about one alert become one set of fields."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from backup_sentinel.relay.finding import (
    AlertFinding,
    Finding,
    ItemError,
    RepositoryFinding,
    Verdict,
    VolumeFinding,
)
from backup_sentinel.relay.message import Delivery
from backup_sentinel.relay.rendering import Rendering, RenderingError, samples
from backup_sentinel.relay.rendering.merging import AlertView, cause, merge
from backup_sentinel.relay.rendering.view import view

ITEM = ItemError(namespace="shop", name="pods/shop-0", error="x")


def facts(**findings: Finding) -> dict[str, Any]:
    return {kind: msgspec.to_builtins(found) for kind, found in findings.items()}


def test_later_ones_win_lists_are_joined_and_nothing_wins_over_nothing() -> None:
    merged = merge(
        facts(
            backup_state=Finding(
                alerts={
                    "f": AlertFinding(
                        run="a",
                        error="first",
                        last_good=1767236700.0,
                        failed_items=(ITEM,),
                        failed_volumes=(VolumeFinding(name="v"),),
                        links={"Status": "s", "Runbook": "one"},
                    )
                }
            ),
            root_cause=Finding(
                alerts={
                    "f": AlertFinding(
                        error="second", failed_items=(ITEM, ItemError(error="y")), links={"Runbook": "two"}
                    )
                },
                subject="Subject",
                verdict=Verdict.PARTIAL,
            ),
            repository_check=Finding(
                alerts={"f": AlertFinding(repository=RepositoryFinding(name="r"))}, subject="Subject"
            ),
        )
    ).alerts["f"]
    assert merged["run"] == "a"
    assert merged["error"] == "second"
    assert merged["last_good"] == "2026-01-01T03:05:00Z"
    assert [one["error"] for one in merged["failed_items"]] == ["x", "y"]
    assert merged["failed_volumes"] == [{"namespace": "", "name": "v", "outcome": "unknown", "error": ""}]
    assert merged["repository"] == {"name": "r", "available": None, "error": ""}
    assert merged["links"] == {"Status": "s", "Runbook": "two"}


def test_verdict_and_subjects_of_all() -> None:
    merged = merge(
        facts(
            correlation=Finding(verdict=Verdict.REPO_FAILURE, subject="One"),
            other=Finding(subject="One"),
            third=Finding(subject="Two"),
        )
    )
    assert (merged.verdict, merged.subjects) == ("REPO_FAILURE", ("One", "Two"))


def test_what_nobody_knows_is_there_and_empty() -> None:
    nothing = AlertView()
    assert not any(nothing[name] for name in AlertFinding.__struct_fields__)
    assert nothing["failed_items"] == []
    assert not nothing, "and is in no log line"
    with pytest.raises(KeyError):
        nothing["nonsense"]
    with pytest.raises(RenderingError, match="nonsense"):
        Rendering().compile("{{ alerts[0].nonsense }}", "t")


def test_findings_of_another_release_are_left_out() -> None:
    merged = merge({"root_cause": {"alerts": {"f": {"run": 7}}}, "links": {"subject": "One"}})
    assert merged.alerts == {}
    assert merged.subjects == ("One",)


def test_an_instant_beyond_the_calendar_is_none() -> None:
    assert merge(facts(x=Finding(alerts={"f": AlertFinding(next_run=1e300)}))).alerts["f"]["next_run"] is None


def test_labels_win_over_findings_and_the_subject_stands_in_front() -> None:
    sample = samples()[0]
    fingerprint = sample.message.alerts[0].fingerprint
    delivery: Delivery = msgspec.structs.replace(
        sample,
        facts=facts(
            x=Finding(subject="Look:", alerts={fingerprint: AlertFinding(run="r", failed_items=(ITEM,))})
        ),
    )
    seen = view(delivery)
    assert seen["title"].startswith("Look: [FIRING:1] KubeBackupFailed")
    assert seen["alerts"][0]["run"] == "r"
    assert seen["alerts"][0]["status"] == "firing"
    template = Rendering().compile(
        "{% for a in alerts %}{{ a.failed_items[0].name if a.failed_items }}{{ a.last_good }}{% endfor %}",
        "t",
    )
    assert template.render(delivery) == "pods/shop-0None"


def test_the_cause_in_a_few_lines() -> None:
    found = AlertFinding(
        error="2 errors",
        failed_items=tuple(ItemError(namespace="shop", name=f"pods/{n}", error="x" * 400) for n in range(5)),
        failed_volumes=(VolumeFinding(name="data", outcome="failed"),),
        repository=RepositoryFinding(name="main", available=False, error="i/o timeout"),
    )
    lines = cause(merge(facts(x=Finding(alerts={"f": found}))).alerts["f"]).splitlines()
    assert [line[:20] for line in lines] == [
        "2 errors",
        "shop/pods/0: xxxxxxx",
        "shop/pods/1: xxxxxxx",
        "shop/pods/2: xxxxxxx",
        "and 2 more items",
        "data: failed",
        "storage location mai",
    ]
    assert all(len(line) < 330 for line in lines)
    assert cause({}) == ""


def test_a_part_that_is_told_with_its_error_is_not_told_without() -> None:
    silent, told = (VolumeFinding(name="v", outcome="failed", error=error) for error in ("", "refused"))
    other = VolumeFinding(name="w", outcome="failed")
    for first, second in (((silent, other), (told,)), ((told, other), (silent,))):
        merged = merge(
            facts(
                one=Finding(alerts={"f": AlertFinding(failed_volumes=first)}),
                two=Finding(alerts={"f": AlertFinding(failed_volumes=second)}),
            )
        )
        found = merged.alerts["f"]["failed_volumes"]
        assert sorted((one["name"], one["error"]) for one in found) == [("v", "refused"), ("w", "")]
