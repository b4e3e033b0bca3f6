"""The opsgenie channel against an HTTP server that behaves as the API documents: the suite, limits, priorities, outcomes.

Sources: docs.opsgenie.com ("Alert API", "Response", "Rate Limiting"), developer.atlassian.com ("Integration events").
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from backup_sentinel.document import Document
from backup_sentinel.errors import DeliveryReason, DocumentError, SentinelError
from backup_sentinel.relay.channels.opsgenie import ADDRESSES, OpsgenieSettings, Responder, cut
from backup_sentinel.relay.message import Alert, Delivery, Message, Status
from backup_sentinel.relay.rendering import Rendering, samples
from backup_sentinel.relay.settings import RelaySettings
from backup_sentinel.secret import SecretSource
from relay.channels.suite import Case, ChannelSuite, Received, ReceiverKit, fresh, refused, renew, send
from support.httpserver import Handler, HttpServer

KEY = "fake-genie-key-1"


class OpsgenieKit(ReceiverKit):
    """Keeps alerts by alias: creating an open one counts it up, closing ends it."""

    kind = "opsgenie"
    secrets = (KEY,)
    cases = (
        Case("429 Retry-After", DeliveryReason.THROTTLED, retry=True, after=17),
        Case("429 X-RateLimit-Period-In-Sec", DeliveryReason.THROTTLED, retry=True, after=60),
        Case("500", DeliveryReason.SERVER_ERROR, retry=True),
        Case("503", DeliveryReason.SERVER_ERROR, retry=True),
        Case("401", DeliveryReason.UNAUTHORIZED, retry=True),
        Case("403", DeliveryReason.UNAUTHORIZED, retry=True),
        Case("402", DeliveryReason.REJECTED, retry=False),
        Case("422", DeliveryReason.REJECTED, retry=False),
        Case("200 page", DeliveryReason.SERVER_ERROR, retry=True),
        Case("cut", DeliveryReason.UNREACHABLE, retry=True),
    )

    def __init__(self, base: str = "") -> None:
        self.base = base
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.alerts: dict[str, dict[str, Any]] = {}
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.looks = 0
        self.slow = 0
        self.verdict = ""
        self._answer = ""
        kit = self

        class Api(Handler):
            def take(self) -> None:
                text = self.body()
                if self.command == "GET":
                    self.look()
                elif kit._answer == "cut":
                    self.close_connection = True
                else:
                    self.say(*kit.answer(self.path, self.headers["Authorization"], text))

            def look(self) -> None:
                kit.looks += 1
                identity = self.path.removeprefix(f"{kit.base}/v2/alerts/requests/")
                if kit.looks <= kit.slow or identity not in kit.outcomes:
                    self.say(404, {"message": "Request not found. It might not be processed yet."})
                else:
                    self.say(200, {"data": kit.outcomes[identity], "requestId": identity})

            def say(self, status: int, body: dict[str, Any], special: str = "") -> None:
                text = b"<html>" if special == "page" else json.dumps(body).encode()
                headers = {"X-RateLimit-State": "THROTTLED"} if status == 429 else {}
                if status == 429:
                    headers[special] = "17" if special == "Retry-After" else "60"
                self.answer(status, text, **headers)

        self._server = HttpServer(Api)

    @property
    def url(self) -> str:
        return f"{self._server.url}{self.base}"

    def settings(self, **changes: Any) -> OpsgenieSettings:
        given: dict[str, Any] = {"name": "page", "api_key": KEY, "api_url": self.url}
        return OpsgenieSettings(**{**given, **changes})

    def received(self) -> list[Received]:
        found = []
        for _, body in self.requests:
            note = body.get("note", "").rpartition("Delivery: ")[2]
            found.append(Received(body.get("details", {}).get("delivery_id", note), json.dumps(body)))
        return found

    def fail(self, case: Case) -> None:
        self._answer = case.name

    def heal(self) -> None:
        self._answer = ""

    def take(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Do what was asked for, and note what became of it."""
        self.requests.append((path, body))
        identity, parts = str(uuid.uuid4()), urlsplit(path)
        outcome: dict[str, Any] = {"isSuccess": True, "status": "Created alert"}
        if parts.path.endswith("/close"):
            assert parse_qs(parts.query) == {"identifierType": ["alias"]}
            alias = parts.path.split("/")[-2]
            if self.alerts.get(alias, {}).get("open"):
                self.alerts[alias]["open"] = False
                outcome["status"] = "Closed alert"
            else:
                outcome = {"isSuccess": False, "status": "Alert does not exist"}
        else:
            known = self.alerts.setdefault(body["alias"], {"count": 0, "open": False})
            self.alerts[body["alias"]] = {"count": known["count"] + 1, "open": True, **body}
        if self.verdict:
            outcome = {"isSuccess": False, "status": self.verdict}
        self.outcomes[identity] = outcome
        return {"result": "Request will be processed", "took": 0.1, "requestId": identity}

    def answer(self, path: str, authorization: str, text: bytes) -> tuple[int, dict[str, Any], str]:
        """Return status, body, and what is special about the answer."""
        if self._answer:
            status, _, special = self._answer.partition(" ")
            return int(status), {"message": "no", "took": 0.1}, special
        if authorization != f"GenieKey {KEY}":
            return 401, {"message": "Could not authenticate"}, ""
        if not path.startswith(f"{self.base}/v2/alerts"):
            return 404, {"message": "no handler"}, ""
        return 202, self.take(path.removeprefix(self.base), json.loads(text)), ""

    def start(self) -> None:
        self._answer = ""
        self._server.start()

    def stop(self) -> None:
        self._server.stop()


def started(base: str) -> Iterator[OpsgenieKit]:
    kit = OpsgenieKit(base)
    kit.start()
    yield kit
    kit.stop()


@pytest.fixture
def kit() -> Iterator[OpsgenieKit]:
    yield from started("")


class TestOpsgenie(ChannelSuite):
    @pytest.fixture
    def kit(self) -> Iterator[ReceiverKit]:
        yield from started("")


class TestJiraServiceManagement(ChannelSuite):
    @pytest.fixture
    def kit(self) -> Iterator[ReceiverKit]:
        yield from started("/jsm/ops/integration")


def over(delivery: Delivery) -> Delivery:
    """Return the end of what a delivery is about, in the same group."""
    message = delivery.message
    alerts = tuple(msgspec.structs.replace(alert, status=Status.RESOLVED) for alert in message.alerts)
    return msgspec.structs.replace(delivery, message=msgspec.structs.replace(message, alerts=alerts))


def about(**labels: str) -> Delivery:
    """Return a delivery of one alert with labels."""
    alert = Alert(labels=labels, fingerprint="0")
    message = Message(id="m", received=0.0, group_key="group", alerts=(alert,), common_labels=labels)
    return Delivery(id="d", message=message, channel="page")


def body_of(settings: OpsgenieSettings, delivery: Delivery) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(settings.open(Rendering()).render(delivery).body)
    return body


async def test_an_alert_is_opened_counted_and_closed(kit: OpsgenieKit) -> None:
    channel = kit.settings().open(Rendering())
    await send(channel, fresh(1))
    await send(channel, fresh(2))
    [alias] = kit.alerts
    assert (kit.alerts[alias]["count"], kit.alerts[alias]["open"]) == (2, True)
    await send(channel, over(fresh(3)))
    assert not kit.alerts[alias]["open"]
    assert kit.received()[-1].id == fresh(3).id
    await send(channel, fresh(4))
    assert (list(kit.alerts), kit.alerts[alias]["open"]) == ([alias], True)
    await channel.close()


async def test_another_group_is_another_alert(kit: OpsgenieKit) -> None:
    channel = kit.settings().open(Rendering())
    for number, sample in enumerate((samples()[0], samples()[3])):
        await send(channel, renew(sample, number))
    assert len(kit.alerts) == 2
    await channel.close()


async def test_what_is_sent() -> None:
    responders = (Responder(type="team", name="ops"), Responder(type="user", username="me@example.org"))
    body = body_of(OpsgenieKit().settings(api_url=None, responders=responders), fresh(1))
    assert body["message"] == "[FIRING:1] KubeBackupFailed (sample/velero/shop)"
    assert "The newest run of a backup failed" in body["description"]
    assert body["entity"] == "sample/velero/shop"
    assert body["tags"] == ["backup", "alert", "warning", "velero", "sample"]
    assert body["details"] == {
        "runbook": "https://runbooks.example.com/KubeBackupFailed",
        "dashboard": "https://grafana.example.com/d/backups",
        "alertmanager": "https://alertmanager.example.com",
        "delivery_id": fresh(1).id,
    }
    assert body["source"] == "Backup Sentinel"
    assert body["responders"] == [
        {"type": "team", "name": "ops"},
        {"type": "user", "username": "me@example.org"},
    ]


async def test_a_preview_tells_what_is_done_and_where() -> None:
    channel = OpsgenieKit().settings(api_url=None).open(Rendering())
    firing, resolved = channel.render(fresh(1)).fields, channel.render(over(fresh(1))).fields
    assert (firing["action"], firing["path"]) == ("create", "/v2/alerts")
    assert resolved["action"] == "close"
    assert resolved["path"] == f"/v2/alerts/{firing['alias']}/close?identifierType=alias"
    await channel.close()


@pytest.mark.parametrize(
    ("labels", "priority"),
    [
        ({"outcome": "failed", "severity": "warning"}, "P1"),
        ({"outcome": "partial", "severity": "critical"}, "P3"),
        ({"alertname": "KubeBackupFailed"}, "P1"),
        ({"alertname": "KubeBackupPartiallyFailed", "severity": "warning"}, "P3"),
        ({"severity": "critical"}, "P1"),
        ({"severity": "warning"}, "P3"),
        ({"severity": "info"}, "P5"),
        ({"alertname": "Bare"}, "P1"),
    ],
)
async def test_failed_is_urgent_partial_is_not(labels: dict[str, str], priority: str) -> None:
    settings = OpsgenieKit().settings(api_url=None)
    assert body_of(settings, about(**labels))["priority"] == priority


async def test_the_priority_of_a_severity_can_be_chosen() -> None:
    settings = OpsgenieKit().settings(api_url=None, priorities={"Warning": "P2"})
    assert body_of(settings, about(outcome="failed", severity="WARNING"))["priority"] == "P2"
    assert body_of(settings, about(outcome="failed", severity="critical"))["priority"] == "P1"


@pytest.mark.parametrize("letter", ["x", "\u00e4", "\U0001f525"])
async def test_the_limits_of_the_service_are_kept(letter: str) -> None:
    huge = letter * 40_000
    settings = OpsgenieKit().settings(
        api_url=None,
        message=huge,
        description=huge,
        entity=huge,
        source=huge,
        tags=tuple(f"{number}{huge}" for number in range(30)),
        details={f"name-{number}": huge for number in range(3)},
    )
    body = body_of(settings, fresh(1))
    count = {name: units(body[name]) for name in ("message", "description", "entity", "source")}
    assert count["message"] in {129, 130}
    assert count["description"] in {14_999, 15_000}
    assert count["entity"] in {511, 512}
    assert count["source"] in {99, 100}
    assert len(body["tags"]) == 20
    assert max(units(tag) for tag in body["tags"]) <= 50
    total = sum(units(name) + units(value) for name, value in body["details"].items())
    assert 7_990 <= total <= 8_000
    assert body["details"]["delivery_id"] == fresh(1).id
    note = json.loads(settings.open(Rendering()).render(over(fresh(1))).body)["note"]
    assert units(note) <= 25_000


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize("most", [2, 3, 4, 5, 10])
def test_what_fits_is_not_cut(most: int) -> None:
    assert cut("x" * most, most) == "x" * most
    assert cut("x" * (most + 1), most) == "x" * (most - 1) + "\u2026"
    assert units(cut("\U0001f525" * most, most)) <= most


async def test_lines_have_no_breaks_and_are_never_empty() -> None:
    settings = OpsgenieKit().settings(api_url=None, message=" \n ", tags=("a\nb", " ", "a\nb"))
    body = body_of(settings, fresh(1))
    assert (body["message"], body["tags"]) == ("Alert", ["a b"])


async def test_with_confirm_it_waits_until_the_request_is_carried_out(kit: OpsgenieKit) -> None:
    kit.slow = 2
    channel = kit.settings(confirm=True).open(Rendering())
    await send(channel, fresh(1))
    assert kit.looks == 3
    await channel.close()


async def test_with_confirm_a_request_that_failed_is_refused(kit: OpsgenieKit) -> None:
    kit.verdict = "Integration is disabled"
    channel = kit.settings(confirm=True).open(Rendering())
    error = await refused(channel, fresh(1))
    assert (error.reason, error.retry) == (DeliveryReason.REJECTED, False)
    assert "Integration is disabled" in str(error)
    await channel.close()


async def test_with_confirm_what_never_was_needs_no_closing(kit: OpsgenieKit) -> None:
    channel = kit.settings(confirm=True).open(Rendering())
    await send(channel, over(fresh(1)))
    assert not kit.alerts
    await channel.close()


async def test_with_confirm_a_request_that_is_never_carried_out_ends_with_the_attempt(
    kit: OpsgenieKit,
) -> None:
    kit.slow = 10_000
    channel = kit.settings(confirm=True).open(Rendering())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await channel.send(fresh(1), channel.render(fresh(1)))
    await channel.close()


async def test_without_confirm_nothing_is_asked(kit: OpsgenieKit) -> None:
    channel = kit.settings().open(Rendering())
    await send(channel, fresh(1))
    assert kit.looks == 0
    await channel.close()


async def test_a_key_that_was_exchanged_is_used(kit: OpsgenieKit, tmp_path: Any) -> None:
    file = tmp_path / "key"
    file.write_text("old\n")
    channel = kit.settings(api_key=SecretSource(file=str(file))).open(Rendering())
    assert (await refused(channel, fresh(1))).reason is DeliveryReason.UNAUTHORIZED
    file.write_text(f"{KEY}\n")
    await send(channel, fresh(1))
    await channel.close()


async def test_a_key_with_a_line_break_is_refused_without_being_shown() -> None:
    with pytest.raises(SentinelError, match="`api_key` of channel page") as caught:
        OpsgenieKit().settings(api_url=None, api_key="fake\nsecret").open(Rendering())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("service: mars", "service"),
        ("priorities: {warning: P9}", "priorities"),
        ("responders: [{type: team}]", "`id` or `name`"),
        ("responders: [{type: user, name: me}]", "`id` or `username`"),
        ("responders: [{type: team, id: a, name: b}]", "only one of them"),
    ],
)
def test_wrong_settings_are_refused(setting: str, message: str) -> None:
    text = f"channels:\n  - type: opsgenie\n    name: page\n    api_key: fake\n    {setting}\n"
    with pytest.raises(DocumentError, match=message) as caught:
        Document(text).convert(RelaySettings)
    assert caught.value.line == 5


def test_jira_service_management_knows_responders_by_id() -> None:
    settings = OpsgenieKit().settings
    with pytest.raises(ValueError, match="by `id` only"):
        settings(service="jira-service-management", responders=(Responder(type="team", name="ops"),))
    known = Responder(type="team", id="4513b7ea")
    assert settings(service="jira-service-management", responders=(known,)).responders == (known,)


async def test_every_service_has_an_address() -> None:
    assert set(ADDRESSES) == {"opsgenie", "opsgenie-eu", "jira-service-management"}
    for service in ADDRESSES:
        channel = OpsgenieKit().settings(api_url=None, service=service).open(Rendering())
        await channel.close()
