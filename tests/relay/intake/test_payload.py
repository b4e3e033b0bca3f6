"""Bodies that are messages, and what is said of those that are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backup_sentinel.relay.intake import PayloadError, read
from backup_sentinel.relay.message import Message, MessageType, Status
from backup_sentinel.relay.outbox.news import compare

FULL: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}/{severity="critical"}:{alertname="KubeBackupFailed"}',
    "truncatedAlerts": 2,
    "status": "firing",
    "receiver": "relay",
    "groupLabels": {"alertname": "KubeBackupFailed"},
    "commonLabels": {"alertname": "KubeBackupFailed", "severity": "critical"},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager.example.com",
    "notification_reason": "new alerts added",
    "routeLabels": {"team": "shop"},
    "somethingNew": {"of": ["a", "later", "release"]},
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "KubeBackupFailed", "severity": "critical", "schedule": "shop"},
            "annotations": {"summary": "failed"},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.com",
            "fingerprint": "0123456789abcdef",
            "somethingNew": 1,
        },
        {
            "status": "resolved",
            "labels": {"alertname": "KubeBackupFailed", "severity": "critical", "schedule": "blog"},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "2026-01-01T01:00:00Z",
        },
    ],
}
REASONS = (
    "none",
    "first notification",
    "new alerts added",
    "some alerts resolved",
    "all alerts resolved",
    "repeat interval elapsed",
    "unknown",
    "one of a later release",
)


def encoded(**changes: Any) -> bytes:
    return json.dumps({**FULL, **changes}).encode()


def test_every_field_of_version_4_is_read() -> None:
    message = read(encoded(), 1000.0)
    assert message.group_key == FULL["groupKey"]
    assert (message.status, message.severity, message.type) == (Status.FIRING, "critical", MessageType.ALERT)
    assert (message.truncated_alerts, message.receiver, message.received) == (2, "relay", 1000.0)
    assert message.route_labels == {"team": "shop"}
    assert message.notification_reason == "new alerts added"
    firing, resolved = message.alerts
    assert (firing.fingerprint, firing.ends_at) == ("0123456789abcdef", None)
    assert (resolved.ends_at, len(resolved.fingerprint)) == ("2026-01-01T01:00:00Z", 16)


@pytest.mark.parametrize("reason", REASONS)
def test_every_notification_reason_is_taken(reason: str) -> None:
    assert read(encoded(notification_reason=reason), 0.0).notification_reason == reason


def test_the_least_that_people_post_is_enough() -> None:
    body = b'{"alerts":[{"status":"firing","labels":{"alertname":"X","a":"b"}}]}'
    first, again = read(body, 1.0), read(body.replace(b"firing", b"resolved"), 2.0)
    assert first.group_key == again.group_key
    assert first.group_key.startswith("labels:")
    other = read(body.replace(b'"b"', b'"c"'), 1.0)
    assert other.group_key != first.group_key
    assert first.common_labels == {"alertname": "X", "a": "b"}
    assert first.alerts[0].fingerprint == again.alerts[0].fingerprint != other.alerts[0].fingerprint
    assert (first.alerts[0].starts_at, again.status) == (None, Status.RESOLVED)


def test_alerts_with_the_same_labels_are_told_apart() -> None:
    def take(*statuses: str) -> Message:
        alerts = [{"status": status, "labels": {"alertname": "X"}} for status in statuses]
        return read(json.dumps({"alerts": alerts}).encode(), 1.0)

    first = take("firing", "firing")
    names = [alert.fingerprint for alert in first.alerts]
    assert len(set(names)) == 2
    assert names[0] == take("firing").alerts[0].fingerprint
    known = compare(None, first, 300)
    assert compare(known, take("firing", "firing"), 300) is None
    for changed in (take("resolved", "firing"), take("firing", "resolved")):
        assert compare(known, changed, 300) is not None, "news about either"


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ({"alertname": "KubeBackupPartiallyFailed", "severity": "critical"}, "warning"),
        ({"alertname": "KubeBackupFailed", "severity": "warning"}, "alert"),
        ({"alertname": "X", "outcome": "partial", "severity": "critical"}, "warning"),
        ({"alertname": "X", "outcome": "failed", "severity": "info"}, "alert"),
        ({"alertname": "X", "severity": "critical"}, "alert"),
        ({"alertname": "X", "severity": "Warning"}, "warning"),
        ({"alertname": "X", "severity": "info"}, "warning"),
        ({"alertname": "X", "severity": "of-our-own"}, "alert"),
        ({"alertname": "X"}, "alert"),
    ],
)
def test_a_message_is_a_warning_or_an_alert(labels: dict[str, str], kind: str) -> None:
    body = json.dumps({"alerts": [{"labels": labels}]}).encode()
    assert read(body, 0.0).type == kind


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON: Input data was truncated"),
        (b"{", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b"[" * 100_000, "the body is"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `alerts`"),
        (b'{"alerts":[]}', "length >= 1"),
        (b'{"alerts":[{}]}', "missing required field `labels` - at `\\$.alerts\\[0\\]`"),
        (b'{"alerts":[{"labels":{"a":1}}]}', "Expected `str`, got `int` - at `\\$.alerts\\[0\\].labels"),
        (b'{"alerts":[{"labels":{},"status":"burning"}]}', "Invalid enum value 'burning'"),
        (b'{"version":"3","alerts":[{"labels":{}}]}', "version '3' of the message is not known"),
        (json.dumps({"alerts": [{"labels": {}}] * 10_001}).encode(), "length <= 10000"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(body: bytes, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        read(body, 0.0)
