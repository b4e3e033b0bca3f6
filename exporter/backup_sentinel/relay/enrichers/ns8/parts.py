"""Which modules belong to an alert, how each of them ended, and what they come to."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from backup_sentinel.relay.finding import FAILED, PARTIAL, SUCCEEDED, UNKNOWN, PartFinding

from .status import Status

_TEXT, _NAMES = 200, 10
"""Characters of one module's error, and modules that are named in a sentence."""
_NOTHING = "no status in Redis"


def modules(
    found: Sequence[Status],
    *,
    instances: Sequence[str],
    homes: Mapping[str, str],
    node: str,
    since: float,
    longest: float,
) -> list[PartFinding]:
    """Return the modules of a plan on a node, those without any status included.

    `instances` are the modules of the plan, none where it is not known; `homes` the nodes of modules; `node` that of the
    alert, "" for all. A status that ended before `since`, or `longest` before the newest one, is from an earlier run.
    """
    if node not in {status.node for status in found} | set(homes.values()):
        node = ""  # a name that somebody else gave it

    def here(module: str, at: str = "") -> bool:
        return not node or (at or homes.get(module, node)) == node

    if instances:  # what has left the plan leaves its status behind
        found = [status for status in found if status.module in instances]
    lacking = set(instances) - {status.module for status in found}
    found = [status for status in found if here(status.module, status.node)]
    last = max((status.at for status in found if status.at is not None), default=0.0)
    since = max(since, last - longest)
    parts = []
    for status in found:
        part = _part(status, status.module)
        if status.at is not None and status.at < since:
            part = _unknown(part, "no status of this run")
        parts.append(part)
    return parts + [
        PartFinding(name=module, outcome=UNKNOWN, error=_NOTHING)
        for module in instances
        if module in lacking and here(module)
    ]


def whole(
    parts: list[PartFinding], plans: Sequence[Status], backup: str | None, run: str
) -> list[PartFinding]:
    """Return the parts with what only plans know: an error that no module has, or the outcome where there is no module.

    `run` is what the backup of the alert is called; None as `backup` means several.
    """
    failed = any(part.outcome != SUCCEEDED for part in parts)
    added = [
        _part(status, title(status.backup, None) if backup is None else run)
        for status in plans
        if not parts or (status.outcome == FAILED and not failed)
    ]
    return [*parts, *added] or [PartFinding(name=run, outcome=UNKNOWN, error=_NOTHING)]


def title(backup: str | None, name: str | None) -> str:
    """Return what notifications call a backup; None for all that ended of late."""
    if backup is None:
        return "recent backups"
    return f"backup {backup} ({name[:100]})" if name else f"backup {backup}"


def came(part: PartFinding, since: float) -> PartFinding:
    """Return a part whose end is too long ago as one without a status."""
    return part if part.at is None or part.at >= since else _unknown(part, "no backup since then")


def summary(parts: Sequence[PartFinding]) -> list[str]:
    """Return in one sentence which parts did not succeed; the error of the only one there is, nothing where all did."""
    bad = [part for part in parts if part.outcome != SUCCEEDED]
    if len(parts) == 1:
        return [part.error for part in bad if part.error]
    names = ", ".join(part.name for part in bad[:_NAMES])
    more = f" and {len(bad) - _NAMES} more" if len(bad) > _NAMES else ""
    return [f"{len(bad)} of {len(parts)} did not succeed: {names}{more}"] if bad else []


def outcome(parts: Sequence[PartFinding]) -> str:
    """Return what parts come to."""
    outcomes = {part.outcome for part in parts}
    if outcomes == {SUCCEEDED}:
        return SUCCEEDED
    return PARTIAL if outcomes & {SUCCEEDED, PARTIAL} else FAILED


def few(parts: tuple[PartFinding, ...], most: int) -> tuple[PartFinding, ...]:
    """Return at most so many parts: one of each outcome, so that the judgement stays the same, then what failed."""
    if len(parts) <= most:
        return parts
    first = {part.outcome: part for part in reversed(parts)}
    rest = [part for part in parts if part is not first[part.outcome]]
    rest.sort(key=lambda part: part.outcome == SUCCEEDED)
    return tuple([*first.values(), *rest][:most])


def _part(status: Status, name: str) -> PartFinding:
    return PartFinding(name=name, outcome=status.outcome, error=status.error[:_TEXT], at=status.at)


def _unknown(part: PartFinding, why: str) -> PartFinding:
    assert part.at is not None
    last = datetime.fromtimestamp(part.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return msgspec.structs.replace(
        part, outcome=UNKNOWN, error=f"{why}; the last ended {last} ({part.outcome})"
    )
