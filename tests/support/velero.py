"""Objects of Velero as its controllers leave them behind, as short as tests like them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

GROUP, VERSION = "velero.io", "v1"


def stamp(at: float) -> str:
    """Return an instant as the API server writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def schedule(name: str, cron: str = "0 1 * * *", *, namespace: str = "velero", **spec: Any) -> dict[str, Any]:
    """Return a Schedule that Velero has accepted."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Schedule",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"schedule": cron, "template": {"storageLocation": "default", "ttl": "720h0m0s"}, **spec},
        "status": {"phase": "Enabled"},
    }


def backup(
    name: str, phase: str | None = None, *, schedule: str = "", namespace: str = "velero", **status: Any
) -> dict[str, Any]:
    """Return a Backup; with a phase also a status."""
    labels = {
        "velero.io/storage-location": "default",
        **({"velero.io/schedule-name": schedule} if schedule else {}),
    }
    made: dict[str, Any] = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Backup",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"storageLocation": "default", "ttl": "720h0m0s"},
    }
    if phase is not None:
        made["status"] = {"phase": phase, **status}
    return made


def location(name: str = "default", phase: str = "Available", *, namespace: str = "velero") -> dict[str, Any]:
    """Return a BackupStorageLocation."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "BackupStorageLocation",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"provider": "aws", "default": True, "objectStorage": {"bucket": "backups"}},
        "status": {"phase": phase},
    }
