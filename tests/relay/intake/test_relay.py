"""The real relay over HTTP: who may send, what is answered, and that nothing is acknowledged that is not kept."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.relay_process import Relay
from support.process import wait_until

NOWHERE = {"type": "webhook", "name": "nowhere", "url": "http://127.0.0.1:1/"}


def alert(number: int = 0, status: str = "firing", **labels: str) -> dict[str, Any]:
    return {"alerts": [{"status": status, "labels": {"alertname": "X", "number": str(number), **labels}}]}


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    folder = tmp_path_factory.mktemp("relay")
    (folder / "token").write_text("fake-token-1\n")
    with Relay(
        folder,
        intake={
            "tokens": [{"token": {"file": str(folder / "token")}}, {"token": "fake-token-2"}],
            "users": [{"username": "am", "password": "fake-password"}],
            "max_body_bytes": 100_000,
        },
    ) as relay:
        yield relay


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer fake-token-1", 200),
        ("bearer  fake-token-2", 200),
        (basic("am:fake-password"), 200),
        ("Bearer fake-token-3", 401),
        ("Bearer ", 401),
        (basic("am:wrong"), 401),
        (basic("fake-token-1"), 401),
        ("Basic ***", 401),
        ("Digest am", 401),
        (None, 401),
    ],
)
def test_who_may_send(relay: Relay, authorization: str | None, status: int) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = relay.ask("/alertmanager", alert(1), headers)
    assert answer.status == status
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "fake" not in answer.body


TOKEN = {"Authorization": "Bearer fake-token-1"}


def test_a_token_in_a_file_may_be_exchanged(relay: Relay) -> None:
    file = relay.directory / "token"
    file.write_text("fake-token-new")
    assert relay.ask("/alert", alert(2), {"Authorization": "Bearer fake-token-new"}).status == 200
    assert relay.ask("/alert", alert(3), TOKEN).status == 401
    file.write_text("fake-token-1")


@pytest.mark.parametrize("path", ["/alertmanager", "/alert"])
def test_a_message_is_taken_and_written_to_the_log_channel(relay: Relay, path: str) -> None:
    answer = relay.ask(path, alert(10, path=path), TOKEN)
    assert (answer.status, answer.json["status"]) == (200, "accepted")
    assert relay.ask(path, alert(10, path=path), TOKEN).json == {"status": "duplicate"}
    [line] = wait_until(
        lambda: [one for one in relay.lines() if one["labels"].get("path") == path] or None,
        "the line is there",
    )
    assert (line["status"], line["type"], line["labels"]["number"]) == ("firing", "alert", "10")


def test_the_log_says_what_people_look_for(relay: Relay) -> None:
    two = [*alert(20)["alerts"], *alert(21)["alerts"]]
    answer = relay.ask("/alert", {"alerts": two}, TOKEN)
    received = wait_until(lambda: relay.lines("Received 2 relevant alert(s)") or None, "the first line")
    assert answer.json["id"] in [line["id"] for line in received]
    sending = wait_until(lambda: relay.lines("Sending notification") or None, "the second line")
    assert {line["channel"] for line in sending} == {"log"}


def test_what_is_malformed_is_said(relay: Relay) -> None:
    answer = relay.ask("/alert", b'{"alerts": 3}', TOKEN)
    assert answer.status == 400
    assert answer.json["error"] == (
        "the body is no message of Alertmanager: Expected `array`, got `int` - at `$.alerts`"
    )
    assert relay.ask("/alert", b"x" * 100_001, TOKEN).status == 413
    assert relay.ask("/alert", method="GET").status == 405
    assert relay.ask("/elsewhere", b"{}", TOKEN).status == 404


def test_it_tells_about_itself(relay: Relay) -> None:
    assert relay.ask("/-/healthy").status == 200
    assert relay.ask("/-/ready").status == 200
    text = relay.ask("/metrics").body
    for line in (
        'backup_sentinel_relay_messages_total{result="unavailable"} 0.0',
        'backup_sentinel_relay_deliveries_total{channel="log",result="dead"} 0.0',
        'backup_sentinel_relay_delivery_failures_total{channel="log",reason="timeout"} 0.0',
        'backup_sentinel_relay_breaker_open{channel="log"} 0.0',
    ):
        assert line in text
    assert "backup_sentinel_shard" not in text, "what is the exporter's is not the relay's"
    assert "fake" not in text + relay.log.read_text()


def test_too_many_that_wait_are_answered_503_and_taken_later(tmp_path: Path) -> None:
    slow = {**NOWHERE, "delivery": {"first_retry_seconds": 3600, "longest_retry_seconds": 3600}}
    with Relay(tmp_path, intake={"max_pending": 3}, channels=[slow]) as relay:
        statuses = [relay.ask("/alert", alert(number)).status for number in range(5)]
        assert statuses == [200, 200, 200, 503, 503]
        refused = relay.ask("/alert", alert(9))
        assert refused.headers["retry-after"] == "5"
        assert relay.value('backup_sentinel_relay_messages_total{result="unavailable"}') == 3
        assert relay.value('backup_sentinel_relay_pending_deliveries{channel="nowhere"}') == 3
        relay.stop()
        relay.settings["intake"]["max_pending"] = 4
        relay.start()
        assert [relay.ask("/alert", alert(number)).status for number in range(10, 12)] == [200, 503]


def test_what_nobody_wants_is_not_kept(tmp_path: Path) -> None:
    channel = {**NOWHERE, "filter": {"severities": ["critical"]}}
    with Relay(tmp_path, channels=[channel]) as relay:
        assert relay.ask("/alert", alert(1)).json == {"status": "irrelevant"}
        assert relay.lines("Received 0 relevant alert(s)")
        assert relay.ask("/alert", alert(1, severity="critical")).json["status"] == "accepted"


def test_the_end_of_the_process_loses_nothing(tmp_path: Path) -> None:
    with Relay(tmp_path, channels=[NOWHERE, {"type": "log", "name": "log"}]) as relay:
        relay.ask("/alert", alert(1))
        relay.ask("/alert", alert(1, "resolved"))
        wait_until(lambda: len(relay.lines()) == 2, "both lines are there")
        relay.stop()
        relay.start()
        assert relay.value('backup_sentinel_relay_pending_deliveries{channel="nowhere"}') == 2
        assert relay.ask("/alert", alert(1, "resolved")).json == {"status": "duplicate"}
        assert [line["status"] for line in relay.lines()] == ["firing", "resolved"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": [{"type": "webhok", "name": "x"}]}, "did you mean `webhook`?"),
        (
            {"channels": [{"type": "log", "name": "x"}, {"type": "log", "name": "x"}]},
            "is taken by channels[0]",
        ),
        ({"channels": [{**NOWHERE, "body": "{{ nothing }}"}]}, "'nothing' is undefined"),
        ({"channels": [{**NOWHERE, "url": {"env": "NOT_THERE"}}]}, "the environment has no NOT_THERE"),
        ({"intake": {"tokens": [{"token": {"file": "/not/there"}}]}}, "/not/there cannot be read"),
        ({"outbox": {"path": "/proc/nowhere/relay.db"}}, "set `relay.outbox.path`"),
    ],
)
def test_what_is_wrong_at_start_is_said_in_a_few_words(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    relay = Relay(tmp_path, **settings)
    process = relay.spawn()
    wait_until(lambda: not process.running, "it ends", 60)
    log = relay.log.read_text()
    assert message in log
    assert "Traceback" not in log
