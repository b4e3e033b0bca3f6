"""The body of a webhook call becomes a message.

Source of the fields: Alertmanager, docs/configuration.md, "webhook_config", payload version 4; releases add fields, so
unknown ones are legal. People who post by hand need no more than `{"alerts": [{"status": "firing", "labels": {...}}]}`.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from backup_sentinel.errors import SentinelError
from backup_sentinel.relay.message import Alert, Message, Status, common
from backup_sentinel.relay.outbox import message_id

MOST_ALERTS = 10_000
_NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time: Alertmanager gives it as the end of an alert that fires."""
_Text = dict[str, str]


class PayloadError(SentinelError):
    """A body is no message; the text is one sentence for whoever sent it."""


class _Alert(msgspec.Struct, rename="camel"):
    labels: _Text
    status: Status = Status.FIRING
    annotations: _Text = {}
    starts_at: str | None = None
    ends_at: str | None = None
    generator_url: str = msgspec.field(default="", name="generatorURL")
    fingerprint: str = ""


class _Payload(msgspec.Struct, rename="camel"):
    alerts: Annotated[list[_Alert], msgspec.Meta(min_length=1, max_length=MOST_ALERTS)]
    version: str = "4"
    group_key: str = ""
    receiver: str = ""
    group_labels: _Text = {}
    common_labels: _Text | None = None
    common_annotations: _Text | None = None
    route_labels: _Text = {}
    external_url: str = msgspec.field(default="", name="externalURL")
    truncated_alerts: int = 0
    notification_reason: str = msgspec.field(default="", name="notification_reason")


_decode = msgspec.json.Decoder(_Payload).decode


def read(body: bytes, now: float) -> Message:
    """Return the message in a body that came at an instant (Unix seconds). Raises PayloadError.

    A missing group key is a hash of what makes the group: the labels that all alerts have in common with the minimal
    body, hence for one alert all of its labels. A missing fingerprint is a hash of the labels; one that comes twice is
    numbered, since what was said and found out is kept by fingerprint.
    """
    try:
        payload = _decode(body)
    except msgspec.ValidationError as error:
        raise PayloadError(f"the body is no message of Alertmanager: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"the body is not JSON: {error}") from None
    if payload.version != "4":
        raise PayloadError(
            f"version {payload.version[:20]!r} of the message is not known; this is for version '4'"
        )
    alerts = tuple(_distinct(map(_alert, payload.alerts)))
    labels = [alert.labels for alert in alerts]
    shared = common(labels) if payload.common_labels is None else payload.common_labels
    return Message(
        id=message_id(now),
        received=now,
        group_key=payload.group_key or f"labels:{hash_of(payload.group_labels or shared)}",
        receiver=payload.receiver,
        alerts=alerts,
        group_labels=payload.group_labels,
        common_labels=shared,
        common_annotations=common([alert.annotations for alert in alerts])
        if payload.common_annotations is None
        else payload.common_annotations,
        route_labels=payload.route_labels,
        external_url=payload.external_url,
        truncated_alerts=max(0, payload.truncated_alerts),
        notification_reason=payload.notification_reason,
    )


def hash_of(labels: _Text) -> str:
    """Return the same 16 hexadecimal digits for the same labels, in whatever order."""
    return hashlib.blake2b(msgspec.json.encode(labels, order="sorted"), digest_size=8).hexdigest()


def _alert(alert: _Alert) -> Alert:
    return Alert(
        status=alert.status,
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=_instant(alert.starts_at),
        ends_at=None if alert.status is Status.FIRING else _instant(alert.ends_at),
        generator_url=alert.generator_url,
        fingerprint=alert.fingerprint or hash_of(alert.labels),
    )


def _distinct(alerts: Iterable[Alert]) -> Iterator[Alert]:
    seen: Counter[str] = Counter()
    for alert in alerts:
        seen[alert.fingerprint] += 1
        number = seen[alert.fingerprint]
        if number > 1:
            yield msgspec.structs.replace(alert, fingerprint=f"{alert.fingerprint}-{number}")
        else:
            yield alert


def _instant(text: str | None) -> str | None:
    return None if not text or text == _NEVER else text
