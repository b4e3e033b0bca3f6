"""The language is as large as the shipped profiles need, and the program knows no operator."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backup_sentinel.document import Document
from backup_sentinel.errors import DocumentError
from backup_sentinel.export.cron import DIALECTS
from backup_sentinel.export.profile import Profile, load_profiles
from backup_sentinel.export.profile.compile import compile_profile
from backup_sentinel.export.profile.convert import FORMATS
from backup_sentinel.export.profile.expression import SOURCES, STEPS
from backup_sentinel.export.profile.path import Each, Find, Index, Key, PathError, Values, parse
from backup_sentinel.export.profile.schema import (
    Condition,
    Example,
    Expand,
    Expression,
    Outcomes,
    ProfileFile,
    Record,
    Resource,
    Rule,
)
from backup_sentinel.export.profile.targets import FIELDS
from backup_sentinel.model import Repository, Run, Schedule

from .conftest import Read

PROFILES = load_profiles()
README = Path(__file__).resolve().parents[3] / "exporter" / "README.md"
STRUCTS = (Condition, Expression, Rule, Outcomes, Expand, Resource, Example, ProfileFile)
RESERVED = {
    "unix", "unix-ms", "unix-ns", "milliseconds", "nanoseconds", "human-1000", "clock",  # a table of formats, each one row
}  # fmt: skip


def inside(value: Any) -> Iterator[Any]:
    """Yield every value inside a value."""
    yield value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if isinstance(value, msgspec.Struct):
        parts = [getattr(value, name) for name in value.__struct_fields__]
    for part in parts:
        yield from inside(part)


EVERYTHING = [part for profile in PROFILES for part in inside(profile.source)]


def said(part: msgspec.Struct) -> set[str]:
    """Names of what a part of a profile says, in the words of the language."""
    return {
        field.encode_name
        for field in msgspec.structs.fields(type(part))
        if getattr(part, field.name)
        != (field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory())
    }


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_every_construct_is_used_by_a_shipped_profile(kind: type[msgspec.Struct]) -> None:
    used = {name for part in EVERYTHING if isinstance(part, kind) for name in said(part)}
    assert {field.encode_name for field in msgspec.structs.fields(kind)} - used == set()


def test_every_kind_of_record_and_every_clock_is_used() -> None:
    plans = [plan for profile in PROFILES for resource in profile.resources for plan in resource.plans]
    assert {plan.record.record for plan in plans} == set(FIELDS)
    assert {plan.record.clock for plan in plans} == {"created", "started", "ended"}


def test_every_step_of_a_path_is_used() -> None:
    used: set[Any] = set()
    for text in EVERYTHING:
        if isinstance(text, str):
            try:
                path = parse(text)
            except PathError:
                continue
            for step in path.steps:
                used.add(type(step))
                used |= {"choice"} if isinstance(step, Each) and step.pairs else set()
    assert used >= {Key, Find, Each, "choice"}
    assert used | {Index, Values} >= {Key, Index, Find, Each, Values}


def words(part: Any) -> set[str]:
    """The constructs that a part of a profile uses: what it says, its kind of record, its formats."""
    found = said(part) if isinstance(part, STRUCTS) else set()
    if isinstance(part, Record):
        found.add(part.record)
    if isinstance(part, Expression) and part.as_ is not None:
        found |= {part.as_} if isinstance(part.as_, str) else set(part.as_)
    return found


def test_what_serves_one_operator_has_a_reason() -> None:
    """In the paragraph of the deliberate choices that is about it; what is the default is not counted."""
    users: dict[str, set[str]] = {}
    for profile in PROFILES:
        for word in {word for part in inside(profile.source) for word in words(part)} - {"rfc3339"}:
            users.setdefault(word, set()).add(profile.operator)
    choices = README.read_text("utf-8").partition("## Deliberate choices")[2]
    [paragraph] = [part for part in choices.split("\n\n") if part.startswith("**What one operator alone")]
    assert set(re.findall(r"`([\w-]+)`", paragraph)) == {w for w, them in users.items() if len(them) == 1}


def test_every_format_is_used() -> None:
    declared = set()
    for part in EVERYTHING:
        if isinstance(part, Expression) and part.as_ is not None:
            declared |= {part.as_} if isinstance(part.as_, str) else set(part.as_)
    defaults = {"rfc3339", "go", "bytes", "number"}
    assert set(FORMATS) - declared - defaults <= RESERVED


def test_no_operator_is_named_in_the_program() -> None:
    """But in parsers of what several write, and in the simulation of one: they say whose ways they follow.

    A Kasten alerter is no operator: it is what some users had before.
    """
    root = Path(str(files("backup_sentinel")))
    names = {profile.operator for profile in PROFILES} - {"jobs", "velero"}
    either = "|".join(re.escape(name) for name in sorted(names | {"k10"}))
    pattern = re.compile(rf"\b({either})\b(?![- ]alerter)", re.IGNORECASE)
    allowed = ("demo/", "export/cron/", "relay/", "generate/")
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in sorted(root.rglob("*.py"))
        if not str(path.relative_to(root)).startswith(allowed)
        for line in path.read_text("utf-8").splitlines()
        if pattern.search(line.partition("#")[0]) and "Source:" not in line and '"""' not in line
    ]
    assert found == []


def test_the_language_is_one_page() -> None:
    page = files("backup_sentinel.export.profile").joinpath("README.md").read_text("utf-8")
    assert len(page.splitlines()) <= 120
    assert len(page.split()) <= 1200
    words = {*DIALECTS, *FORMATS, *FIELDS, *SOURCES, *STEPS}
    words |= {field.encode_name for kind in STRUCTS for field in msgspec.structs.fields(kind)}
    assert [word for word in sorted(words) if not re.search(rf"\b{re.escape(word)}\b", page)] == []


RUN = """
  - group: g
    versions: [v1]
    kind: K
    plural: ks
    record: run
    outcome: {{path: status.phase, map: {{Done: succeeded, Bad: failed}}, absent: pending}}
    {more}
"""


def test_join_of_expressions_leaves_out_what_is_missing(read: Read) -> None:
    more = """fields:
      message:
        join: [status.a, {join: "status.b[*]", separator: ",", write: "b={}"}, {path: status.c, write: "<{}>"}]
        separator: " "
"""
    body = RUN.format(more=more)
    for status, told in (
        ({"a": "x", "b": [1, 2], "c": "y"}, "x b=1,2 <y>"),
        ({"b": [True]}, "b=true"),
        ({"b": []}, None),
        ({"b": ["", "z", None, ""]}, "b=z"),
        ({"a": "", "b": ["", ""], "c": "y"}, "<y>"),
    ):
        [record] = read(body, {"status": status}).records
        assert isinstance(record, Run)
        assert record.message == told


def test_the_cause_of_anything(read: Read) -> None:
    body = RUN.format(more="fields: {message: {cause: status.error}}")
    for error, told in (
        ({"message": "a", "cause": '{"message":"b"}'}, "b"),
        (["x", {"error": "y"}], "x; y"),
        ("text", "text"),
        (7, None),
    ):
        [record] = read(body, {"status": {"phase": "Bad", "error": error}}).records
        assert isinstance(record, Run)
        assert record.message == told


def test_elements_may_be_chosen(read: Read) -> None:
    body = """
  - group: g
    versions: [v1]
    kind: K
    plural: ks
    record: repository
    fields:
      last_maintenance: {max: "status.results[*kind=Full,ok=true].end"}
      ready: {last: "status.results[*kind=Full].ok", by: "status.results[*kind=Full].end"}
"""
    results = [
        {"kind": "Full", "ok": True, "end": "2026-03-01T00:00:00Z"},
        {"kind": "Full", "ok": False, "end": "2026-03-02T00:00:00Z"},
        {"kind": "Quick", "ok": True, "end": "2026-03-03T00:00:00Z"},
        {"kind": "Full", "ok": "true", "end": "2026-02-01T00:00:00Z"},
        None,
    ]
    [record] = read(body, {"status": {"results": results}}).records
    assert isinstance(record, Repository)
    assert (record.ready, record.last_maintenance) == (False, 1772323200.0)
    [record] = read(body, {"status": {"results": []}}).records
    assert isinstance(record, Repository)
    assert (record.ready, record.last_maintenance) == (None, None)


@pytest.mark.parametrize("path", ["a[*kind].b", "a[*=x]", "a[*kind=x,]", "a[*kind=x,,y=z]"])
def test_a_choice_that_is_not_understood(path: str) -> None:
    with pytest.raises(PathError):
        parse(path)


def test_an_element_finds_its_like_in_another_list(read: Read) -> None:
    body = """
  - group: g
    versions: [v1]
    kind: K
    plural: ks
    record: schedule
    expand: {each: "spec.jobs[*]"}
    fields:
      crons: {first: ["status.effective[job=@.name].cron", "@.cron"]}
      message: {path: "status.effective[job=@key].note"}
"""
    value = {
        "spec": {"jobs": [{"name": "a", "cron": "@daily-random"}, {"name": "b", "cron": "0 1 * * *"}]},
        "status": {"effective": [{"job": "a", "cron": "17 3 * * *"}, {"job": 1, "note": "second"}]},
    }
    records = read(body, value).records
    assert [r.crons for r in records if isinstance(r, Schedule)] == [("17 3 * * *",), ("0 1 * * *",)]
    assert [r.message for r in records if isinstance(r, Schedule)] == [None, "second"]


def refusal(body: str) -> str:
    text = f"operator: test\ntitle: Test\ndocumentation: https://example.org/\nresources:\n{body}"
    with pytest.raises(DocumentError) as caught:
        compile_profile(Document(text, "test.yaml"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("sampled: true", "the creation of the object orders no runs"),
        ("clock: ended", "the clock is `ended`, which is not among the fields"),
        ("fields: {size: {join: [status.a]}}", "`join` does not give a size"),
        ("fields: {size: {cause: status.a, as: ctime}}", "no format of a size"),
        ("fields: {message: {path: status.a, write: text}}", "there is no `{}` in it"),
        ("beside: others.g", "no resource before this one is `others.g`"),
        ('fields: {message: "status.a[b=@.c].d"}', "inside `expand` only"),
    ],
)
def test_refusals(more: str, told: str) -> None:
    message = refusal(RUN.format(more=more))
    assert told in message
    assert message.startswith("test.yaml:")


def test_a_sampled_run_has_no_creation(read: Read) -> None:
    body = RUN.format(more="sampled: true\n    clock: ended\n    fields: {ended: status.end}")
    value = {
        "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"phase": "Done", "end": "2026-03-01T00:00:00Z"},
    }
    [record] = read(body, value).records
    assert isinstance(record, Run)
    assert (record.created, record.clock, record.sampled) == (None, 1772323200.0, True)


def kasten() -> Profile:
    return next(profile for profile in PROFILES if profile.operator == "kasten")


def test_an_aggregated_api_may_leave_out_the_namespace() -> None:
    resource = kasten().resources[0]
    reading = (
        kasten()
        .reader("prod", resource, lambda: 2e9)
        .item(b'{"metadata":{"name":"run-1"},"status":{"state":"Failed"}}')
        .value
    )
    assert (reading.namespace, reading.name, reading.problems) == ("", "run-1", ())
    assert len(reading.records) == 1


def test_what_is_polled_needs_no_right_to_watch() -> None:
    assert {r.type.verbs for r in kasten().resources if r.type.aggregated} == {("get", "list")}
    assert {r.type.verbs for r in kasten().resources if not r.type.aggregated} == {("get", "list", "watch")}
