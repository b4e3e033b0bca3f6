"""The function that makes records of a row, written as Python text from a plan.

Twice: for the fast way the plain fields are inlined, so that an ordinary object costs a few microseconds, and
for the careful way every field goes through its getter, which tells of each oddity.
"""

from collections.abc import Callable
from sys import intern
from typing import Any

import msgspec

from backup_sentinel.cause.message import tell
from backup_sentinel.cause.reason import classify
from backup_sentinel.model import FailureReason, Outcome, Record, ScheduleKey

from .getter import Getter
from .ink import Pen
from .oddity import Ear
from .plan import Plan
from .prune import Row
from .targets import KEY

IDENTITY = ("metadata.name", "metadata.namespace", "metadata.uid", "metadata.resourceVersion")
"""What every row starts with."""
_REASONS = {reason.value: reason for reason in FailureReason}
_INTERNED = frozenset({"location", "target_namespace", "provider", "dialect", "timezone"})


class Keys(dict[tuple[str, str, str, str], ScheduleKey]):
    """The keys of one cluster and operator, each once: (namespace, schedule, action, target)."""

    def __init__(self, cluster: str, operator: str) -> None:
        super().__init__()
        self.cluster = cluster
        self.operator = operator

    def __missing__(self, parts: tuple[str, str, str, str]) -> ScheduleKey:
        key = self[parts] = ScheduleKey(self.cluster, self.operator, *(intern(part) for part in parts))
        return key


Build = Callable[[Row, Ear, Keys], tuple[Record, ...]]


def builder(plan: Plan, types: list[frozenset[type]], *, fast: bool) -> Build:
    """Return the function; `types` are those that the decoder lets through at each slot of the row."""
    pen = Pen(types)
    inline = fast and plan.elements is None
    lines = ["def build(row, ear, keys):", "name = row[0]; namespace = row[1] or ''"]
    if inline:
        lines += [f"{', '.join(f'v{slot}' for slot in range(len(types)))}, = row", "limit = ear.limit"]
    if plan.where is not None:
        where = plan.where.code(pen).text if inline else f"{pen.bind(plan.where.ask)}(row, None)"
        lines += ["outcome = None", f"if not {where}: return ()"]
    lines.append(_outcome(plan, pen, inline=inline))
    for field, (_, getter) in plan.fields.items():
        if field == "reason":  # asked where something failed, see `_assembly`
            continue
        lines.append(f"f_{field} = {(getter.code(pen) if inline else pen.call(getter.get)).text}")
        if field in _INTERNED:
            lines.append(f"if f_{field} is not None: f_{field} = intern(f_{field})")
    action = (
        pen.call(plan.action.get).text + " or 'backup'"
        if isinstance(plan.action, Getter)
        else repr(plan.action)
    )
    lines.append(f"action = {action}")
    lines += _assembly(plan, pen)
    space: dict[str, Any] = {
        **pen.space, "maker": plan.maker, "tell": tell, "classify": classify, "intern": intern, "reasons": _REASONS,
        "FAILED": Outcome.FAILED, "PARTIAL": Outcome.PARTIAL,
    }  # fmt: skip
    exec("\n    ".join(lines), space)  # noqa: S102 - numbers, names of model fields, and what `ink` writes of them
    build: Build = space["build"]
    return _expanded(plan, build) if plan.elements is not None else build


def _outcome(plan: Plan, pen: Pen, *, inline: bool) -> str:
    """Write the line that sets `outcome` and `phase`; a word that is in no table is a KeyError, hence odd."""
    verdict = plan.verdict
    if verdict is None:
        return "outcome = None"
    if inline and verdict.slot is not None:
        v = f"v{verdict.slot}"
        return f"outcome = {pen.bind(verdict.table)}[{v}]; phase = intern({v}) if {v} else None"
    return f"outcome, phase = {pen.bind(verdict.decide)}(row, ear)"


def _clock(plan: Plan) -> str:
    """Write the instant that orders the runs; for the start or end of a run its creation stands in, where that is known."""
    clock = plan.record.clock
    if clock == "created":
        return "f_created"
    return f"f_created if f_{clock} is None else f_{clock}" if "created" in plan.fields else f"f_{clock}"


def _expanded(plan: Plan, build: Build) -> Build:
    """Make records of each element; the object is asked `where` once for each, since that may speak of the element."""
    elements = plan.elements
    assert elements is not None

    def each(row: Row, ear: Ear, keys: Keys) -> tuple[Record, ...]:
        return tuple(record for part in elements.rows(row) for record in build(part, ear, keys))

    return each


def _assembly(plan: Plan, pen: Pen) -> list[str]:
    """Write the end: what is computed from several fields, and the record."""
    word, fields = plan.record.record, set(plan.fields)
    lines = []
    given = {name: f"f_{name}" for name in plan.fields if name not in KEY and name != "reason"}
    element = "(name + '/' + row[-1][0])" if plan.elements is not None else "name"
    given["name"] = f"{element if 'name' not in plan.record.fields else given['name']} or name"
    if "message" in fields:
        lines.append("if f_message is not None: f_message = tell(f_message)")
    own = pen.call(plan.fields["reason"][1].get).text if "reason" in fields else ""
    reason = f"reasons.get({own}) or " if own else ""
    if word in {"run", "schedule"}:
        default = "''" if word == "run" else element
        schedule = f"f_schedule or {default}" if "schedule" in fields else default
        namespace = "f_schedule_namespace or namespace" if "schedule_namespace" in fields else "namespace"
        lines.append(
            f"key = keys[{namespace}, {schedule}, action, {'f_target or' if 'target' in fields else ''} '']"
        )
        given["key"] = "key"
    else:
        given |= {"cluster": "keys.cluster", "operator": "keys.operator", "namespace": "intern(namespace)"}
    if word == "run":
        message = "f_message" if "message" in fields else "None"
        lines.append(
            f"reason = ({reason}classify({message})) if outcome is FAILED or outcome is PARTIAL else None"
        )
        given |= {
            "namespace": "intern(namespace)",
            "outcome": "outcome",
            "phase": "phase",
            "reason": "reason",
        }
        given["clock"] = _clock(plan)
        flags = ("synced_copies", "sampled", "restore_point")
        given |= {flag: "True" for flag in flags if getattr(plan.record, flag)}
    if word == "location":
        message = "f_message" if "message" in fields else "None"
        lines.append(f"reason = ({reason}classify({message})) if {given.get('available')} is False else None")
        given["reason"] = "reason"
    if word == "volume":
        given |= {"outcome": "outcome", "action": "action"}
    if word == "event":
        given["outcome"] = "outcome"
    defaults: dict[str, Any] = {
        "run": "",
        "failed": False,
        "dialect": plan.dialect,
        "word": "",
        "subject": "",
    }
    for known in msgspec.structs.fields(plan.maker):
        stand_in: Any = defaults.get(
            known.name, None if known.default is msgspec.NODEFAULT else known.default
        )
        if known.name in plan.fields and stand_in is not None:
            given[known.name] = f"{stand_in!r} if f_{known.name} is None else f_{known.name}"
    if word in {"schedule", "preset"} and "dialect" not in fields:
        given["dialect"] = repr(plan.dialect)
    return [*lines, f"return (maker({', '.join(f'{name}={text}' for name, text in given.items())}),)"]
