"""YAML text becomes typed values; what is wrong is shown at its line and column, with a hint.

Configuration and profiles go through here. Scalars follow YAML 1.2 (the core schema), as people who write
Kubernetes manifests expect: `on`, `yes` and `2026-01-01` are text, only `true` and `false` are flags, and a plain
`1.10` stays the text "1.10" where text is wanted. Duplicate keys, merge keys and tags are refused.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec
import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from backup_sentinel.errors import DocumentError

from .complaint import Path, coercible, describe, locate, pick

T = TypeVar("T")

_TAG = "tag:yaml.org,2002:"
_SECRETS = ("token", "password", "secret", "ca_data", "api_key")
_LIMIT = 200_000
"""Values of one document; aliases count each time, so that a few lines cannot become gigabytes."""
_ESCAPES = {"x": 4, "u": 6, "U": 10}
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The reader of pyyaml (its C form where built) with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - pyyaml's own way to say which scalars exist


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]{1,400}|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", "<<", ["<"]),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_pattern})$"), _first)


class Document:
    """One YAML document: its plain value, and where each value and each key stands in the text."""

    def __init__(self, text: str, file: str = "") -> None:
        """Read the text; raise DocumentError where it is not one YAML document of mappings, lists and scalars."""
        self.file = file
        self.text = text
        self._lines = _BREAK.split(text)
        self._values: dict[Path, Node] = {}
        self._keys: dict[Path, Node] = {}
        nodes = _compose(text, file)
        if len(nodes) > 1:
            raise self._raise_at(nodes[1], "only one YAML document per file", "remove the second `---`")
        self.value = self._build(nodes[0], (), []) if nodes else None

    def convert(self, kind: type[T], at: Path = ()) -> T:
        """Return the value at a path as the type; raise DocumentError that points at what does not fit."""
        value = pick(self.value, at)
        while True:
            try:
                return msgspec.convert(value, kind, str_keys=True)
            except msgspec.ValidationError as error:
                message = str(error)
            path, is_key = locate(value, kind, message)
            node = self._values.get(at + path)
            if path and not is_key and isinstance(node, ScalarNode) and coercible(message) and node.value:
                pick(value, path[:-1])[path[-1]] = node.value  # plain `1.10` or `true` where text is wanted
                continue
            told, on_key, hint = describe(message, kind, value, path)
            raise self.error(told, (*at, *path, *on_key), key=is_key or bool(on_key), hint=hint)

    def error(
        self, message: str, path: Path = (), *, offset: int = 0, key: bool = False, hint: str = ""
    ) -> DocumentError:
        """Return an error that points at a value, `offset` characters into a scalar, or at the key of a value."""
        found = _error(self.file, self._lines, self.place(path, offset=offset, key=key), message, hint)
        if (
            key and path and get_close_matches(str(path[-1]).lower(), _SECRETS, 1, 0.7)
        ):  # a misspelt secret is one too
            end = found.source.find(":", found.column - 1) + 1
            found.source = (
                f"{found.source[:end]} ..." if 0 < end < len(found.source.rstrip()) else found.source
            )
        return found

    def place(self, path: Path = (), *, offset: int = 0, key: bool = False) -> tuple[int, int]:
        """Return line and column, from 1, of a value or its key; of the nearest parent where it is not written."""
        if key and path in self._keys:
            mark = self._keys[path].start_mark
            return mark.line + 1, mark.column + 1
        while path and path not in self._values:
            path, offset = path[:-1], 0
        node = self._values.get(path)
        if node is None:
            return (1, 1) if self.text else (0, 0)
        mark = node.start_mark
        return mark.line + 1, mark.column + 1 + (
            _inside(node, self._lines[mark.line], offset) if offset else 0
        )

    def part(self, path: Path) -> "Document":
        """Return what stands at a path as a document of its own, whose errors point into this one's text."""
        part = Document("", self.file)
        part.text, part._lines, part.value = self.text, self._lines, pick(self.value, path)
        depth = len(path)
        part._values = {key[depth:]: node for key, node in self._values.items() if key[:depth] == path}
        part._keys = {key[depth:]: node for key, node in self._keys.items() if key[:depth] == path}
        return part

    def _raise_at(self, node: Node, message: str, hint: str = "") -> DocumentError:
        return _error(
            self.file, self._lines, (node.start_mark.line + 1, node.start_mark.column + 1), message, hint
        )

    def _build(self, node: Node, path: Path, above: list[Node]) -> Any:
        if any(node is parent for parent in above):
            raise self._raise_at(node, "an alias may not stand inside what it stands for")
        self._values[path] = node
        if len(self._values) > _LIMIT:
            raise self._raise_at(node, f"more than {_LIMIT} values")
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path, [*above, node])
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return [self._build(item, (*path, i), [*above, node]) for i, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and node.tag.startswith(_TAG):
            return self._scalar(node)
        raise self._raise_at(node, f"the tag {node.tag} is not understood", "write plain YAML without tags")

    def _mapping(self, node: MappingNode, path: Path, above: list[Node]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                raise self._raise_at(key, "a key must be text")
            if key.tag == _TAG + "merge":
                raise self._raise_at(
                    key,
                    "merge keys are not understood",
                    "repeat the fields, or use an alias for a whole value",
                )
            name = str(key.value)
            if name in value:
                line = self._keys[*path, name].start_mark.line + 1
                raise self._raise_at(key, f"`{name}` is given twice", f"the first one is in line {line}")
            self._keys[*path, name] = key
            value[name] = self._build(item, (*path, name), above)
        return value

    def _scalar(self, node: ScalarNode) -> Any:
        text, tag = str(node.value), node.tag.removeprefix(_TAG)
        try:
            match tag:
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text, 0 if text[:2] in {"0o", "0x"} else 10)
                case "float":
                    number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
                    return text if abs(number) == float("inf") and "inf" not in text.lower() else number
                case "str" | "merge":
                    return text
        except ValueError:
            pass
        raise self._raise_at(node, f"{text!r} is no {tag}")


def load(text: str, kind: type[T], file: str = "") -> T:
    """Return the text as the type; raise DocumentError with file, line, column, caret and hint."""
    return Document(text, file).convert(kind)


def read_objects(text: str, file: str = "") -> list[dict[str, Any]]:
    """Return the Kubernetes objects of YAML or JSON text: several documents, and what is in a `kind: ...List`.

    Raise DocumentError where it is neither, or where an element is no object.
    """
    values: list[Any] = []
    if text.lstrip()[:1] in {"{", "["}:  # JSON may be indented with tabs, which YAML refuses
        try:
            values = [msgspec.json.decode(text)]
        except (msgspec.MsgspecError, RecursionError):
            values = []
    if not values:
        for node in _compose(text, file):
            document = Document("", file)
            document._lines = _BREAK.split(text)  # noqa: SLF001 - the same class, one document of several
            values.append(document._build(node, (), []))  # noqa: SLF001
    return list(_objects(values, file))


def _objects(values: Sequence[Any], file: str) -> Iterator[dict[str, Any]]:
    for value in values:
        if value is None:
            continue
        if isinstance(value, list):
            yield from _objects(value, file)
        elif not isinstance(value, dict):
            raise DocumentError(
                "this is no Kubernetes object", file=file, hint="expected apiVersion, kind, metadata"
            )
        elif str(value.get("kind", "")).endswith("List") and isinstance(value.get("items"), list):
            yield from _objects(value["items"], file)
        else:
            yield value


def _compose(text: str, file: str) -> list[Node]:
    loader = None
    try:
        loader = _Loader(text)
        nodes = []
        while loader.check_node():
            nodes.append(loader.get_node())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = (mark.line + 1, mark.column + 1) if mark else _counted(text, getattr(error, "position", None))
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        raise _error(file, _BREAK.split(text), place, f"not YAML: {problem}", "") from None
    except RecursionError:
        raise DocumentError("nested too deeply", file=file) from None
    finally:
        if loader is not None:
            loader.dispose()
    return nodes


def _counted(text: str, position: object) -> tuple[int, int]:
    """Return line and column of a character; (0, 0) where it is not known which."""
    if not isinstance(position, int):
        return 0, 0
    before = _BREAK.split(text[:position])
    return len(before), len(before[-1]) + 1


def _error(file: str, lines: Sequence[str], place: tuple[int, int], message: str, hint: str) -> DocumentError:
    line, column = place
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    return DocumentError(message, file=file, line=line, column=column, source=source, hint=hint)


def _inside(node: Node, line: str, offset: int) -> int:
    """Count the characters of the source before character `offset` of a scalar written on one line."""
    if (
        not isinstance(node, ScalarNode)
        or node.start_mark.line != node.end_mark.line
        or node.style in {"|", ">"}
    ):
        return 0
    raw = line[node.start_mark.column : node.end_mark.column]
    if node.style not in {"'", '"'}:
        return min(offset, len(raw))
    at = 1
    for _ in range(offset):
        if node.style == "'":
            at += 2 if raw[at : at + 2] == "''" else 1
        else:
            at += _ESCAPES.get(raw[at + 1 : at + 2], 2) if raw[at : at + 1] == "\\" else 1
    return min(at, len(raw))
