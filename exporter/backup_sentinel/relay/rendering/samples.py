"""Deliveries that no alert stands behind: templates are tried with them, and previews show them."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import msgspec

from backup_sentinel.relay.finding import (
    AlertFinding,
    Finding,
    ItemError,
    RepositoryFinding,
    Verdict,
    VolumeFinding,
)
from backup_sentinel.relay.message import Alert, Delivery, Message, Status, common

_NOTHING: Mapping[str, Finding] = MappingProxyType({})
_FAILED = Alert(
    labels={
        "alertname": "KubeBackupFailed",
        "severity": "warning",
        "cluster": "sample",
        "operator": "velero",
        "resource_namespace": "velero",
        "schedule": "shop",
        "action": "backup",
        "reason": "credentials",
    },
    annotations={
        "summary": 'The newest run of a backup failed: "quotes", <marks> & {{ braces }}.',
        "description": "This is a sample,\nof two lines.",
        "runbook_url": "https://runbooks.example.com/KubeBackupFailed",
        "dashboard_url": "https://grafana.example.com/d/backups",
    },
    starts_at="2026-01-02T03:04:05Z",
    generator_url="https://prometheus.example.com/graph",
    fingerprint="0123456789abcdef",
)
_PARTIAL = Alert(
    labels={**_FAILED.labels, "alertname": "KubeBackupPartiallyFailed", "schedule": "blog"},
    annotations=_FAILED.annotations,
    starts_at="2026-01-02T03:04:05Z",
    fingerprint="123456789abcdef0",
)
_FACTS = {
    "root_cause": Finding(
        alerts={
            _PARTIAL.fingerprint: AlertFinding(
                run="blog-20260102030003",
                run_namespace="velero",
                phase="PartiallyFailed",
                outcome="partial",
                reason="hook",
                error='a sample of an error with "quotes", <marks> & {{ braces }}',
                namespaces=("blog", "shop"),
                started=1767322803.0,
                ended=1767323103.0,
                items_done=41.0,
                items_total=43.0,
                errors=2.0,
                warnings=1.0,
                failed_items=(
                    ItemError(namespace="blog", name="pods/blog-0", error="timed out <waiting>"),
                    ItemError(error="about no item"),
                ),
                failed_volumes=(
                    VolumeFinding(namespace="blog", name="data-blog-0", outcome="failed", error="refused"),
                ),
                last_good=1767236700.0,
                next_run=1767409200.0,
                repository=RepositoryFinding(name="default", available=False, error="i/o timeout"),
                events=("BackupFailed: a sample of an Event",),
                links={"Silence": "https://alertmanager.example.com/#/silences/new"},
            )
        },
        verdict=Verdict.PARTIAL,
        subject="⚠️ Backup partially failed",
    )
}
_BARE = Alert(labels={"alertname": "Bare"}, fingerprint="23456789abcdef01")


@cache
def samples() -> tuple[Delivery, ...]:
    """Return a failure, a group with a partial one and a resolved one, a group that is over, and the least there can be."""
    over = _resolve(_FAILED)
    return (
        _delivery(1, (_FAILED,)),
        _delivery(2, (_FAILED, _PARTIAL, _resolve(_PARTIAL)), _FACTS, ("root_cause: a sample of a note",)),
        _delivery(3, (over,)),
        _delivery(4, (_BARE,)),
    )


def _resolve(alert: Alert) -> Alert:
    return Alert(
        status=Status.RESOLVED,
        labels={**alert.labels, "schedule": "wiki"},
        annotations=alert.annotations,
        starts_at=alert.starts_at,
        ends_at="2026-01-02T04:04:05Z",
        generator_url=alert.generator_url,
        fingerprint="3456789abcdef012",
    )


def _delivery(
    number: int,
    alerts: tuple[Alert, ...],
    facts: Mapping[str, Finding] = _NOTHING,
    notes: tuple[str, ...] = (),
) -> Delivery:
    message = Message(
        id=f"00000000-0000-7000-8000-00000000000{number}",
        received=1767323045.0,
        group_key=f'{{}}:{{alertname="{alerts[0].name}"}}',
        receiver="sample",
        alerts=alerts,
        group_labels={"alertname": alerts[0].name},
        common_labels=common([alert.labels for alert in alerts]),
        common_annotations=common([alert.annotations for alert in alerts]),
        external_url="https://alertmanager.example.com",
        notification_reason="first notification",
    )
    return Delivery(
        id=f"00000000-0000-5000-8000-00000000000{number}",
        message=message,
        channel="sample",
        facts={kind: msgspec.to_builtins(found) for kind, found in facts.items()},
        notes=notes,
    )
