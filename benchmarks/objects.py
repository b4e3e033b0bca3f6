"""Velero objects as clusters hold them, 3 to 8 kB each, written by their number and therefore never kept."""

from __future__ import annotations

import json
import random
import time
from typing import Any

NAMESPACES = 10
PERIOD = 3600
TTL = 30 * 86400
VARIANTS = 32
FIRST_REVISION = 1000

GROUP_VERSION = "velero.io/v1"


def _fields(value: Any) -> Any:
    """Return what `fieldsV1` holds for somebody who manages all of a value."""
    if not isinstance(value, dict):
        return {}
    return {".": {}} | {f"f:{key}": _fields(inner) for key, inner in value.items()}


def _template(variant: int) -> str:
    """Return one kind of Backup as text with places for what differs from object to object."""
    rand = random.Random(variant)
    labels = {
        "velero.io/schedule-name": "%(schedule)s",
        "velero.io/storage-location": "default",
        **{f"team.example.org/label-{number}": f"value-{number}" for number in range(rand.randint(0, 4))},
    }
    annotations = {
        "velero.io/resource-timeout": "10m0s",
        "velero.io/source-cluster-k8s-gitversion": "v1.34.2",
        "velero.io/source-cluster-k8s-major-version": "1",
        "velero.io/source-cluster-k8s-minor-version": "34",
    }
    hook = {
        "name": "freeze",
        "includedNamespaces": [f"application-{number}" for number in range(rand.randint(2, 12))],
        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "database"}},
        "pre": [
            {
                "exec": {
                    "container": "database",
                    "command": [
                        "/bin/sh",
                        "-c",
                        "fsfreeze --freeze /var/lib/data && sync " * rand.randint(1, 6),
                    ],
                    "onError": "Fail",
                    "timeout": "3m0s",
                }
            }
        ],
    }
    spec = {
        "csiSnapshotTimeout": "10m0s",
        "defaultVolumesToFsBackup": False,
        "excludedResources": ["events", "events.events.k8s.io"],
        "hooks": {"resources": [hook] * rand.choice((0, 1, 1, 2))},
        "includedNamespaces": [f"application-{number}" for number in range(rand.randint(10, 110))],
        "itemOperationTimeout": "4h0m0s",
        "metadata": {},
        "snapshotMoveData": False,
        "storageLocation": "default",
        "ttl": "720h0m0s",
        "uploaderConfig": {"parallelFilesUpload": rand.randint(1, 8)},
    }
    failed, partial = variant == 0, variant == 1
    items = rand.randint(100, 9000)
    status = {
        "completionTimestamp": "%(ended)s",
        "expiration": "%(expires)s",
        "formatVersion": "1.1.0",
        "hookStatus": {},
        "phase": "Failed" if failed else "PartiallyFailed" if partial else "Completed",
        "progress": {"itemsBackedUp": items, "totalItems": items},
        "startTimestamp": "%(started)s",
        "version": 1,
        "warnings": rand.randint(0, 3),
        **({"failureReason": "found a backup with status InProgress"} if failed else {}),
        **({"errors": 2} if partial else {}),
    }
    if rand.random() < 0.12:
        annotations["kubectl.kubernetes.io/last-applied-configuration"] = json.dumps({"spec": spec})
    managed = [
        {
            "apiVersion": GROUP_VERSION,
            "fieldsType": "FieldsV1",
            "fieldsV1": _fields(part),
            "manager": "velero-server",
            "operation": "Update",
            "time": "%(ended)s",
        }
        for part in (
            {"metadata": {"annotations": annotations, "labels": labels}, "spec": spec, "status": status},
            {"status": status},
        )
    ]
    body = {
        "apiVersion": GROUP_VERSION,
        "kind": "Backup",
        "metadata": {
            "annotations": annotations,
            "creationTimestamp": "%(started)s",
            "generation": 6,
            "labels": labels,
            "managedFields": managed,
            "name": "%(name)s",
            "namespace": "%(namespace)s",
            "resourceVersion": "%(revision)d",
            "uid": "%(uid)s",
        },
        "spec": spec,
        "status": status,
    }
    return json.dumps(body, separators=(",", ":"))


def _stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


class Objects:
    """Backups over schedules, one of each schedule every hour up to now; the lowest numbers are the newest.

    The newest Backup of each schedule ended an hour before `now`, so nothing of it is in the future.
    """

    def __init__(self, backups: int, schedules: int, now: float) -> None:
        self.backups = backups
        self.schedules = schedules
        self._now = now
        self._templates = [_template(variant) for variant in range(VARIANTS)]

    def backup(self, number: int, revision: int = FIRST_REVISION) -> bytes:
        """Return a Backup as the API server writes it."""
        schedule, run = number % self.schedules, number // self.schedules
        started = self._now - PERIOD * (run + 2) + schedule % PERIOD
        ended = started + 60 + (schedule * 7 + run) % 1200
        return self._write(number, schedule, started, ended, revision)

    def latest(self, number: int, revision: int) -> tuple[bytes, float]:
        """Return a Backup of the first schedule that is newer than all of a lower number, and when it started."""
        started = float(int(self._now) - PERIOD // 2 + number)
        return self._write(self.backups + number, 0, started, started + 1, revision), started

    def _write(self, number: int, schedule: int, started: float, ended: float, revision: int) -> bytes:
        fill = {
            "name": f"schedule-{schedule:04}-{time.strftime('%Y%m%d%H%M%S', time.gmtime(started))}",
            "namespace": f"velero-{schedule % NAMESPACES}",
            "schedule": f"schedule-{schedule:04}",
            "started": _stamp(started),
            "ended": _stamp(ended),
            "expires": _stamp(started + TTL),
            "revision": revision,
            "uid": f"{number:08x}-0000-4000-8000-000000000000",
        }
        return (self._templates[(number * 2654435761 >> 8) % VARIANTS] % fill).encode()

    def schedule(self, number: int) -> bytes:
        """Return a Schedule."""
        body = {
            "apiVersion": GROUP_VERSION,
            "kind": "Schedule",
            "metadata": {
                "creationTimestamp": _stamp(self._now - 90 * 86400),
                "name": f"schedule-{number:04}",
                "namespace": f"velero-{number % NAMESPACES}",
                "resourceVersion": str(FIRST_REVISION),
                "uid": f"{number:08x}-0000-4000-8000-000000000001",
            },
            "spec": {
                "schedule": f"{number % 60} * * * *",
                "template": {"storageLocation": "default", "ttl": "720h0m0s"},
            },
            "status": {"phase": "Enabled"},
        }
        return json.dumps(body, separators=(",", ":")).encode()
