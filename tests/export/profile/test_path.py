"""Paths: what they mean, and what is said about those that mean nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_sentinel.export.profile.path import Each, Find, Index, Key, Path, PathError, Values, parse
from backup_sentinel.export.profile.walk import walk

OBJECT: dict[str, Any] = {
    "metadata": {"labels": {"velero.io/schedule-name": "nightly"}, "name": "x"},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Completed", "status": "False"}, None],
        "targets": [{"stats": [{"size": 1}, {"size": 2}]}, {"stats": None}, {"stats": [{"size": 3}]}],
        "instances": {"a": {"size": 1}, "b": {"size": 2}},
        "empty": [],
        "matrix": [[1, 2], [3]],
    },
}


@pytest.mark.parametrize(
    ("text", "steps", "value"),
    [
        ("metadata.name", (Key("metadata"), Key("name")), "x"),
        ('metadata.labels["velero.io/schedule-name"]', (Key("metadata"), Key("labels"), Key("velero.io/schedule-name")), "nightly"),
        ("metadata.labels['velero.io/schedule-name']", (Key("metadata"), Key("labels"), Key("velero.io/schedule-name")), "nightly"),
        ("status.conditions[type=Completed].status", (Key("status"), Key("conditions"), Find("type", "Completed"), Key("status")), "False"),
        ('status.conditions[type="Ready"].status', (Key("status"), Key("conditions"), Find("type", "Ready"), Key("status")), "True"),
        ("status.conditions[0].type", (Key("status"), Key("conditions"), Index(0), Key("type")), "Ready"),
        ("status.conditions[-2].type", (Key("status"), Key("conditions"), Index(-2), Key("type")), "Completed"),
        ("status.conditions[9].type", (Key("status"), Key("conditions"), Index(9), Key("type")), None),
        ("status.conditions[*].type", (Key("status"), Key("conditions"), Each(), Key("type")), ["Ready", "Completed", None]),
        ("status.targets[*].stats[*].size", None, [1, 2, 3]),
        ("status.instances.*.size", (Key("status"), Key("instances"), Values(), Key("size")), [1, 2]),
        ("status.empty[*].x", None, []),
        ("status.missing[*].x", None, None),
        ("status.missing.deeper", None, None),
    ],
)  # fmt: skip
def test_paths(text: str, steps: Any, value: Any) -> None:
    path = parse(text)
    assert steps is None or path.steps == steps
    assert parse(str(path)) == path
    assert walk(OBJECT, path.steps, lambda *odd: pytest.fail(str(odd))) == value


def test_elements() -> None:
    assert parse("@key") == Path((), element=True, key=True)
    assert parse("@") == Path((), element=True)
    assert parse("@.a.b") == Path((Key("a"), Key("b")), element=True)
    assert parse("@[0]") == Path((Index(0),), element=True)


def test_outer_keeps_the_first_lists_apart() -> None:
    steps = parse("status.targets[*].stats[*].size").steps
    assert walk(OBJECT, steps, lambda *_: None, outer=True) == [[1, 2], None, [3]]


def test_odd_places_are_told() -> None:
    heard: list[tuple[str, str]] = []
    assert walk({"a": {"b": "text"}}, parse("a.b.c").steps, lambda *odd: heard.append(odd)) is None
    assert walk({"a": {}}, parse("a[*].c").steps, lambda *odd: heard.append(odd)) is None
    assert heard == [("a.b", "expected a mapping, got text"), ("a", "expected a list, got a mapping")]


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("", 0, "a path is empty", ""),
        ("a..b", 2, "expected a name", ""),
        ("a.", 2, "expected a name", ""),
        ("a b", 1, "expected `.` or `[`", ""),
        ("a[", 1, "a bracket is not understood", 'write [*], [0], [-1], [type=Ready] or ["key/with.dots"]'),
        ("a[b]", 1, "a bracket is not understood", 'write [*], [0], [-1], [type=Ready] or ["key/with.dots"]'),
        ("metadata.labels.velero.io/schedule-name", 22, "a label or annotation holds no further keys", 'write metadata.labels["velero.io/schedule-name"]'),
        ("metadata.annotations.example/x", 28, "a label or annotation holds no further keys", 'write metadata.annotations["example/x"]'),
        ("status.a/b", 8, "expected `.` or `[`", 'quote it: ["key/with.dots"]'),
    ],
)  # fmt: skip
def test_errors(text: str, column: int, message: str, hint: str) -> None:
    with pytest.raises(PathError) as caught:
        parse(text)
    assert (caught.value.column, caught.value.message, caught.value.hint) == (column, message, hint)


@given(st.text(max_size=30) | st.from_regex(r"[a-z.\[\]*=\"@0-9/-]{0,20}", fullmatch=True))
def test_any_text(text: str) -> None:
    try:
        path = parse(text)
    except PathError as error:
        column = error.column
    else:
        column = 0
        assert parse(str(path)) == path
        walk(OBJECT, path.steps, lambda *_: None)
    assert 0 <= column <= len(text)
