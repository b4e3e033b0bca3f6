"""The examples of a profile are its tests: an object goes in, and what must come out is compared."""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from backup_sentinel.document import nearest
from backup_sentinel.errors import DocumentError, ProblemReason
from backup_sentinel.model import Record

from .compile import CompiledResource, Profile
from .convert import long_duration, rfc3339, show_time
from .reader import Reading
from .schema import Example
from .scope import Cursor
from .targets import FIELDS

FAR = 4_102_444_800.0
"""What the clock shows in an example that does not say: 2100-01-01."""
_KEY = ("schedule", "action", "target", "operator", "cluster")


class Result(Struct, frozen=True):
    """One example: where it stands, what it shows, and how it failed, with places; "" where it passed."""

    resource: str
    why: str
    failure: str


def run_examples(profile: Profile) -> list[Result]:
    """Return a result for each example of each resource."""
    return [
        Result(
            resource.name, example.why, "\n".join(str(error) for error in _example(profile, resource, number))
        )
        for resource in profile.resources
        for number, example in enumerate(resource.source.examples)
    ]


def _example(profile: Profile, resource: CompiledResource, number: int) -> Iterator[DocumentError]:
    example, at = resource.source.examples[number], resource.at.at("examples", number)
    try:
        now = rfc3339(example.now) if example.now else FAR
    except ValueError:
        yield at.at("now").error("no RFC 3339 time")
        return
    yield from _compare(example, read_example(profile, resource, example, now or FAR), at)


def read_example(profile: Profile, resource: CompiledResource, example: Example, now: float) -> Reading:
    """Read the object of an example, by the fast way first, as an object of a cluster would be."""
    reader = profile.reader("", resource, lambda: now)
    return reader.item(msgspec.json.encode(complete(example.object, resource))).value


def complete(value: dict[str, Any], resource: CompiledResource) -> dict[str, Any]:
    """Return the object with the apiVersion, kind, name and namespace that it does not give."""
    value = copy.deepcopy(value)
    kind = resource.type
    value.setdefault("apiVersion", f"{kind.group}/{kind.versions[0]}" if kind.group else kind.versions[0])
    value.setdefault("kind", kind.kind)
    if isinstance(value.setdefault("metadata", {}), dict):
        value["metadata"].setdefault("name", "example")
        if kind.namespaced:
            value["metadata"].setdefault("namespace", "example-namespace")
    return value


def _compare(example: Example, reading: Reading, at: Cursor) -> Iterator[DocumentError]:
    yield from _problems(example, reading, at)
    place = "record" if example.records is None else "records"
    wanted = [example.record] if example.record is not None else []
    wanted = wanted if example.records is None else [*example.records]
    if example.records is not None and len(wanted) != len(reading.records):
        yield at.at(place).error(f"expected {len(wanted)} records, got {len(reading.records)}")
    elif wanted and not reading.records:
        yield at.at(place).error("expected a record, got none")
    for number, (fields, record) in enumerate(zip(wanted, reading.records, strict=False)):
        here = at.at(place) if place == "record" else at.at(place, number)
        for name, value in fields.items():
            problem = _differs(record, name, value)
            if problem:
                yield here.at(name).error(problem)
    yield from _known(example, reading, at)


def _problems(example: Example, reading: Reading, at: Cursor) -> Iterator[DocumentError]:
    """Compare the reasons of the problems, exactly."""
    problems = sorted(problem.reason.value for problem in reading.problems)
    if problems != sorted(example.problems):
        told = "; ".join(f"{p.reason} at {p.path}: {p.detail}" for p in reading.problems) or "no problem"
        here = at.at("problems") if example.problems else at.at("why")
        unknown = [word for word in example.problems if word not in set(ProblemReason)]
        yield here.error(
            f"expected {example.problems or 'no problem'}, got {told}",
            hint=nearest(unknown[0], list(ProblemReason)) if unknown else "",
        )


def _known(example: Example, reading: Reading, at: Cursor) -> Iterator[DocumentError]:
    """Look for fields that must not be known."""
    for number, name in enumerate(example.absent):
        for record in reading.records[:1]:
            here = at.at("absent", number)
            try:
                got = field_of(record, name)
            except AttributeError:
                yield here.error(f"a {type(record).__name__.lower()} has no field `{name}`")
            else:
                if got not in {None, (), ""}:
                    yield here.error(f"expected nothing, got {shown(name, got)}")


def _differs(record: Record, name: str, wanted: Any) -> str:
    try:
        got = field_of(record, name)
    except AttributeError:
        return f"a {type(record).__name__.lower()} has no field `{name}`"
    if isinstance(got, tuple):
        got = list(got)
    if got == wanted and isinstance(got, bool) == isinstance(wanted, bool):
        return ""
    if isinstance(got, (int, float)) and isinstance(wanted, str):
        for read in (rfc3339, long_duration):
            try:
                if read(wanted) == got:
                    return ""
            except ValueError:
                continue
    return f"expected {wanted!r}, got {shown(name, got)}"


def field_of(record: Record, name: str) -> Any:
    """Return a field of a record, or of its key; raise AttributeError where there is none."""
    key = getattr(record, "key", None)
    if name == "schedule_namespace" or (name == "namespace" and not hasattr(record, name)):
        return getattr(key, "namespace", None)
    return getattr(key, name) if key is not None and name in _KEY else getattr(record, name)


def shown(name: str, value: Any) -> str:
    """Write a value for people: instants as RFC 3339."""
    if value is None:
        return "nothing"
    if isinstance(value, float) and any(FIELDS[word].get(name, (None,))[0] == "time" for word in FIELDS):
        return show_time(value)
    return (
        repr(list(value))
        if isinstance(value, tuple)
        else str(value)
        if isinstance(value, str) and hasattr(value, "value")
        else repr(value)
    )
