"""From incidents to alerts and messages, with the labels and annotations that the alert rules have."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from backup_sentinel.export.overview.words import few, instant, plain
from backup_sentinel.relay.intake.payload import hash_of
from backup_sentinel.relay.message import Alert, Message, Status, common
from backup_sentinel.relay.outbox import message_id

from .incident import Incident, Told
from .settings import Change

RECEIVER = "notify"
_KEPT = frozenset({"summary", "cluster", "run", "namespaces", "error"})
RUNBOOK = "https://github.com/backup-sentinel/backup-sentinel/blob/main/rules/{alert}/runbook.md"
MANY = 12
"""Namespaces of a run that are named."""
LONGEST = 1000
"""Characters of an error: a mail has many rows, and what a channel takes is limited."""
_REMEMBERED = 200
"""Characters of an error that are told again when it is over."""

_NAMES = {
    Change.FAILED: "KubeBackupFailed",
    Change.PARTIAL: "KubeBackupPartiallyFailed",
    Change.OVERDUE: "KubeBackupOverdue",
}
_SUMMARIES = {
    "KubeBackupFailed": "A backup failed.",
    "KubeBackupPartiallyFailed": "A backup failed in part.",
    "KubeBackupOverdue": "The newest recovery point is older than allowed.",
    "KubeBackupRestoreFailed": "A restore failed.",
}


def told(incident: Incident) -> Told:
    """Return the labels and annotations of an incident, and what is kept until it is over."""
    key = incident.key
    name = _NAMES[incident.change]
    if key.action == "restore" and incident.change is Change.FAILED:
        name = "KubeBackupRestoreFailed"
    labels = {
        "alertname": name,
        "severity": "warning" if incident.change is Change.PARTIAL else "critical",
        "cluster": key.cluster,
        "operator": key.operator,
        "resource_namespace": key.namespace,
        "schedule": key.schedule,
        "action": key.action,
        "target": key.target,
        "location": incident.location or "",
        "reason": incident.reason or "",
        "outcome": "" if incident.change is Change.OVERDUE else incident.change.value,
    }
    annotations = {
        "summary": _SUMMARIES[name],
        "description": _description(incident),
        "cluster": incident.title if incident.title != key.cluster else "",
        "run": incident.run,
        "namespaces": few(incident.namespaces, MANY),
        "error": _cut(plain(incident.error or "", lines=True), LONGEST),
        "last_recovery_point": _instant(incident.last_recovery_point),
        "next_run": _next_run(incident),
        "runbook_url": RUNBOOK.format(alert=name),
    }
    return Told(
        labels={label: value for label, value in labels.items() if value},
        annotations={label: value for label, value in annotations.items() if value},
        starts_at=_rfc3339(incident.at),
        key=key,
        change=incident.change,
        name=incident.name,
    )


def remembered(told: Told) -> Told:
    """Return what is kept until an incident is over: less than was told, since the record is small."""
    texts = {name: _cut(text, _REMEMBERED) for name, text in told.annotations.items() if name in _KEPT}
    return msgspec.structs.replace(told, annotations=texts)


def alert(incident: Incident) -> Alert:
    """Return the alert of an incident; of one that is over it is the same alert, resolved.

    Runs of one schedule have the same labels and may end in the same second; their fingerprints tell them apart.
    """
    known = incident.told or told(incident)
    annotations = known.annotations
    if incident.told is not None:
        news = {
            "last_recovery_point": _instant(incident.last_recovery_point),
            "next_run": _next_run(incident),
        }
        annotations = {**annotations, **{name: text for name, text in news.items() if text}}
    over = incident.over is not None
    return Alert(
        status=Status.RESOLVED if over else Status.FIRING,
        labels=known.labels,
        annotations=annotations,
        starts_at=known.starts_at,
        ends_at=_rfc3339(incident.over) if incident.over is not None else None,
        fingerprint=hash_of({**known.labels, "run": known.name or annotations.get("run", "")}),
    )


def group(incident: Incident) -> str:
    """Return what the messages about one schedule have in common; runs without one are each by themselves."""
    key = incident.key
    parts = [key.cluster, key.operator, key.namespace, key.schedule or f"{key.action}/{incident.run}"]
    return f"{RECEIVER}:{'/'.join(parts)}"


def digest_key(now: float) -> str:
    """Return the group of the digests of one UTC day."""
    return f"{RECEIVER}:digest:{datetime.fromtimestamp(now, UTC).date().isoformat()}"


def message(key: str, incidents: Sequence[Incident], now: float) -> Message:
    """Return one message about incidents: what fires first, the loudest before the others."""
    alerts = sorted(map(alert, incidents), key=_order)
    shared = common([one.labels for one in alerts])
    return Message(
        id=message_id(now),
        received=now,
        group_key=key,
        receiver=RECEIVER,
        alerts=tuple(alerts),
        group_labels={},
        common_labels=shared,
        common_annotations=common([one.annotations for one in alerts]),
    )


def by_schedule(incidents: Iterable[Incident]) -> dict[str, list[Incident]]:
    """Return incidents by the group their messages belong to."""
    groups: dict[str, list[Incident]] = {}
    for incident in incidents:
        groups.setdefault(group(incident), []).append(incident)
    return groups


def _description(incident: Incident) -> str:
    key = incident.key
    what = f"schedule {key.namespace}/{key.schedule}" if key.schedule else f"namespace {key.namespace}"
    where = f"{what} in cluster {key.cluster}" if key.cluster else what
    if incident.change is Change.OVERDUE:
        text = f"A recovery point of {where} was due {instant(incident.at)}"
        if incident.last_recovery_point is None:
            return f"{text}, and none is known."
        return f"{text}; the newest one is of {instant(incident.last_recovery_point)}."
    how = "failed in part" if incident.change is Change.PARTIAL else "failed"
    kind = "run" if key.action == "run" else f"{key.action} run"
    return f"The {key.operator} {kind} {incident.run} of {where} {how} at {instant(incident.at)}."


def _order(one: Alert) -> tuple[object, ...]:
    labels = one.labels
    return (
        one.status is not Status.FIRING,
        one.severity != "critical",
        labels.get("cluster", ""),
        labels.get("resource_namespace", ""),
        labels.get("schedule", ""),
        one.annotations.get("run", ""),
    )


def _next_run(incident: Incident) -> str:
    """Return when the next run is due; a slot that was missed is none."""
    due = incident.next_due
    return _instant(due) if due is not None and due > incident.at else ""


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _instant(at: float | None) -> str:
    return "" if at is None else instant(at)


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
