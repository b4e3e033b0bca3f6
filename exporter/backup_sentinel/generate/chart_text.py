"""The chart's values as people read them: `values.yaml` and the table in the README."""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import yaml

from backup_sentinel.config import Config

from .artefact import table
from .chart_notify import NotifyConfig
from .chart_relay import RelayConfig
from .chart_values import ChartValues

WIDTH = 110
FILES = (Config, RelayConfig, NotifyConfig)
"""Configuration files: values that are handed over as they are."""
HEADER = """\
# Default values of backup-sentinel. Generated from exporter/backup_sentinel/generate/chart_*.py by
# `backup-sentinel generate chart`; change that.
"""


class Switch(NamedTuple):
    """A group of rules that can be loaded or not."""

    key: str
    group: str
    bundle: str
    default: bool
    text: str
    alerts: tuple[str, ...]


class Node(NamedTuple):
    """A value of the chart."""

    path: str
    kind: str
    default: Any
    text: str
    example: str
    children: tuple["Node", ...]

    @property
    def key(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


def nodes(switches: Sequence[Switch]) -> tuple[Node, ...]:
    """Return the values at the root."""
    return tuple(_nodes(ChartValues, "", switches))


def values(switches: Sequence[Switch]) -> str:
    """Return `values.yaml`."""
    return HEADER + "".join("\n" + _write(node, 0) for node in nodes(switches))


def values_table(switches: Sequence[Switch]) -> str:
    """Return the table of all values that are no sections."""
    rows = [
        (f"`{node.path}`", node.kind, f"`{_flow(node.default)}`", node.text)
        for node in _leaves(nodes(switches))
    ]
    return table(("key", "type", "default", "meaning"), rows)


@cache
def explanations(struct: type[msgspec.Struct]) -> dict[str, tuple[str, str]]:
    """Return by field what stands below it in the source: the meaning, and the example or ""."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(struct) or struct))
    body = next(
        node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == struct.__name__
    )
    found = {}
    for node, after in pairwise(body):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text, _, example = inspect.cleandoc(str(after.value.value)).partition("\n\n")
            found[node.target.id] = (text.replace("\n", " "), textwrap.dedent(example).rstrip())
    for parent in struct.__mro__[1:]:
        if parent is not msgspec.Struct and issubclass(parent, msgspec.Struct):
            found = {**explanations(parent), **found}
    return found


def inner(kind: Any) -> type[msgspec.Struct] | None:
    """Return the struct that a section of values holds, None for a value."""
    held = inspect.isclass(kind) and issubclass(kind, msgspec.Struct) and kind not in FILES
    return kind if held else None


def default(field: msgspec.structs.FieldInfo) -> Any:
    """Return the default of a field as plain data."""
    value = field.default
    if value is msgspec.NODEFAULT:
        assert field.default_factory is not msgspec.NODEFAULT, field.name
        value = field.default_factory()
    return {} if isinstance(value, FILES) else msgspec.to_builtins(value)


def ordered(struct: type[msgspec.Struct]) -> list[msgspec.structs.FieldInfo]:
    """Return the fields as people read them: those that are inherited stand where the struct says."""
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    behind: str = getattr(struct, "behind", "")
    if not behind:
        return list(fields.values())
    inherited = [field.name for field in msgspec.structs.fields(struct.__bases__[0])]
    own = [name for name in fields if name not in inherited]
    place = own.index(behind) + 1
    return [fields[name] for name in (*own[:place], *inherited, *own[place:])]


def _nodes(struct: type[msgspec.Struct], prefix: str, switches: Sequence[Switch]) -> Iterator[Node]:
    texts = explanations(struct)
    for field in ordered(struct):
        path = f"{prefix}{field.encode_name}"
        text, example = texts[field.name]
        section = inner(field.type)
        children: tuple[Node, ...] = ()
        if section is not None:
            children = tuple(_nodes(section, f"{path}.", switches))
        elif path == "prometheusRule.groups":
            children = tuple(
                Node(f"{path}.{switch.key}", "bool", switch.default, switch.text, "", ())
                for switch in switches
            )
        given = default(field)
        yield Node(path, _kind(given), given, text, example, children)


def _leaves(found: Sequence[Node]) -> Iterator[Node]:
    for node in found:
        if node.children:
            yield from _leaves(node.children)
        else:
            yield node


def _kind(value: Any) -> str:
    names = {bool: "bool", int: "int", str: "string", dict: "object", tuple: "list", list: "list"}
    return names[type(value)]


def _write(node: Node, depth: int) -> str:
    margin = "  " * depth
    lines = textwrap.wrap(node.text, WIDTH - len(margin) - 2, break_long_words=False, break_on_hyphens=False)
    text = "".join(f"{margin}# {line}\n" for line in lines)
    if node.children:
        return text + f"{margin}{node.key}:\n" + "".join(_write(child, depth + 1) for child in node.children)
    if node.default and isinstance(node.default, (dict, list, tuple)):
        block = yaml.safe_dump(msgspec.to_builtins(node.default), sort_keys=False, default_flow_style=False)
        text += f"{margin}{node.key}:\n{textwrap.indent(_lists(block), margin + '  ')}"
    else:
        text += f"{margin}{node.key}: {_flow(node.default)}\n"
    return text + "".join(f"{margin}#   {line}".rstrip() + "\n" for line in node.example.splitlines())


def _flow(value: Any) -> str:
    """Write a value into one line, a word without quotes."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./-]*", value) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value)


def _lists(block: str) -> str:
    """Indent the entries of lists below their key, which PyYAML does not."""
    return re.sub(r"^( *)- ", r"\1  - ", block, flags=re.MULTILINE) if not block.startswith("- ") else block
