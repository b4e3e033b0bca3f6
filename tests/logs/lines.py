"""Log lines in the forms in which Velero and Backup Sentinel write them, made up."""

from __future__ import annotations

import json
import logging
from typing import Any

from backup_sentinel.telemetry import JsonFormatter

POD = {"instance": "velero/velero-7d-x:velero", "job": "loki.source.kubernetes.pods", "pod": "velero-7d-x"}
VELERO = {"app": "velero", "namespace": "velero", "container": "velero", **POD}
SENTINEL = {
    "app": "backup-sentinel",
    "namespace": "backup-sentinel",
    "container": "exporter",
    **POD,
    "pod": "backup-sentinel-0",
}
TIME = "2026-11-21T03:00:41Z"


def logfmt(level: str, msg: str, **fields: str) -> str:
    """Return a line of Velero's text format; a name such as `error_file` stands for `error.file`."""
    pairs = {"time": TIME, "level": level, "msg": msg, **fields}
    bare = {"level"}
    return " ".join(
        f"{key.replace('__', '-').replace('_', '.')}={value if key in bare or value.isalnum() else json.dumps(value)}"
        for key, value in pairs.items()
    )


def structured(level: str, msg: str, **fields: str) -> str:
    """Return a line of Velero's JSON format, which nests the message of an error."""
    names = {"error": "error.message"}
    made = {names.get(key, key.replace("__", "-")): value for key, value in fields.items()}
    return json.dumps({**made, "level": level, "msg": msg, "time": TIME})


def ours(level: int, text: str, **extra: Any) -> str:
    """Return a line as the exporter's own formatter writes it."""
    record = logging.LogRecord("backup_sentinel.export", level, "", 0, text, (), None)
    record.__dict__.update(extra)
    return JsonFormatter().format(record)


FORMATS = {"text": logfmt, "json": structured}
END = "Initial backup processing complete, moving to "
S3 = "rpc error: code = Unknown desc = operation error S3: PutObject, api error AccessDenied: Access Denied"
