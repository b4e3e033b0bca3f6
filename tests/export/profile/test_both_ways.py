"""The fast way and the careful way mean the same, and neither ever raises for what is in an object."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backup_sentinel.document import Document
from backup_sentinel.export.profile import Profile, Reader, load_profiles
from backup_sentinel.export.profile.compile import compile_profile
from backup_sentinel.export.profile.examples import FAR, complete
from backup_sentinel.export.profile.explain import explain_object
from backup_sentinel.export.profile.path import Each, Find, Index, Key, Path, Values
from backup_sentinel.model import Run

[VELERO] = load_profiles(operators=("velero",))
PLURALS = [resource.type.plural for resource in VELERO.resources]

texts = st.sampled_from(
    ["", "Completed", "Failed", "Canceled", "2026-03-02T01:00:04Z", "0001-01-01T00:00:00Z", "2026-03-02 01:00:04.5+0100",
     "9999-12-31T23:59:59Z", "4h0m0s", "0s", "true", "12", "-1", "Backup", "\ud7ff", "2026-W01-1T00:00:00Z", "soon"]
) | st.text(max_size=6)  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@cache
def shaped(paths: tuple[Path, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that have, at the paths a profile wants, mostly what it expects and now and then anything."""

    def at(steps: list[tuple[Any, ...]]) -> st.SearchStrategy[Any]:
        heads = {rest[0] for rest in steps if rest}
        names = {step.name for step in heads if isinstance(step, Key)}
        choices = [scalars, values]
        if names:
            inner = {
                name: at([rest[1:] for rest in steps if rest and rest[0] == Key(name)])
                for name in sorted(names)
            }
            choices = [st.fixed_dictionaries({}, optional=inner), *choices] if inner else choices
            choices = [choices[0]] * 6 + choices[1:]
        lists = [step for step in heads if isinstance(step, (Each, Find, Index))]
        if lists:
            part = at([rest[1:] for rest in steps if rest and isinstance(rest[0], (Each, Find, Index))])
            found = [step for step in lists if isinstance(step, Find)]
            if found:
                keyed = st.sampled_from([(step.key, step.value) for step in found])
                part = (
                    st.builds(lambda e, k: {**e, k[0]: k[1]} if isinstance(e, dict) else e, part, keyed)
                    | part
                )
            choices += [st.lists(part, max_size=3)] * 4
        if Values() in heads:
            part = at([rest[1:] for rest in steps if rest and rest[0] == Values()])
            choices += [st.dictionaries(texts, part, max_size=3)] * 4
        return st.one_of(*choices)

    keys: dict[str, list[tuple[Any, ...]]] = {}
    for path in paths:
        head = path.steps[0]
        assert isinstance(head, Key)
        keys.setdefault(head.name, []).append(path.steps[1:])
    return st.fixed_dictionaries({}, optional={name: at(steps) for name, steps in keys.items()})


def both(reader: Reader, value: Any) -> None:
    """The fast way, where it dares, says what the careful way says; an object alone says what it says in a page."""
    raw = msgspec.json.encode(value)
    careful, version = reader.read(raw, FAR)
    item = reader.item(raw)
    assert item.value == careful
    assert item.resource_version == version
    page = b'{"kind":"AnyList","metadata":{},"items":[' + raw + b"]}"
    assert list(reader.page(page).items) == [careful]


@pytest.mark.parametrize("plural", PLURALS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_velero(plural: str, data: st.DataObject) -> None:
    resource = next(resource for resource in VELERO.resources if resource.type.plural == plural)
    reader = VELERO.reader("c", resource, lambda: FAR)
    value = data.draw(shaped(tuple(want.path for want in resource.machine.wanted)))
    both(reader, value)


@settings(max_examples=200, deadline=None)
@given(value=values)
def test_any_json(value: Any) -> None:
    reader = VELERO.reader("c", VELERO.resources[0], lambda: FAR)
    both(reader, value)


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=60))
def test_any_bytes(body: bytes) -> None:
    reader = VELERO.reader("c", VELERO.resources[0], lambda: FAR)
    assert reader.item(body).value.problems


def test_examples_agree(velero: Profile) -> None:
    for resource in velero.resources:
        reader = velero.reader("c", resource, lambda: FAR)
        for example in resource.source.examples:
            both(reader, complete(example.object, resource))


def test_ordinary_objects_are_read_fast(velero: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the fast way would be dead code: of the examples without a problem none is read with care."""
    careful: list[bytes] = []
    monkeypatch.setattr(Reader, "read", lambda _self, raw, _now: careful.append(raw))
    for resource in velero.resources:
        reader = velero.reader("c", resource, lambda: FAR)
        for example in resource.source.examples:
            if not example.problems:
                assert reader.item(json.dumps(complete(example.object, resource)).encode()).value.records, (
                    example.why
                )
    assert careful == []


def test_records_are_shared(reader: Callable[[str], Reader]) -> None:
    """Keys, places and lists of namespaces exist once, however many runs there are."""
    raw = b"""{"metadata":{"name":"%s","namespace":"velero","labels":{"velero.io/schedule-name":"nightly"}},
              "spec":{"storageLocation":"main","includedNamespaces":["a","b"]},"status":{"phase":"Completed"}}"""
    backups = reader("backups")
    one, two = (backups.item(raw % name).value.records[0] for name in (b"one", b"two"))
    assert isinstance(one, Run)
    assert isinstance(two, Run)
    assert one.key is two.key
    assert one.location is two.location
    assert one.namespace is two.namespace
    assert one.phase is two.phase
    assert one.target_namespaces is two.target_namespaces


EVERYTHING = """
operator: everything
title: Everything
documentation: https://example.org/
dialect: robfig
resources:
  - group: example.org
    versions: [v1]
    kind: K
    plural: ks
    record: run
    clock: started
    where: {not: {path: spec.task, equals: delete}}
    action: {first: [spec.task, {value: backup}]}
    outcome:
      path: status.phase
      rules:
        - {is: partial, when: {path: status.phase, equals: Completed, all: [{path: status.exceptions, empty: false}]}}
        - {is: skipped, when: {any: [{path: "status.targets[*].ok", equals: true}, {path: status.n, above: 3}]}}
      map: {Completed: succeeded, "true": failed}
      absent: pending
    fields:
      schedule: {owner: Backup}
      target: {path: metadata.labels.app, match: "^(.)"}
      started: {path: status.start, as: [rfc3339, unix, ctime]}
      ended: {add: [status.start, {path: status.took, as: [go, clock]}]}
      timeout: {first: [{path: spec.timeout, when: {path: spec.timeout, in: [4h0m0s, null]}}, {value: 2h}]}
      size: {sum: "status.targets[*].sizes[*]", as: human-1024}
      transferred: {max: [{path: status.n, default: 1}, {path: status.m, default: 2}]}
      items: {count: "status.targets[*]"}
      errors: {path: status.n, default: 0, when: {outcome: [succeeded, partial]}}
      warnings: {subtract: [{path: status.n, default: 5}, {path: status.m, default: 1}]}
      files_new: {last: "status.targets[*].n", by: "status.targets[*].at"}
      files_changed: {sum: status.instances.*.n}
      location: {path: status.nested, json: a.b, default: none}
      target_namespaces: spec.namespaces[*]
      message:
        first:
          - status.error
          - status.error.message
          - {join: "status.targets[*].error"}
          - {cause: "status.targets[*].error", by: "status.targets[*].at"}
          - {cause: status.targets}
          - {join: [{path: status.n, write: "n={}"}, {join: "status.targets[*ok=true].name", separator: ","}], separator: " "}
          - {template: "{status.phase}!"}
    also:
      - record: schedule
        expand: {each: "status.targets[*]"}
        where: {path: "@.ok", exists: true}
        fields: {schedule: "@.name", crons: "@.crons[*]", paused: "@.ok", target_namespaces: "@.sizes[*]", location: "status.others[name=@.name].where"}
      - record: location
        expand: {each: status.instances.*}
        fields: {name: "@key", available: {test: {path: "@.n", above: 1}}, default: "@.ok"}
      - record: schedule
        expand: {each: [spec.backup, spec.check]}
        action: {path: "@key"}
        fields: {crons: "@.schedule", next_due: "@.next"}
"""


@pytest.fixture(scope="module")
def everything() -> Profile:
    return compile_profile(Document(EVERYTHING))


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_construct(everything: Profile, data: st.DataObject) -> None:
    profile, resource = everything, everything.resources[0]
    value = data.draw(shaped(tuple(want.path for want in resource.machine.wanted)))
    value["metadata"] = (
        {"name": "x", "namespace": "ns", **(value.get("metadata") or {})}
        if isinstance(value.get("metadata"), dict | None)
        else value["metadata"]
    )
    both(profile.reader("c", resource, lambda: FAR), value)
    assert str(explain_object(profile, resource, value, FAR))
