"""The decoder builds what is wanted and nothing else."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from backup_sentinel.export.profile import Profile
from backup_sentinel.export.profile.path import parse
from backup_sentinel.export.profile.prune import SCALARS, Node, Wanted, extractor, presence


def shape(*wanted: tuple[str, frozenset[type]], **more: Any) -> tuple[Node, list[Wanted]]:
    listed = [Wanted(parse(path), types, **more) for path, types in wanted]
    root = Node()
    for want in listed:
        root.want(want)
    return root, listed


def decoded(body: bytes, *wanted: tuple[str, frozenset[type]], **more: Any) -> tuple[Any, tuple[Any, ...]]:
    root, listed = shape(*wanted, **more)
    value = msgspec.json.decode(body, type=root.struct("test"))
    return value, extractor(root, listed)(value)


def fields(value: Any) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(value)]


def test_nobody_asked_for_it() -> None:
    body = b'{"metadata":{"name":"x","managedFields":[{"a":1}]},"spec":{"secret":"s"},"status":{"phase":"Done","x":[1]}}'
    value, row = decoded(body, ("metadata.name", SCALARS), ("status.phase", SCALARS))
    assert row == ("x", "Done")
    assert fields(value) == ["metadata", "status"]
    assert fields(value.f0_metadata) == ["name"]


def test_what_nobody_asked_for_may_be_anything() -> None:
    """Invalid text in a skipped place does no harm."""
    _, row = decoded(b'{"a":{"x":"\xff"},"b":1}', ("b", SCALARS))
    assert row == (1,)


def test_presence_builds_nothing() -> None:
    value, row = decoded(b'{"status":{"error":{"deep":[1,2]}}}', ("status.error", frozenset()))
    assert row == (True,)
    assert isinstance(value.f0_status.f0_error, msgspec.Raw)


@pytest.mark.parametrize(
    ("raw", "found"),
    [(b"", None), (b"null", None), (b"{}", ""), (b"[ ]", ""), (b'""', ""), (b"0", True), (b"false", True), (b"[0]", True),
     (b'{"a":1}', True), (b'"' + b"x" * 100 + b'"', True)],
)  # fmt: skip
def test_presence(raw: bytes, found: Any) -> None:
    assert presence(msgspec.Raw(raw)) is found or presence(msgspec.Raw(raw)) == found


def test_lists_and_mappings() -> None:
    body = b'{"a":[{"k":"x","v":1,"w":9},null,{"k":"y","v":2}],"m":{"p":{"v":3},"q":null}}'
    value, row = decoded(
        body,
        ("a[*].v", SCALARS),
        ("a[k=y].v", SCALARS),
        ("a[-1].k", SCALARS),
        ("m.*.v", SCALARS),
        ("a[7].v", SCALARS),
    )
    assert row == ([1, None, 2], 2, "y", [3, None], None)
    assert sorted(fields(value.f0_a[0])) == ["k", "v"]


def test_two_shapes_are_decoded_whole() -> None:
    wanted = (("e", SCALARS), ("e.m", SCALARS))
    assert decoded(b'{"e":"text"}', wanted[0])[1] == ("text",)
    root, _ = shape(*wanted)
    assert root.keys["e"].shape == "tree"


def test_the_package_prunes(velero: Profile) -> None:
    """A Backup of several kilobytes becomes a handful of values."""
    backups = velero.resources[0]
    paths = {str(want.path) for want in backups.machine.wanted}
    assert "metadata.managedFields" not in " ".join(paths)
    assert not any(path.startswith(("spec.template", "spec.hooks", "metadata.annotations")) for path in paths)
    assert len(paths) < 40


def test_a_key_may_be_any_text() -> None:
    body = b'{"class":{"f0_x":1,"a-b":2,"\xc3\xa9":3}}'
    paths = ("class.f0_x", "class.a-b", 'class["\u00e9"]')
    assert decoded(body, *((path, SCALARS) for path in paths))[1] == (1, 2, 3)


def test_compiled_resources_are_shared(velero: Profile, reader: Callable[[str], Any]) -> None:
    one = velero.reader("a", velero.resources[0], lambda: 0.0)
    two = velero.reader("b", velero.resources[0], lambda: 0.0)
    assert one._machine is two._machine
