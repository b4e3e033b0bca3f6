"""What templates see of a delivery."""

from collections.abc import Mapping
from typing import Any

from backup_sentinel.relay.message import Alert, Delivery

from .merging import AlertView, cause, merge


class Labels(dict[str, str]):
    """Labels or annotations: one that is not there is "", as in templates of Alertmanager."""

    def __missing__(self, _: str) -> str:
        return ""


def view(delivery: Delivery) -> dict[str, Any]:
    """Return the variables of a template.

    `alerts`, `firing` and `resolved` are lists of alerts with status, name, severity, type, labels, annotations,
    starts_at, ends_at (RFC 3339, or what was posted by hand, or none), generator_url and fingerprint, and beside these the fields of
    `AlertFinding` that enrichers filled; `labels` and `annotations` are what all alerts have in common.
    """
    message = delivery.message
    merged = merge(delivery.facts)
    alerts = [_alert(alert, merged.alerts.get(alert.fingerprint, {})) for alert in message.alerts]
    return {
        "id": delivery.id,
        "channel": delivery.channel,
        "status": message.status.value,
        "type": message.type.value,
        "severity": message.severity,
        "title": " ".join([*merged.subjects, title(delivery)]),
        "verdict": merged.verdict,
        "alerts": alerts,
        "firing": [alert for alert in alerts if alert["status"] == "firing"],
        "resolved": [alert for alert in alerts if alert["status"] == "resolved"],
        "labels": Labels(message.common_labels),
        "annotations": Labels(message.common_annotations),
        "group_labels": Labels(message.group_labels),
        "route_labels": Labels(message.route_labels),
        "group_key": message.group_key,
        "receiver": message.receiver,
        "external_url": message.external_url,
        "truncated_alerts": message.truncated_alerts,
        "notification_reason": message.notification_reason,
        "received": message.received,
        "facts": delivery.facts,
        "notes": list(delivery.notes),
    }


def title(delivery: Delivery) -> str:
    """Return one line, without what enrichers found: status, number of firing alerts, the alert's name, and what the group has in common."""
    message = delivery.message
    count = len(message.firing)
    mark = f"FIRING:{count}" if count else "RESOLVED"
    names = list(dict.fromkeys(alert.name for alert in message.alerts if alert.name))
    name = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more" if names else "alert"
    places = [
        message.common_labels[label]
        for label in ("cluster", "resource_namespace", "namespace", "schedule")
        if message.common_labels.get(label)
    ]
    return f"[{mark}] {name}" + (f" ({'/'.join(dict.fromkeys(places))})" if places else "")


def _alert(alert: Alert, found: Mapping[str, Any]) -> AlertView:
    return AlertView(
        {
            **found,
            "cause": cause(found),
            "status": alert.status.value,
            "name": alert.name,
            "severity": alert.severity,
            "type": alert.type.value,
            "labels": Labels(alert.labels),
            "annotations": Labels(alert.annotations),
            "starts_at": alert.starts_at,
            "ends_at": alert.ends_at,
            "generator_url": alert.generator_url,
            "fingerprint": alert.fingerprint,
        }
    )
