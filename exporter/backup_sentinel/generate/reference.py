"""The generated parts of `exporter/README.md`: metrics, settings, operators, command line."""

import argparse
import ast
import inspect
import os
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from backup_sentinel.config import Config
from backup_sentinel.export.exposition import FAMILIES, Family, labels_of
from backup_sentinel.export.profile import Profile
from backup_sentinel.export.store import Scope
from backup_sentinel.relay.telemetry import RelayTelemetry
from backup_sentinel.secret import SecretText
from backup_sentinel.telemetry import Telemetry

from .artefact import Artefact, fill, table

if TYPE_CHECKING:
    from .artefacts import Source

PAGE = "exporter/README.md"


def artefacts(source: "Source") -> Iterator[Artefact]:
    """Yield the page with its blocks filled."""
    blocks = {
        "metrics": metrics(),
        "settings": settings(),
        "operators": operators(source.profiles),
        "commands": commands(source.parser),
    }
    yield Artefact(PAGE, fill((source.root / PAGE).read_text(encoding="utf-8"), blocks))


def metrics() -> str:
    """Return the table of all families, those of the process itself at the end."""
    rows = [
        (
            f"`{family.name}`",
            family.kind.value,
            _labels(family),
            family.unit or "-",
            family.help,
            family.source,
            family.stability.value,
        )
        for family in FAMILIES
    ]
    own = Telemetry()
    RelayTelemetry(own)
    rows += [
        (
            f"`{name}`",
            kind,
            ", ".join(f"`{label}`" for label in labels) or "-",
            unit or "-",
            text,
            "this process",
            "stable",
        )
        for name, kind, labels, unit, text in own.describe()
    ]
    return table(("family", "type", "labels", "unit", "meaning", "source", "stability"), rows)


def _labels(family: Family) -> str:
    """Return the labels of a family; those that all streams have in common are S."""
    names = labels_of(family)
    if family.scope is Scope.STREAM:
        names = ("S", *family.extra)
    return ", ".join(f"`{name}`" for name in names)


def operators(profiles: Sequence[Profile]) -> str:
    """Return the table of the operators that are read, and what of them."""
    rows = [
        (
            f"[{profile.title}]({profile.documentation})",
            f"`{profile.operator}`",
            profile.since or "-",
            ", ".join(f"`{resource.name}`" for resource in profile.resources),
            "; ".join(profile.not_known) or "-",
        )
        for profile in profiles
    ]
    return table(("operator", "profile", "since", "resources", "what it does not tell"), rows)


def commands(parser: argparse.ArgumentParser) -> str:
    """Return the help of every command, as a terminal of 100 columns shows it."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        texts = [parser.format_help()]
        for action in parser._actions:  # noqa: SLF001 - argparse has no other way to reach the commands
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
                texts += [command.format_help() for command in action.choices.values()]
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return "".join(f"```text\n{text.rstrip()}\n```\n\n" for text in texts)


def settings() -> str:
    """Return the table of all settings by their path in the configuration file."""
    rows = [(f"`{path}`", f"`{kind}`", default, text) for path, kind, default, text in _walk(Config, "")]
    return table(("setting", "type", "default", "meaning"), rows)


def _walk(struct: type[msgspec.Struct], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    texts = _texts(struct)
    for field in msgspec.structs.fields(struct):
        path = f"{prefix}{field.encode_name}"
        kinds = _kinds(field.type)
        if kinds:
            yield path, "list", "-", texts.get(field.name, "")
            yield from _walk_kinds(kinds, path)
            continue
        inner = _inner(field.type)
        if inner is not None:
            several = get_origin(field.type) is tuple
            if several:
                yield path, "list", "-", texts.get(field.name, "")
            yield from _walk(inner, f"{path}[]." if several else f"{path}.")
            continue
        yield path, _spell(field.type), _default(field), texts.get(field.name, "")


def _walk_kinds(kinds: Sequence[type[msgspec.Struct]], path: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield what all kinds of a list have in common, and then what each has of its own."""
    shared = set.intersection(*(set(kind.__struct_fields__) for kind in kinds))
    tag_field = kinds[0].__struct_config__.tag_field
    tags = " or ".join(str(kind.__struct_config__.tag) for kind in kinds)
    yield f"{path}[].{tag_field}", tags, "required", "Which kind it is; further settings depend on it."
    for kind in kinds:
        own = f"{path}[{tag_field}={kind.__struct_config__.tag}]."
        for found, words, default, text in _walk(kind, own):
            common = found.removeprefix(own).partition(".")[0].removesuffix("[]") in shared
            if not common:
                yield found, words, default, text
            elif kind is kinds[0]:
                yield f"{path}[].{found.removeprefix(own)}", words, default, text


def _kinds(kind: Any) -> tuple[type[msgspec.Struct], ...]:
    """Return the structs of a list whose elements are one of several, told apart by a tag."""
    members = get_args(get_args(kind)[0]) if get_origin(kind) is tuple else ()
    found = tuple(one for one in members if inspect.isclass(one) and issubclass(one, msgspec.Struct))
    return found if found and found[0].__struct_config__.tag_field else ()


def _texts(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what stands below each field in the source, also of those that are inherited."""
    texts: dict[str, str] = {}
    for one in reversed(struct.__mro__):
        if issubclass(one, msgspec.Struct) and one is not msgspec.Struct:
            texts |= _field_texts(one)
    return texts


def _inner(kind: Any) -> type[msgspec.Struct] | None:
    """Return the struct that a field holds, alone or in a list."""
    for candidate in (kind, *get_args(kind)):
        if inspect.isclass(candidate) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None


def _spell(kind: Any) -> str:
    return msgspec.inspect.type_info(kind).__class__.__name__ if kind is None else _names(kind)


def _names(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind == SecretText:
        return "secret"
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return " or ".join(str(member.value) for member in kind)
    if origin is None:
        return "null" if kind is type(None) else getattr(kind, "__name__", str(kind))
    if hasattr(kind, "__metadata__"):
        return _names(arguments[0])
    if origin is tuple:
        return f"list of {_names(arguments[0])}"
    if origin is dict:
        return f"map of {_names(arguments[0])} to {_names(arguments[1])}"
    if arguments and all(isinstance(argument, str) for argument in arguments):
        return " or ".join(arguments)
    return " or ".join(_names(argument) for argument in arguments if argument is not type(None))


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default
    if value is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if value is msgspec.NODEFAULT:
        return "required"
    if value is None or value in ((), {}, ""):
        return "-"
    return f"`{msgspec.json.encode(value).decode()}`"


@cache
def _field_texts(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what stands below each field in the source."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(struct) or struct))
    body = next(
        node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == struct.__name__
    )
    texts = {}
    for node, after in pairwise(body):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            texts[node.target.id] = inspect.cleandoc(str(after.value.value)).replace("\n", " ")
    return texts
