"""The noun of the relay: what Alertmanager said about a group of alerts at one moment.

Source of the fields: Alertmanager, notify/webhook/webhook.go and template/template.go, payload version 4.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec


class Status(StrEnum):
    """Whether there is something to look at."""

    FIRING = "firing"
    RESOLVED = "resolved"


class MessageType(StrEnum):
    """How loud a message is: a partial backup is a warning, a failed one an alert."""

    WARNING = "warning"
    ALERT = "alert"


SEVERITIES = ("critical", "error", "warning", "info", "none")
"""Known values of the label `severity`, the worst first. Others stand between `error` and `warning`."""

_LOUD = frozenset(
    {"critical", "error", "page", "high", "major", "emergency", "fatal", "disaster", "p1", "p2"}
)
_QUIET = frozenset({"warning", "warn", "info", "none", "low", "minor", "notice", "p3", "p4", "p5"})
_TYPES = {
    "KubeBackupFailed": MessageType.ALERT,
    "KubeBackupRestoreFailed": MessageType.ALERT,
    "KubeBackupPartiallyFailed": MessageType.WARNING,
    "KubeBackupFinishedWithWarnings": MessageType.WARNING,
}
"""Alerts of ours whose severity is about urgency, and whose type is about the outcome."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of a message."""

    status: Status = Status.FIRING
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    starts_at: str | None = None
    """RFC 3339 from Alertmanager, any text from people who post by hand; None where it was not said."""
    ends_at: str | None = None
    """The same; None while the alert fires."""
    generator_url: str = ""
    fingerprint: str = ""
    """Of the labels; from Alertmanager, or computed where it was not given."""

    @property
    def name(self) -> str:
        """The label `alertname`, "" without one."""
        return self.labels.get("alertname", "")

    @property
    def severity(self) -> str:
        """The label `severity` in lower case, "" without one."""
        return self.labels.get("severity", "").lower()

    @property
    def tells_outcome(self) -> bool:
        """Whether it says how a run ended, and not that one is late, stuck or missing."""
        return "outcome" in self.labels or self.name in _TYPES

    @property
    def type(self) -> MessageType:
        """The label `outcome` decides (partial, failed), then the name of the alert, then its severity.

        An alert that says nothing of the kind is an alert: it is better to be loud in vain.
        """
        outcome = self.labels.get("outcome")
        if outcome in {"partial", "failed"}:
            return MessageType.WARNING if outcome == "partial" else MessageType.ALERT
        known = _TYPES.get(self.name)
        if known is not None:
            return known
        return MessageType.WARNING if self.severity in _QUIET else MessageType.ALERT


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What was said about a group of alerts, as it is kept and delivered; it never changes."""

    id: str
    """UUID version 7 of the moment it was accepted."""
    received: float
    """When it was accepted, in Unix seconds."""
    group_key: str
    """What belongs together and keeps its order: Alertmanager's group key, or `labels:` and a hash of the labels."""
    receiver: str = ""
    alerts: tuple[Alert, ...]
    group_labels: dict[str, str] = {}
    common_labels: dict[str, str] = {}
    common_annotations: dict[str, str] = {}
    route_labels: dict[str, str] = {}
    external_url: str = ""
    truncated_alerts: int = 0
    """Alerts that Alertmanager left out, as its `max_alerts` says."""
    notification_reason: str = ""
    """Why Alertmanager sends it; "" from versions that do not say."""

    @property
    def status(self) -> Status:
        """Firing as long as one alert fires."""
        return Status.FIRING if any(self.firing) else Status.RESOLVED

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that fire."""
        return tuple(alert for alert in self.alerts if alert.status is Status.FIRING)

    @property
    def resolved(self) -> tuple[Alert, ...]:
        """The alerts that are over."""
        return tuple(alert for alert in self.alerts if alert.status is Status.RESOLVED)

    @property
    def severity(self) -> str:
        """The worst severity of those alerts that fire, or of all where none does; "" where none has one."""
        found = [alert.severity for alert in self.firing or self.alerts if alert.severity]
        return min(found, key=_rank, default="")

    @property
    def type(self) -> MessageType:
        """Alert if one of those alerts that fire is, or of all where none does."""
        loud = any(alert.type is MessageType.ALERT for alert in self.firing or self.alerts)
        return MessageType.ALERT if loud else MessageType.WARNING

    def only(self, alerts: Iterator[Alert]) -> "Message":
        """Return the message with these of its alerts; what they have in common is found anew."""
        kept = tuple(alerts)
        if len(kept) == len(self.alerts):
            return self
        return msgspec.structs.replace(
            self,
            alerts=kept,
            common_labels=common([alert.labels for alert in kept]),
            common_annotations=common([alert.annotations for alert in kept]),
        )


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message on its way to one channel."""

    id: str
    """UUID version 5 of message and channel: the same at each attempt, after each restart, and at each replay."""
    message: Message
    """With those alerts that the channel's filter lets through."""
    channel: str
    """Name of the channel."""
    attempt: int = 1
    """Counted from 1."""
    facts: dict[str, Any] = {}
    """What enrichers found out, by the name of the enricher."""
    notes: tuple[str, ...] = ()
    """What they could not find out, one sentence each."""


def common(mappings: list[dict[str, str]]) -> dict[str, str]:
    """Return the pairs that all mappings have."""
    if not mappings:
        return {}
    shared = set(mappings[0].items()).intersection(*(mapping.items() for mapping in mappings[1:]))
    return {name: value for name, value in mappings[0].items() if (name, value) in shared}


def _rank(severity: str) -> float:
    if severity in SEVERITIES:
        return float(SEVERITIES.index(severity))
    return 0.5 if severity in _LOUD else 2.5 if severity in _QUIET else 1.5
