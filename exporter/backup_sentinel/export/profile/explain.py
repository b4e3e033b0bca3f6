"""Where each field of a record came from, for `check --explain OBJECT.yaml`."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from backup_sentinel.document import read_objects
from backup_sentinel.errors import DocumentError
from backup_sentinel.model import Problem, Record

from .compile import CompiledResource, Profile
from .emit import Keys
from .examples import field_of, shown
from .oddity import Patient, show
from .plan import Plan
from .prune import Row, row_of


class Trace(Struct):
    """One field: its value as text, the paths that were asked with what stood there, and what was done with it."""

    field: str
    value: str
    paths: list[tuple[str, str]]
    how: str


class Explained(Struct):
    """One record (or why there is none), field by field."""

    record: str
    traces: list[Trace]
    note: str = ""


class Explanation(Struct):
    """What an object means: the resource that describes it, its records, its problems."""

    operator: str
    resource: str
    records: list[Explained]
    problems: list[Problem]

    def __str__(self) -> str:
        lines = [f"{self.operator}: {self.resource}"]
        for part in self.records:
            lines.append(f"  {part.record}{': ' + part.note if part.note else ''}")
            width = max((len(trace.field) for trace in part.traces), default=0)
            for trace in part.traces:
                asked = ", ".join(f"{path} = {value}" for path, value in trace.paths)
                how = f" [{trace.how}]" if trace.how else ""
                lines.append(
                    f"    {trace.field:<{width}}  {trace.value}"
                    + (f"   <- {asked}{how}" if asked or how else "")
                )
        return "\n".join(
            [*lines, *(f"  problem {p.reason} at {p.path or '(object)'}: {p.detail}" for p in self.problems)]
        )


def explain(text: str, profiles: Sequence[Profile], *, file: str = "", now: float | None = None) -> str:
    """Tell of each object in YAML or JSON text where the fields of its records came from.

    Raise DocumentError where the text holds no objects.
    """
    told = []
    for value in read_objects(text, file):
        found = find_resource(profiles, value)
        if found is None:
            kind = (
                f"{value.get('kind', 'an object without kind')} of {value.get('apiVersion', 'no apiVersion')}"
            )
            told.append(f"no profile describes {kind}")
        else:
            told.append(str(explain_object(*found, value, time.time() if now is None else now)))
    if not told:
        raise DocumentError("there is no object in it", file=file)
    return "\n\n".join(told) + "\n"


def find_resource(
    profiles: Iterable[Profile], value: dict[str, Any]
) -> tuple[Profile, CompiledResource] | None:
    """Return the profile and resource of an object's apiVersion and kind, in any version of its group."""
    group, _, _ = str(value.get("apiVersion", "")).rpartition("/")
    for profile in profiles:
        for resource in profile.resources:
            if resource.type.group == group and resource.type.kind == value.get("kind"):
                return profile, resource
    return None


def explain_object(
    profile: Profile, resource: CompiledResource, value: dict[str, Any], now: float, cluster: str = ""
) -> Explanation:
    """Read an object with care and tell of every field where its value came from. Never raises for what is in it."""
    reader = profile.reader(cluster, resource, lambda: now)
    reading, _ = reader.read_value(value, now)
    row = row_of(resource.machine.wanted, value, Patient(now).odd)
    keys = Keys(cluster, profile.operator)
    parts = []
    for plan, build in zip(resource.plans, resource.machine.careful, strict=True):
        rows = plan.elements.rows(row) if plan.elements is not None else [row]
        records = build(row, Patient(now), keys) if row[0] else ()
        if not records:
            parts.append(
                Explained(
                    plan.record.record,
                    [],
                    "no identity" if not row[0] else "not meant by this profile (`where`)",
                )
            )
        for part, record in zip(rows, records, strict=False):
            parts.append(Explained(plan.record.record, _traces(plan, part, record)))
    return Explanation(profile.operator, resource.name, parts, list(reading.problems))


def _traces(plan: Plan, row: Row, record: Record) -> list[Trace]:
    traces = []
    if plan.verdict is not None:
        use = plan.verdict.use
        paths = [(use.name, show(use.get(row)))] if use is not None else []
        rules = ["rules"] if plan.record.outcome is not None and plan.record.outcome.rules else []
        traces.append(
            Trace("outcome", shown("outcome", field_of(record, "outcome")), paths, ", ".join([*rules, "map"]))
        )
    for name, (_, getter) in plan.fields.items():
        asked = {use.name: "nothing" if use.get(row) is None else show(use.get(row)) for use in getter.uses}
        value = field_of(record, name)
        traces.append(
            Trace(
                name,
                "-" if value in {None, ()} else shown(name, value),
                list(asked.items()),
                ", ".join(getter.how),
            )
        )
    return traces
