"""What several enrichers found out about one alert becomes one set of fields: later ones win, lists are joined."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from backup_sentinel.relay.finding import AlertFinding, Finding

INSTANTS = frozenset({"started", "ended", "last_good", "next_run"})
"""Fields that are Unix seconds in findings, and RFC 3339 text in templates."""
FEW, LONGEST = 3, 300
"""Parts that are told where there is little room, and characters of each."""
_FIELDS = {field.name: field.default for field in msgspec.structs.fields(AlertFinding)}
_LISTS = frozenset(name for name, default in _FIELDS.items() if default == ())
_MAPPINGS = frozenset({"links"})


class Merged(msgspec.Struct, frozen=True):
    """All findings about a message."""

    alerts: Mapping[str, Mapping[str, Any]]
    """Fields of `AlertFinding` that are known, as plain values, by fingerprint."""
    verdict: str | None
    subjects: tuple[str, ...]


class AlertView(dict[str, Any]):
    """An alert as templates see it: what could have been found out and was not is none, or an empty list."""

    def __missing__(self, name: str) -> Any:
        if name not in _FIELDS:
            raise KeyError(name)
        return [] if name in _LISTS else {} if name in _MAPPINGS else None


def cause(fields: Mapping[str, Any]) -> str:
    """Return what went wrong in a few lines, for those who have no room for tables; "" where nobody knows."""
    lines = [str(fields["error"])] if fields.get("error") else []
    for part in ("failed_items", "failed_volumes"):
        found = fields.get(part, [])
        lines += [_line(one) for one in found[:FEW]]
        if len(found) > FEW:
            lines.append(f"and {len(found) - FEW} more {part.removeprefix('failed_')}")
    repository = fields.get("repository") or {}
    if repository.get("available") is False:
        said = f"storage location {repository['name']} is not available"
        lines.append(": ".join(filter(None, (said, repository["error"]))))
    return "\n".join(dict.fromkeys(lines))


def merge(facts: Mapping[str, Any]) -> Merged:
    """Return findings put together, in the order in which they stand."""
    alerts: dict[str, dict[str, Any]] = {}
    verdict: str | None = None
    subjects: dict[str, None] = {}
    for finding in _findings(facts):
        verdict = finding.verdict.value if finding.verdict is not None else verdict
        if finding.subject:
            subjects[finding.subject] = None
        for fingerprint, found in finding.alerts.items():
            _add(alerts.setdefault(fingerprint, {}), found)
    return Merged(alerts, verdict, tuple(subjects))


def moment(seconds: float) -> str | None:
    """Return an instant as RFC 3339 text; None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return None


def _findings(facts: Mapping[str, Any]) -> list[Finding]:
    found = []
    for plain in facts.values():
        try:
            found.append(msgspec.convert(plain, Finding))
        except msgspec.ValidationError:  # kept by another release
            continue
    return found


def _add(fields: dict[str, Any], found: AlertFinding) -> None:
    for name, default in _FIELDS.items():
        value = getattr(found, name)
        if value is None or value == default:
            continue
        if name in _LISTS:
            for part in map(_plain, value):
                _join(fields.setdefault(name, []), part)
        elif name in _MAPPINGS:
            fields[name] = {**fields.get(name, {}), **value}
        else:
            fields[name] = moment(value) if name in INSTANTS else _plain(value)


def _join(known: list[Any], part: Any) -> None:
    """Add a part that is not there yet; one that was told without its error gives way to the one with it."""
    if isinstance(part, dict) and part.get("error"):
        silent = {**part, "error": ""}
        known[:] = [one for one in known if one != silent]
    elif isinstance(part, dict) and any({**one, "error": ""} == part for one in known):
        return
    if part not in known:
        known.append(part)


def _line(part: Mapping[str, Any]) -> str:
    place = "/".join(filter(None, (part["namespace"], part["name"])))
    said = part["error"] or part.get("outcome", "")
    return f"{place}: {said[:LONGEST]}" if place else said[:LONGEST]


def _plain(value: Any) -> Any:
    """Return a part of a finding as a mapping that has all of its fields."""
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    return value
