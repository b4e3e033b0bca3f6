"""What enrichers know is in what `--once` sends, and they hold it up for no longer than they may in all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from backup_sentinel import direct
from backup_sentinel.model import ScheduleKey
from backup_sentinel.notify.incident import Incident
from backup_sentinel.notify.inquiry import Inquiry
from backup_sentinel.notify.settings import Change
from backup_sentinel.notify.wording import message
from backup_sentinel.relay.courier import DEFECT, LATE
from backup_sentinel.relay.enrichers import Enricher, EnricherSettings, Stage
from backup_sentinel.relay.enrichers.links import LinksSettings
from backup_sentinel.relay.filters import Filter
from backup_sentinel.relay.finding import Finding
from backup_sentinel.relay.message import Message
from backup_sentinel.relay.settings import EnrichmentSettings, RelaySettings
from notify.kit import MINUTE, NOW, World, WoundClock, text_of

KEY = ScheduleKey("prod-eu", "kasten", "kasten-io", "daily", "run")


class PatientSettings(EnricherSettings, frozen=True, kw_only=True, tag="patient"):
    """Of an enricher that takes as long as the test says."""

    stage = Stage.READ

    def open(self) -> Enricher:
        raise NotImplementedError


class Patient:
    """Answers after so many seconds of the clock."""

    def __init__(self, clock: WoundClock, seconds: float = 0.0) -> None:
        self.clock, self.seconds = clock, seconds
        self.asked: list[Message] = []
        self.closed = False

    async def find(self, about: Message, facts: Mapping[str, Any]) -> Finding | None:  # noqa: ARG002 - the first to be asked
        self.asked.append(about)
        self.clock.wind(self.seconds)
        return Finding(details={"number": len(self.asked)})

    async def close(self) -> None:
        self.closed = True


def inquiry(enricher: Patient, **settings: Any) -> Inquiry:
    relay = RelaySettings(
        enrichers=(PatientSettings(**settings),),
        enrichment=EnrichmentSettings(longest_seconds=60),
    )
    return Inquiry(relay, {"patient": enricher}, enricher.clock)


def about(run: str, clock: WoundClock) -> Message:
    known = Incident(name=f"prod-eu:{run}", change=Change.FAILED, key=KEY, run=run, at=NOW)
    return message("group", [known], clock.now())


async def test_each_message_is_asked_about_once() -> None:
    enricher = Patient(WoundClock())
    asking = inquiry(enricher)
    for name in ("a", "b", "a"):
        found = await asking.find(name, about(name, enricher.clock))
        assert found is not None
        assert found.facts == {"patient": {"details": {"number": 1 if name == "a" else 2}}}
        assert found.sentences == ()
    assert len(enricher.asked) == 2
    await asking.close()
    assert enricher.closed


async def test_after_the_time_for_all_of_them_nobody_is_asked() -> None:
    enricher = Patient(WoundClock(), seconds=61)
    asking = inquiry(enricher)
    assert await asking.find("a", about("a", enricher.clock)) is not None
    found = await asking.find("b", about("b", enricher.clock))
    assert found is not None
    assert (found.facts, found.sentences) == ({}, (LATE,))
    assert len(enricher.asked) == 1


async def test_a_message_that_no_enricher_wants_is_not_asked_about() -> None:
    enricher = Patient(WoundClock())
    asking = inquiry(enricher, filter=Filter(matchers=("alertname=Other",)))
    assert await asking.find("a", about("a", enricher.clock)) is None
    assert enricher.asked == []


async def test_a_defect_of_ours_stops_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("x")

    enricher = Patient(WoundClock())
    asking = inquiry(enricher)
    monkeypatch.setattr(asking._panel, "find", broken)
    found = await asking.find("a", about("a", enricher.clock))
    assert found is not None
    assert found.sentences == (DEFECT,)


async def test_what_was_found_is_in_the_mail_unless_a_channel_does_not_want_it() -> None:
    async with World() as world:
        world.home.policy()
        world.home.run("run-a", NOW - 10 * MINUTE)
        channels = (world.mail(), world.mail(name="plain", to=("plain@example.org",), enrich=False))
        config = world.config(channels=channels)
        links = LinksSettings(dashboards={"Backups": "https://grafana.example.org/d/x?s={schedule}"})
        relay = msgspec.structs.replace(config.relay, enrichers=(links,))
        assert await direct.once(msgspec.structs.replace(config, relay=relay), clock=world.clock)
        texts = {mail.recipients[0]: text_of(mail.message) for mail in world.mails}
        assert "https://grafana.example.org/d/x?s=daily" in texts["ops@example.org"]
        assert "grafana" not in texts["plain@example.org"]
