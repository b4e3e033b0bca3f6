"""Enrichers may add and never stop: once per message, kept with it, in stages, within limits, whatever they do."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from backup_sentinel.config import parse
from backup_sentinel.errors import DeliveryError, DeliveryReason, DocumentError, EnrichmentError
from backup_sentinel.relay.channels import DeliverySettings
from backup_sentinel.relay.courier.asking import LARGEST
from backup_sentinel.relay.courier.enriching import DEFECT
from backup_sentinel.relay.courier.lane import LATE
from backup_sentinel.relay.enrichers import EnricherSettings, Stage, kinds
from backup_sentinel.relay.filters import Filter
from backup_sentinel.relay.finding import AlertFinding, Finding, Findings, ItemError, read
from backup_sentinel.relay.message import Message
from backup_sentinel.relay.outbox import Outbox
from backup_sentinel.relay.settings import EnrichmentSettings, RelaySettings
from backup_sentinel.relay.telemetry import RelayTelemetry
from backup_sentinel.secret import SecretText
from backup_sentinel.telemetry import Telemetry
from relay.courier.test_courier import River
from relay.enrichers.kit import Asked
from relay.kit import HandClock, ToldSettings, message, number_of

SECRET = "fake-hunter2"
LATER = DeliveryError("later", reason=DeliveryReason.SERVER_ERROR)
Find = Callable[[Message, Mapping[str, Any]], Awaitable[Any]]


class ReaderSettings(EnricherSettings, frozen=True, tag="reader"):
    password: SecretText = SECRET


class JudgeSettings(EnricherSettings, frozen=True, tag="judge"):
    stage: ClassVar[Stage] = Stage.JUDGE


class ProbeSettings(EnricherSettings, frozen=True, tag="probe"):
    stage: ClassVar[Stage] = Stage.PROBE


class ToldEnricher:
    """Does as the test says, and remembers what it was asked."""

    def __init__(self, find: Find | None = None) -> None:
        self._find = find or found
        self.asked: list[tuple[Message, dict[str, Any]]] = []
        self.closed = False

    async def find(self, about: Message, facts: Mapping[str, Any]) -> Finding | None:
        self.asked.append((about, dict(facts)))
        answer: Finding | None = await self._find(about, facts)
        return answer

    async def close(self) -> None:
        self.closed = True


async def found(about: Message, facts: Mapping[str, Any]) -> Finding:
    return Finding(details={"number": number_of(about)})


def giving(value: Any) -> Find:
    async def give(about: Message, facts: Mapping[str, Any]) -> Any:
        return value

    return give


def raising(error: BaseException) -> Find:
    async def fail(about: Message, facts: Mapping[str, Any]) -> Any:
        raise error

    return fail


def reader(**changes: Any) -> ReaderSettings:
    return ReaderSettings(**{"timeout_seconds": 5.0, **changes})


class EnrichedRiver(River):
    """The same with enrichers, and messages that are held as the intake holds them."""

    async def put(self, one: Message) -> None:
        wanted = {
            channel.name: filtered
            for channel in self.settings.channels
            if (filtered := channel.filter.apply(one)) is not None
        }
        await self.outbox.put(one, dict.fromkeys(wanted, 1000), 300, self.settings.hold(wanted))


class Opened:
    """An outbox in a folder with a courier, as often as a test wants to start it."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "relay.db")
        self.clock = HandClock()

    def __call__(
        self,
        channels: tuple[ToldSettings, ...],
        enrichers: Mapping[EnricherSettings, ToldEnricher],
        longest: float = 90.0,
    ) -> Opened:
        self.settings: RelaySettings = msgspec.structs.replace(
            RelaySettings(),
            channels=channels,
            enrichers=tuple(enrichers),
            enrichment=EnrichmentSettings(longest_seconds=longest),
        )
        self.enrichers = {one.kind: enricher for one, enricher in enrichers.items()}
        return self

    async def __aenter__(self) -> EnrichedRiver:
        self.outbox = Outbox.open(self.path, self.clock)
        self.river = EnrichedRiver(self.outbox, self.clock, self.settings, enrichers=self.enrichers)
        self.running = asyncio.create_task(self.river.courier.run(grace=1))
        await self.river.until(lambda: self.outbox.arrived.__name__ == "_wake")
        return self.river

    async def __aexit__(self, *_: object) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.outbox.close()


@pytest.fixture
def start(tmp_path: Path) -> Opened:
    return Opened(tmp_path)


def told(name: str = "x", **changes: Any) -> ToldSettings:
    return ToldSettings(name=name, **changes)


async def test_a_message_is_enriched_once_for_all_channels_and_attempts(start: Opened) -> None:
    enricher = ToldEnricher()
    async with start((told("x"), told("y")), {reader(): enricher}) as it:
        it.channels["x"].answers = [LATER, LATER]
        await it.put(message("a", 7))
        await it.settled()
        assert len(enricher.asked) == 1
        deliveries = [*it.channels["x"].attempts, *it.channels["y"].attempts]
        assert len(deliveries) == 4
        assert all(one.facts == {"reader": {"details": {"number": 7}}} for one in deliveries)
        assert not any(one.notes for one in deliveries)
        assert it.count("enrichments_total", enricher="reader", result="found") == 1
        assert it.count("enrichment_duration_seconds_count", enricher="reader") == 1
    assert enricher.closed


async def test_settling_holds_up_nothing_else(start: Opened) -> None:
    slow = ToldEnricher()
    settings = reader(settle_seconds=30.0, filter=Filter(matchers=('group="slow"',)))
    channels = (told("x", delivery=DeliverySettings(concurrency=1)), told("pager", enrich=False))
    async with start(channels, {settings: slow}) as it:
        begin = it.clock.now()
        for number in range(20):
            await it.put(message("slow", number))
        for number in range(100, 110):
            await it.put(message("quick", number))
        await it.until(lambda: len(it.channels["x"].taken) == 10)
        await it.until(lambda: len(it.channels["pager"].taken) == 30)
        assert it.clock.now() == begin, "no time has passed"
        assert not slow.asked
        assert {number_of(one) for one in it.channels["x"].taken} == set(range(100, 110))
        await it.until(lambda: it.clock.waiting() and it.clock.next() == begin + 30)
        it.clock.advance(30)
        await it.until(lambda: len(it.channels["x"].taken) == 30)
        assert it.clock.now() == begin + 30
        late = [one for one in it.channels["x"].taken if one.message.group_key == "slow"]
        assert [number_of(one) for one in late] == list(range(20)), "a group keeps its order"
        assert all(one.facts for one in late)
        assert not any(one.facts or one.notes for one in it.channels["pager"].taken)


async def test_a_restart_while_settling_loses_neither_message_nor_facts(start: Opened) -> None:
    enricher = ToldEnricher()
    async with start((told(),), {reader(settle_seconds=30.0): enricher}) as it:
        await it.put(message("a", 1))
        await it.until(it.clock.waiting)
    assert not enricher.asked
    start.clock.advance(30)
    async with start((told(),), {reader(settle_seconds=30.0): enricher}) as it:
        await it.until(lambda: len(it.channels["x"].taken) == 1)
        assert it.channels["x"].taken[0].facts


async def test_a_clock_that_was_set_back_makes_settling_no_longer(start: Opened) -> None:
    enricher = ToldEnricher()
    async with start((told(),), {reader(settle_seconds=30.0): enricher}) as it:
        await it.put(message("a", 1))
        await it.until(it.clock.waiting)
    start.clock.set(start.clock.now() - 86400)
    begin = start.clock.now()
    async with start((told(),), {reader(settle_seconds=30.0): enricher}) as it:
        await it.until(lambda: it.clock.waiting() and it.clock.next() == begin + 30)
        it.clock.advance(30)
        await it.until(lambda: len(it.channels["x"].taken) == 1)
        assert it.channels["x"].taken[0].facts


async def test_facts_survive_a_restart(start: Opened) -> None:
    enricher = ToldEnricher()
    async with start((told(),), {reader(): enricher}) as it:
        it.channels["x"].down = LATER
        await it.put(message("a", 1))
        await it.until(lambda: len(it.channels["x"].attempts) == 1)
        await it.until(lambda: it.count("deliveries_total", result="retried") == 1)
    async with start((told(),), {reader(): enricher}) as it:
        await it.settled()
        assert it.channels["x"].taken[0].facts == {"reader": {"details": {"number": 1}}}
    assert len(enricher.asked) == 1


async def test_held_messages_go_out_when_enrichers_are_removed(start: Opened) -> None:
    async with start((told(),), {reader(settle_seconds=60.0): ToldEnricher()}) as it:
        await it.put(message("a", 1))
    async with start((told(),), {}) as it:
        await it.until(lambda: len(it.channels["x"].taken) == 1)
        assert it.clock.now() == it.channels["x"].taken[0].message.received


async def test_what_failed_is_asked_again_before_a_later_attempt(start: Opened) -> None:
    answers = [EnrichmentError("the exporter does not answer"), None]

    async def find(about: Message, facts: Mapping[str, Any]) -> Finding:
        error = answers.pop(0)
        if error is not None:
            raise error
        return Finding(details={"answer": 42})

    failing, fine = ToldEnricher(find), ToldEnricher()
    async with start((told(),), {reader(): fine, JudgeSettings(): failing}) as it:
        it.channels["x"].answers = [LATER]
        await it.put(message("a", 1))
        await it.until(lambda: len(failing.asked) == 2)
        await it.settled()
        first, second = it.channels["x"].attempts
        assert first.notes == ("judge: the exporter does not answer",)
        assert "judge" not in first.facts
        assert second.facts == {"reader": {"details": {"number": 1}}, "judge": {"details": {"answer": 42}}}
        assert second.notes == ()
    assert len(fine.asked) == 1, "what was found stays"
    assert failing.asked[1][1] == {"reader": {"details": {"number": 1}}}


async def test_what_hangs_is_left_behind_at_the_end_of_the_longest_wait(start: Opened) -> None:
    stuck = asyncio.Event()

    async def hang(about: Message, facts: Mapping[str, Any]) -> Any:
        await stuck.wait()

    async with start((told(),), {reader(timeout_seconds=600.0): ToldEnricher(hang)}, longest=0.2) as it:
        await it.put(message("a", 1))
        await it.until(lambda: len(it.channels["x"].taken) == 1)
        [taken] = it.channels["x"].taken
        assert taken.notes == ("reader: no answer within 0.2 s",)


async def test_deliveries_go_out_even_where_nobody_enriches(
    start: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deaf(limit: int) -> list[Any]:
        return []

    async with start((told(),), {reader(): ToldEnricher()}) as it:
        monkeypatch.setattr(it.outbox, "held", deaf)
        await it.put(message("a", 1))
        await it.settled()
        assert it.channels["x"].taken[0].notes == (LATE,)
        assert it.clock.now() == pytest.approx(it.channels["x"].taken[0].message.received + 92)


async def test_a_defect_of_ours_stops_no_message(start: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start((told(),), {reader(): ToldEnricher()}) as it:

        async def broken(*_: object) -> Findings:
            raise KeyError("x")

        monkeypatch.setattr(it.courier.enriching.panel, "find", broken)
        await it.put(message("a", 1))
        await it.until(lambda: len(it.channels["x"].taken) == 1)
        assert it.channels["x"].taken[0].notes == (DEFECT,)


async def test_stages_follow_each_other_and_a_stage_is_asked_together() -> None:
    together = asyncio.Barrier(2)

    async def meet(about: Message, facts: Mapping[str, Any]) -> Finding:
        await together.wait()
        return Finding(subject="met")

    class OtherSettings(EnricherSettings, frozen=True, tag="other"):
        pass

    told_by = [ToldEnricher(meet), ToldEnricher(), ToldEnricher(), ToldEnricher(meet)]
    it = Asked([reader(), ProbeSettings(), JudgeSettings(), OtherSettings()], told_by)
    findings = await it.find(message("a", 1))
    assert list(findings.facts) == ["reader", "other", "judge", "probe"]
    assert [sorted(one.asked[0][1]) for one in told_by] == [
        [],
        ["judge", "other", "reader"],
        ["other", "reader"],
        [],
    ]


async def test_those_before_a_judge_that_settles_read_afterwards_too() -> None:
    first, judge = ToldEnricher(), ToldEnricher()
    it = Asked([reader(), JudgeSettings(settle_seconds=30.0)], [first, judge])
    finding = asyncio.create_task(it.find(message("a", 1)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert it.clock.waiting()
    assert not first.asked
    it.clock.advance(30)
    await finding
    assert len(first.asked) == len(judge.asked) == 1


async def test_an_enricher_sees_the_alerts_that_its_filter_lets_through() -> None:
    mine, others = ToldEnricher(), ToldEnricher()
    it = Asked(
        [
            reader(filter=Filter(matchers=('group="a"',))),
            JudgeSettings(filter=Filter(matchers=('group="b"',))),
        ],
        [mine, others],
    )
    findings = await it.find(message("a", 1))
    assert list(findings.facts) == ["reader"]
    assert not others.asked


class Evil:
    def __repr__(self) -> str:
        raise RuntimeError(SECRET)


MISBEHAVIOUR: dict[str, tuple[Find, str]] = {
    "raises": (raising(ValueError(SECRET)), "failed (ValueError)"),
    "says why": (raising(EnrichmentError("no route to the exporter")), "no route to the exporter"),
    "tells a secret": (raising(EnrichmentError(f"password={SECRET}")), "password=***"),
    "is cancelled": (raising(asyncio.CancelledError()), "failed (CancelledError)"),
    "raises groups": (raising(ExceptionGroup("x", [ValueError(SECRET)])), "failed (ExceptionGroup)"),
    "gives text": (giving("text"), "gave something that is no finding"),
    "gives a mapping": (giving({"details": 1}), "gave something that is no finding"),
    "gives an object": (giving(Finding(details={"x": Evil()})), "gave something that is no finding"),
    "gives bytes": (giving(Finding(details={"x": b"\x00"})), "gave something that is no finding"),
    "gives what is no text": (giving(Finding(subject=42)), "gave something that is no finding"),  # type: ignore[arg-type]
    "gives numbers as names": (giving(Finding(details={1: 2})), "gave something that is no finding"),  # type: ignore[dict-item]
    "gives too many": (giving(Finding(details={"x": [0] * 20_000})), "gave something that is no finding"),
    "gives too much": (
        giving(Finding(details={str(number): "x" * 4000 for number in range(1000)})),
        "found out too much",
    ),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
async def test_whatever_an_enricher_does_leaves_a_note(name: str, caplog: pytest.LogCaptureFixture) -> None:
    find, note = MISBEHAVIOUR[name]
    caplog.set_level(logging.DEBUG)
    it = Asked([reader(), JudgeSettings()], [ToldEnricher(find), ToldEnricher()])
    findings = await it.find(message("a", 1))
    assert findings.notes["reader"][0].startswith(note)
    assert list(findings.facts) == ["judge"]
    assert findings.failed == ("reader",)
    assert SECRET not in repr(findings) + caplog.text + "".join(str(vars(one)) for one in caplog.records)


async def test_a_structure_that_contains_itself_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["x"] = endless
    it = Asked([reader()], [ToldEnricher(giving(Finding(details=endless)))])
    assert (await it.find(message("a", 1))).notes["reader"]


async def test_texts_are_cut_and_hold_no_secret() -> None:
    long = "x " * 5_000_000
    told_by = Finding(
        alerts={"f": AlertFinding(error=f"GET https://s3.example/b?X-Amz-Signature=abc: {SECRET}", run=long)},
        details={f"token={SECRET}": math.inf},
        notes=(SECRET, *["more"] * 100),
    )
    it = Asked([reader()], [ToldEnricher(giving(told_by))])
    findings = await it.find(message("a", 1))
    fact = findings.facts["reader"]["alerts"]["f"]
    assert fact["error"] == "GET https://s3.example/b?*** ***"
    assert len(fact["run"]) <= 4096
    assert SECRET not in repr(findings)
    assert list(findings.facts["reader"]["details"].values()) == [None]
    assert len(findings.notes["reader"]) == 20


async def test_many_long_texts_are_cut_until_they_fit_and_not_dropped() -> None:
    items = tuple(
        ItemError(namespace="shop", name=f"pods/{n}", error=f"{n} " + "why " * 500) for n in range(20)
    )
    several = {name: AlertFinding(error="x " * 2000, failed_items=items) for name in "abcde"}
    it = Asked([reader()], [ToldEnricher(giving(Finding(alerts=several)))])
    findings = await it.find(message("a", 1))
    assert not findings.notes
    told_of = read(findings.facts)["reader"].alerts
    assert [len(one.failed_items) for one in told_of.values()] == [20] * 5
    assert all(one.error.endswith("…") for found in told_of.values() for one in found.failed_items)
    assert len(msgspec.msgpack.encode(findings.facts)) <= LARGEST + 1000


async def test_one_that_does_not_heed_being_cancelled_holds_nothing_up() -> None:
    release = asyncio.Event()

    async def deaf(about: Message, facts: Mapping[str, Any]) -> Any:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    it = Asked([reader(timeout_seconds=0.05, concurrency=2)], [ToldEnricher(deaf)])
    notes = [(await it.find(message("a", number))).notes["reader"] for number in range(3)]
    assert notes == [("no answer within 0.05 s",)] * 2 + [("still hangs over earlier messages",)]
    release.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (await it.find(message("a", 4))).notes == {}


async def test_no_more_questions_at_once_than_set() -> None:
    busy: list[int] = []
    go, full = asyncio.Event(), asyncio.Event()

    async def hold(about: Message, facts: Mapping[str, Any]) -> Finding:
        busy.append(1)
        if len(busy) == 3:
            full.set()
        await go.wait()
        return Finding(subject="x")

    it = Asked([reader(concurrency=3)], [ToldEnricher(hold)])
    asking = [asyncio.create_task(it.find(message("a", number))) for number in range(8)]
    await full.wait()
    await asyncio.sleep(0)
    assert len(busy) == 3
    go.set()
    assert all(one.facts for one in await asyncio.gather(*asking))


def test_every_kind_is_found_and_described() -> None:
    assert {"links", "backup_state", "root_cause"} <= set(kinds())
    for name, settings in kinds().items():
        assert settings.__doc__, name
        assert isinstance(settings.stage, Stage)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[{type: links}, {type: links}]", r"there is a links already, enrichers\[0\]"),
        ("[{type: links, settle_seconds: 90}]", "would never be asked: no message waits longer than 90 s"),
        ("[{type: nonsense}]", "nonsense"),
        ("[{type: links, nonsense: 1}]", "unknown field `nonsense`"),
        ("[{type: links, runbook: 'javascript:alert(1)'}]", "must be an http:// or https:// URL"),
    ],
)
def test_errors_of_the_configuration_show_the_place(text: str, wrong: str) -> None:
    with pytest.raises(DocumentError, match=wrong) as caught:
        parse(f"relay:\n  enrichers: {text}\n", "config.yaml")
    assert caught.value.line == 2


def test_the_families_are_there_from_the_start() -> None:
    telemetry = Telemetry(export=False)
    RelayTelemetry(telemetry, (), ["links"])
    assert (
        'backup_sentinel_relay_enrichments_total{enricher="links",result="failed"} 0.0'
        in telemetry.text().decode()
    )
