"""One judgement over all runs or modules of a message: the three verdicts, their subjects, and when they are judged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from backup_sentinel.config import parse
from backup_sentinel.relay.enrichers import EnricherSettings
from backup_sentinel.relay.enrichers.correlation import CorrelationSettings, judge
from backup_sentinel.relay.finding import AlertFinding, Finding, PartFinding, Verdict
from backup_sentinel.relay.message import Alert, Message
from relay.enrichers.kit import Asked, alert, asked, finding, message

SUCCESS = "✅ Backup completed successfully"
PARTIAL = "⚠️ Backup partially failed"
REPO_FAILURE = "❌ Backup failed – possible repository error"  # noqa: RUF001 - the dash is part of the text

SHOP, WIKI = alert(schedule="shop"), alert(schedule="wiki")


def parts(*outcomes: str, prefix: str = "part") -> tuple[PartFinding, ...]:
    return tuple(
        PartFinding(name=f"{prefix}{number}", outcome=outcome) for number, outcome in enumerate(outcomes)
    )


def reader(*found: tuple[Alert, tuple[PartFinding, ...]]) -> dict[str, Finding]:
    """Return the facts of one reader."""
    return {
        "ns8": Finding(alerts={each.fingerprint: AlertFinding(parts=those) for each, those in found if those})
    }


async def judged(about: Message, facts: Mapping[str, Finding]) -> Finding:
    return finding(await asked(CorrelationSettings(), about, facts), "correlation")


@pytest.mark.parametrize(
    ("outcomes", "verdict", "subject"),
    [
        (["succeeded"], "SUCCESS", SUCCESS),
        (["succeeded", "succeeded"], "SUCCESS", SUCCESS),
        (["succeeded", "failed"], "PARTIAL", PARTIAL),
        (["succeeded", "unknown"], "PARTIAL", PARTIAL),
        (["partial"], "PARTIAL", PARTIAL),
        (["partial", "failed"], "PARTIAL", PARTIAL),
        (["failed"], "REPO_FAILURE", REPO_FAILURE),
        (["failed", "failed", "unknown"], "REPO_FAILURE", REPO_FAILURE),
        (["unknown"], "REPO_FAILURE", REPO_FAILURE),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
async def test_verdicts(outcomes: Sequence[str], verdict: str, subject: str) -> None:
    found = await judged(message(SHOP), reader((SHOP, parts(*outcomes))))
    assert found.verdict == verdict
    assert found.subject == subject
    assert found.details["alerts"] == {SHOP.fingerprint: verdict}
    assert found.details["count"] == len(outcomes)
    assert found.details["failed_count"] == sum(outcome != "succeeded" for outcome in outcomes)


@pytest.mark.parametrize(
    ("shop", "wiki", "verdict"),
    [
        ("succeeded", "succeeded", Verdict.SUCCESS),
        ("succeeded", "failed", Verdict.PARTIAL),
        ("failed", "failed", Verdict.REPO_FAILURE),
        ("partial", "failed", Verdict.PARTIAL),
    ],
)
async def test_several_alerts_are_judged_together(shop: str, wiki: str, verdict: Verdict) -> None:
    found = await judged(
        message(SHOP, WIKI), reader((SHOP, parts(shop, prefix="shop")), (WIKI, parts(wiki, prefix="wiki")))
    )
    assert found.verdict is verdict
    assert set(found.details["alerts"]) == {SHOP.fingerprint, WIKI.fingerprint}


async def test_what_failed_is_named_and_counted() -> None:
    found = await judged(message(SHOP), reader((SHOP, parts("failed", "succeeded", "unknown"))))
    assert found.details["failed"] == ["part0", "part2"]
    many = await judged(message(SHOP), reader((SHOP, parts(*["failed"] * 80))))
    assert len(many.details["failed"]) == 50
    assert many.details["failed_count"] == 80


async def test_parts_of_all_readers_count() -> None:
    facts = reader((SHOP, parts("succeeded"))) | {
        "backup_state": Finding(
            alerts={SHOP.fingerprint: AlertFinding(parts=parts("failed", prefix="run"))},
        )
    }
    found = await judged(message(SHOP), facts)
    assert found.verdict is Verdict.PARTIAL
    assert found.details["failed"] == ["run0"]


async def test_runs_of_the_same_name_in_several_clusters_are_several() -> None:
    here, there = alert(cluster="prod"), alert(cluster="dr")
    found = await judged(message(here, there), reader((here, parts("failed")), (there, parts("succeeded"))))
    assert (found.details["count"], found.details["failed_count"]) == (2, 1)
    again = alert(cluster="prod", severity="critical")
    found = await judged(message(here, again), reader((here, parts("failed")), (again, parts("failed"))))
    assert (found.details["count"], found.details["failed"]) == (1, ["part0"]), "in two alerts, and yet one"


async def test_no_success_is_claimed_while_an_alert_fires_of_which_nothing_is_known() -> None:
    findings = await asked(CorrelationSettings(), message(SHOP, WIKI), reader((SHOP, parts("succeeded"))))
    assert "correlation" not in findings.facts
    found = await judged(message(SHOP, WIKI), reader((SHOP, parts("failed"))))
    assert found.verdict is Verdict.REPO_FAILURE


@pytest.mark.parametrize("facts", [{}, {"links": Finding(details={"x": 1})}, reader((SHOP, ()))])
async def test_without_anything_to_judge_it_says_nothing(facts: dict[str, Finding]) -> None:
    findings = await asked(CorrelationSettings(), message(SHOP), facts)
    assert "correlation" not in findings.facts
    assert not findings.notes


async def test_only_alerts_that_fire_are_judged_as_long_as_one_does() -> None:
    over = alert(status="resolved", schedule="wiki")
    found = await judged(message(SHOP, over), reader((SHOP, parts("failed")), (over, parts("succeeded"))))
    assert found.verdict is Verdict.REPO_FAILURE
    ended = await judged(message(over), reader((over, parts("succeeded"))))
    assert ended.subject == SUCCESS


async def test_a_success_that_still_fires_says_so() -> None:
    findings = await asked(CorrelationSettings(), message(SHOP), reader((SHOP, parts("succeeded"))))
    assert findings.notes["correlation"] == ("every part reports success, though the alert still fires",)
    over = alert(status="resolved")
    findings = await asked(CorrelationSettings(), message(over), reader((over, parts("succeeded"))))
    assert not findings.notes


def test_nothing_is_judged_out_of_nothing() -> None:
    assert judge([]) is None


class LateSettings(EnricherSettings, frozen=True, tag="late"):
    """A reader whose second module ends some time after the alert."""


class Late:
    """Reads what is there at the time."""

    def __init__(self, about: Asked | None = None) -> None:
        self.asked = about
        self.at: list[float] = []

    async def find(self, about: Message, facts: Mapping[str, Any]) -> Finding:  # noqa: ARG002 - the first to be asked
        assert self.asked is not None
        now = self.asked.clock.now()
        self.at.append(now - about.received)
        second = "failed" if now - about.received >= 20 else "succeeded"
        return Finding(
            alerts={each.fingerprint: AlertFinding(parts=parts("succeeded", second)) for each in about.alerts}
        )

    async def close(self) -> None: ...


@pytest.mark.parametrize(("settle", "verdict"), [(30.0, Verdict.PARTIAL), (0.0, Verdict.SUCCESS)])
async def test_readers_read_once_the_others_have_had_time_to_end(settle: float, verdict: Verdict) -> None:
    late = Late()
    settings = CorrelationSettings(settle_seconds=settle)
    it = Asked([LateSettings(), settings], [late, settings.open()])
    late.asked = it
    about = message(SHOP, received=it.clock.now())
    asking = asyncio.create_task(it.find(about))
    for _ in range(20):
        await asyncio.sleep(0)
    if settle:
        assert late.at == [], "nobody reads before"
        it.clock.advance(settle - 0.1)
        await asyncio.sleep(0)
        assert late.at == []
        it.clock.advance(0.1)
    found = finding(await asking, "correlation")
    assert late.at == pytest.approx([settle])
    assert found.verdict is verdict


def test_thirty_seconds_unless_set_otherwise() -> None:
    root = parse("relay: {enrichers: [{type: correlation}]}", "config.yaml")
    (settings,) = root.relay.enrichers
    assert settings.settle_seconds == 30
    root = parse("relay: {enrichers: [{type: correlation, settle_seconds: 5}]}", "config.yaml")
    assert root.relay.enrichers[0].settle_seconds == 5
