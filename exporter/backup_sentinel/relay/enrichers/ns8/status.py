"""What Redis says of one backup of one module, in each form in which it is kept.

Sources: ns8-core, `docs/core/backup_restore.md` and `cluster/actions/list-backups` (JSON with `start`, `end`, `errors`; no
error is success), and the status hashes with `result`, `timestamp`, `error`.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from backup_sentinel.relay.finding import FAILED, SUCCEEDED, UNKNOWN

_LONGEST = 1000
"""Characters of an error text that are kept."""
_RESULTS = {"success": SUCCEEDED, "error": FAILED}


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a backup of a module ended, or that of the whole plan."""

    backup: str
    """Id of the plan."""
    module: str = ""
    """"" where it is about the plan."""
    node: str = ""
    """Id of the node that wrote it; "" where the form does not say."""
    outcome: str = UNKNOWN
    error: str = ""
    at: float | None = None
    """When it ended, Unix seconds."""
    errors: int | None = None


def from_json(text: str, *, backup: str, module: str, node: str) -> Status:
    """Return the status that is kept as JSON. What cannot be read is an unknown outcome that says so."""
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return Status(backup=backup, module=module, node=node, error="its status in Redis cannot be read")
    return from_fields(fields, backup=backup, module=module, node=node)


def from_fields(fields: Mapping[str, Any], *, backup: str, module: str = "", node: str = "") -> Status:
    """Return the status that fields say; `result` decides, and where there is none the number of errors."""
    result, errors = fields.get("result"), _count(fields.get("errors"))
    error = str(fields.get("error") or "").strip()[:_LONGEST]
    if isinstance(result, str) and result:
        outcome = _RESULTS.get(result.strip().lower(), UNKNOWN)
        if outcome == UNKNOWN:
            error = error or f"the result {result[:40]!r} is not known"
    else:
        outcome = UNKNOWN if errors is None else FAILED if errors else SUCCEEDED
    if outcome == FAILED and not error and errors:
        error = f"{errors} error{'s' if errors > 1 else ''}, no text is kept"
    at = instant(fields.get("end"))
    return Status(
        backup=backup,
        module=module,
        node=node,
        outcome=outcome,
        error=error,
        at=instant(fields.get("timestamp")) if at is None else at,
        errors=errors,
    )


def newest(statuses: Iterable[Status]) -> list[Status]:
    """Return one status for each module of each plan: the newest, where several forms hold one."""
    found: dict[tuple[str, str], Status] = {}
    for status in statuses:
        key = (status.backup, status.module)
        if key not in found or (status.at or 0.0) > (found[key].at or 0.0):
            found[key] = status
    return [found[key] for key in sorted(found)]


def _count(value: Any) -> int | None:
    try:
        number = int(str(value).strip())
    except ValueError:
        return None
    return number if 0 <= number < 1 << 53 else None


def instant(value: Any) -> float | None:
    """Return Unix seconds of a number of seconds or of ISO 8601; UTC where no zone is given."""
    text = str(value).strip() if isinstance(value, str | int | float) else ""
    try:
        seconds = float(text)
    except ValueError:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            return None
        seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return seconds if math.isfinite(seconds) and 0 < seconds < 1e11 else None
