"""YAML to typed values: what is read, and what is said, to the letter, about what is wrong."""

import contextlib
from enum import StrEnum
from textwrap import dedent
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from backup_sentinel.document import Document, load, read_objects
from backup_sentinel.errors import DocumentError


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Mail(Struct, tag_field="kind", tag="mail", forbid_unknown_fields=True):
    to: str


class Hook(Struct, tag_field="kind", tag="hook", forbid_unknown_fields=True):
    url: str
    tries: Annotated[int, Meta(ge=1)] = 3


class Root(Struct, forbid_unknown_fields=True):
    name: str
    colour: Colour = Colour.RED
    mode: Literal["fast", "slow"] = "fast"
    on: bool = False
    ratio: float = 0.0
    version: str = ""
    tags: dict[str, Hook | Mail] = {}
    channels: list[Mail | Hook] = []
    extra: "str | Root | None" = None
    sizes: dict[str, int] = {}


def test_values() -> None:
    text = """\
name: on
version: 1.10
on: true
ratio: 1e-3
colour: green
channels:
  - {kind: hook, url: "http://x", tries: 0x10}
  - kind: mail
    to: 2026-01-01
sizes: {on: 1, 12: 2, true: 3, null: 4}
extra: {name: no, extra: 0123}
"""
    root = load(text, Root)
    assert (root.name, root.version, root.on, root.ratio, root.colour) == (
        "on",
        "1.10",
        True,
        0.001,
        Colour.GREEN,
    )
    assert root.channels == [Hook("http://x", 16), Mail("2026-01-01")]
    assert root.sizes == {"on": 1, "12": 2, "true": 3, "null": 4}
    assert root.extra == Root("no", extra="0123")


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("yes", "yes"), ("No", "No"), ("off", "off"), ("y", "y"), ("true", True), ("FALSE", False), ("~", None),
        ("null", None), ("", None), ("12", 12), ("-3", -3), ("0o17", 15), ("0x1F", 31), ("010", 10), ("1_000", "1_000"),
        ("1:30", "1:30"), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), (".inf", float("inf")), ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("'1'", "1"), ('"true"', "true"), ("!!str 12", "12"),
        ("=", "="), ("|\n  a\n  b\n", "a\nb\n"), ("1" * 500, "1" * 500), ("*", None),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(scalar: str, value: Any) -> None:
    if scalar == "*":
        with pytest.raises(DocumentError, match="not YAML"):
            Document(f"x: {scalar}")
        return
    assert Document(f"x: {scalar}").value == {"x": value}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: x\nchanels: []\n",
            """\
            c.yaml:2:1: unknown field `chanels`
                2 | chanels: []
                    ^
                  hint: did you mean `channels`?""",
        ),
        (
            "name: x\nchannels:\n  - kind: hook\n    url: u\n    retries: 3\n",
            """\
            c.yaml:5:5: unknown field `retries`
                5 |     retries: 3
                        ^
                  hint: did you mean `tries`?""",
        ),
        (
            "name: x\ntags:\n  a.b: {kind: mail, to: y}\n  c: {kind: mail, from: z}\n",
            """\
            c.yaml:4:19: unknown field `from`
                4 |   c: {kind: mail, from: z}
                                      ^
                  hint: valid: kind, to""",
        ),
        (
            "name: x\ntags:\n  c: {kind: mial, to: z}\n",
            """\
            c.yaml:3:13: `mial` is not a valid kind
                3 |   c: {kind: mial, to: z}
                                ^
                  hint: did you mean `mail`?""",
        ),
        (
            "name: x\nchannels:\n  - to: z\n",
            """\
            c.yaml:3:5: `kind` is missing
                3 |   - to: z
                        ^""",
        ),
        (
            "name: x\nchannels:\n  - {kind: hook}\n",
            """\
            c.yaml:3:5: `url` is missing
                3 |   - {kind: hook}
                        ^""",
        ),
        (
            "name: x\ncolour: gren\n",
            """\
            c.yaml:2:9: `gren` is not a valid value
                2 | colour: gren
                            ^
                  hint: did you mean `green`?""",
        ),
        (
            "name: x\nmode: medium\n",
            """\
            c.yaml:2:7: `medium` is not a valid value
                2 | mode: medium
                          ^
                  hint: valid: fast, slow""",
        ),
        (
            "name: x\non: yes\n",
            """\
            c.yaml:2:5: expected true or false, got text
                2 | on: yes
                        ^
                  hint: write true or false""",
        ),
        (
            "name: [x]\n",
            """\
            c.yaml:1:7: expected text, got a list
                1 | name: [x]
                          ^""",
        ),
        (
            "name: x\nextra: [y]\n",
            """\
            c.yaml:2:8: expected text or a mapping or nothing, got a list
                2 | extra: [y]
                           ^""",
        ),
        (
            "name: x\nchannels:\n  - {kind: hook, url: u, tries: 0}\n",
            """\
            c.yaml:3:33: expected a whole number >= 1
                3 |   - {kind: hook, url: u, tries: 0}
                                                    ^""",
        ),
        (
            "name: x\nsizes: {a: 1, b: many}\n",
            """\
            c.yaml:2:18: expected a whole number, got text
                2 | sizes: {a: 1, b: many}
                                     ^""",
        ),
        (
            "name: x\nname: y\n",
            """\
            c.yaml:2:1: `name` is given twice
                2 | name: y
                    ^
                  hint: the first one is in line 1""",
        ),
        (
            "name: &a x\n<<: {on: true}\n",
            """\
            c.yaml:2:1: merge keys are not understood
                2 | <<: {on: true}
                    ^
                  hint: repeat the fields, or use an alias for a whole value""",
        ),
        (
            "name: !secret x\n",
            """\
            c.yaml:1:7: the tag !secret is not understood
                1 | name: !secret x
                          ^
                  hint: write plain YAML without tags""",
        ),
        (
            "name: !!int x\n",
            """\
            c.yaml:1:7: 'x' is no int
                1 | name: !!int x
                          ^""",
        ),
        (
            "name: x\n? [a, b]\n: c\n",
            """\
            c.yaml:2:3: a key must be text
                2 | ? [a, b]
                      ^""",
        ),
        (
            "name: x\n---\nname: y\n",
            """\
            c.yaml:3:1: only one YAML document per file
                3 | name: y
                    ^
                  hint: remove the second `---`""",
        ),
        ("", "c.yaml: expected a mapping, got nothing"),
    ],
)
def test_complaints(text: str, expected: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load(text, Root, "c.yaml")
    assert str(caught.value) == dedent(expected)


def test_no_yaml() -> None:
    with pytest.raises(DocumentError) as caught:
        load("name: x\nchannels: [a\nb: c", Root, "c.yaml")
    assert caught.value.message.startswith("not YAML: ")
    assert (caught.value.line, caught.value.source) == (3, "b: c")
    with pytest.raises(DocumentError, match="not YAML"):
        Document("a: \x00")
    with pytest.raises(DocumentError, match="not YAML"):
        Document("a: *nowhere")


def test_bombs() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{new}: &{new} [{', '.join(['*' + old] * 10)}]" for old, new in zip("abcdef", "bcdefg", strict=True)
    ]
    with pytest.raises(DocumentError, match="more than 200000 values"):
        Document("\n".join(lines))
    with pytest.raises(DocumentError, match="an alias may not stand inside what it stands for"):
        Document("a: &a [*a]")
    with pytest.raises(DocumentError, match=r"nested too deeply|not YAML"):
        Document("[" * 20_000)


def test_an_alias_is_a_value_of_its_own() -> None:
    document = Document("a: &x {n: 1.5}\nb: *x\n")
    assert document.value == {"a": {"n": 1.5}, "b": {"n": 1.5}}
    assert document.value["a"] is not document.value["b"]
    assert document.place(("b", "n")) == (1, 11)


@pytest.mark.parametrize(
    ("text", "offset", "column"),
    [
        ("a: plain", 3, 7),
        ("a: 'it''s'", 3, 9),
        ("a: 'it''s'", 2, 7),
        (r'a: "x\"yz"', 2, 8),
        (r'a: "\x41bc"', 1, 9),
        ("a: |\n  text", 2, 4),
        ("a: plain", 99, 9),
    ],
)
def test_a_place_inside_a_value(text: str, offset: int, column: int) -> None:
    assert Document(text).place(("a",), offset=offset) == (1, column)


def test_places() -> None:
    document = Document("a:\n  - b: 1\n    c: 2\n", "f")
    assert document.place(("a", 0, "c")) == (3, 8)
    assert document.place(("a", 0, "c"), key=True) == (3, 5)
    assert document.place(("a", 0, "missing")) == (2, 5)
    assert document.place(("a", 7)) == (2, 3)
    assert document.place() == (1, 1)
    part = document.part(("a", 0))
    assert part.value == {"b": 1, "c": 2}
    assert str(part.error("no", ("c",), key=True)) == "f:3:5: no\n    3 |     c: 2\n            ^"


def test_convert_a_part() -> None:
    document = Document("x:\n  hook: {url: 1.0}\n")
    assert document.convert(dict[str, Any], ("x",)) == {"hook": {"url": 1.0}}

    class Only(Struct):
        url: str

    assert document.convert(Only, ("x", "hook")).url == "1.0"
    with pytest.raises(DocumentError, match=r"2:15: expected a whole number, got a number"):
        Document("x:\n  hook: {url: 1.5}\n").convert(dict[str, int], ("x", "hook"))


def test_line_ends_and_letters() -> None:
    text = "\ufeffname: x\r\ncolour: r\u00f6d\r\n"
    with pytest.raises(DocumentError) as caught:
        load(text, Root)
    assert (caught.value.line, caught.value.column, caught.value.source) == (2, 9, "colour: r\u00f6d")


def test_objects() -> None:
    assert read_objects("a: 1\n---\n---\nb: on\n") == [{"a": 1}, {"b": "on"}]
    assert read_objects('{"kind": "List",\t"items": [{"a": 1}, {"kind": "BList", "items": [{"b": 2}]}]}') == [
        {"a": 1},
        {"b": 2},
    ]
    assert read_objects("kind: PodList\nitems: [{a: 1}]") == [{"a": 1}]
    assert read_objects('[{"a": 1}, {"b": 2}]') == [{"a": 1}, {"b": 2}]
    assert read_objects("") == []
    assert read_objects("{a: 1}") == [{"a": 1}]
    with pytest.raises(DocumentError, match="this is no Kubernetes object"):
        read_objects("text")
    with pytest.raises(DocumentError, match="is given twice"):
        read_objects("a: 1\na: 2")


@given(st.text(max_size=80) | st.from_regex(r"[a-z0-9:\-{}\[\], \n\"'&*!|>#%?.~]{0,60}", fullmatch=True))
def test_nothing_but_document_errors(text: str) -> None:
    for read in (lambda: load(text, Root), lambda: read_objects(text)):
        with contextlib.suppress(DocumentError):
            read()


yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "tags", "kind", "to", "channels", "extra", "sizes"]), inner, max_size=3),
)  # fmt: skip


@given(yaml_values)
def test_any_value_is_taken_or_told(value: Any) -> None:
    text = msgspec.json.encode(value).decode()
    told: DocumentError | None = None
    try:
        load(text, Root)
    except DocumentError as error:
        told = error
    assert told is None or told.line
