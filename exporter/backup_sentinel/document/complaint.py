"""What msgspec says of a value that does not fit, said as a person would, and the path it means."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect

Path = tuple[str | int, ...]
"""Keys and indices from the root of a document to a value."""

_WORDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "null": "nothing",
    "object": "a mapping", "array": "a list",
}  # fmt: skip
_COERCE = re.compile(r"^Expected `(?:[^`]*\| )?str(?: \|[^`]*)?`.*, got `(?:int|float|bool)`")
_AT = re.compile(r" - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])")


def pick(value: Any, path: Path) -> Any:
    """Return the part of a plain value at a path; raise KeyError, IndexError or TypeError where there is none."""
    for step in path:
        value = value[step]
    return value


def coercible(message: str) -> bool:
    """Tell whether a plain scalar was read as a number or flag where text is wanted."""
    return _COERCE.match(message) is not None


def locate(value: Any, kind: Any, message: str) -> tuple[Path, bool]:
    """Find the path that msgspec means; it names keys of mappings `[...]`, so each is tried alone."""
    found = _AT.search(message)
    path: Path = ()
    if found is None:
        return path, False
    steps = list(_STEP.finditer(found["path"]))
    for step in [*steps, None] if found["key"] else steps:
        here = pick(value, path)
        if step is not None and step["name"] is not None:
            path += (step["name"],)
        elif step is not None and step["index"] is not None:
            path += (int(step["index"]),)
        elif isinstance(here, dict):
            guilty = [key for key in here if _fails(_with(value, path, {key: here[key]}), kind, message)]
            if not guilty:
                return path, False
            path += (guilty[0],)
    return path, bool(found["key"])


def _with(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], new)
    return copy


def _fails(value: Any, kind: Any, message: str) -> bool:
    try:
        msgspec.convert(value, kind, str_keys=True)
    except msgspec.ValidationError as error:
        return str(error) == message
    return False


def describe(message: str, kind: Any, value: Any, path: Path) -> tuple[str, Path, str]:
    """Say it as a person would: the message, the key to point at if any, and a hint."""
    message = _AT.sub("", message)
    quoted = re.findall(r"[`']([^`']*)[`']", message)
    if message.startswith("Object contains unknown field"):
        info = _type_at(kind, value, path)
        return f"unknown field `{quoted[0]}`", (quoted[0],), nearest(quoted[0], _names(info))
    if message.startswith("Object missing required field"):
        return f"`{quoted[0]}` is missing", (), ""
    if message.startswith("Invalid enum value"):
        return (
            f"`{quoted[0]}` is not a valid value",
            (),
            nearest(quoted[0], _names(_type_at(kind, value, path))),
        )
    if message.startswith("Invalid value") and path:
        tags = _names(_type_at(kind, _with(value, path, None), path[:-1]), tags=True)
        return f"`{quoted[0]}` is not a valid {path[-1]}", (), nearest(quoted[0], tags)
    if len(quoted) == 2 and message.startswith("Expected") and "`, got `" in message:
        wanted = " or ".join(_WORDS.get(word, word) for word in quoted[0].split(" | "))
        found = pick(value, path)
        flag = (
            "bool" in quoted[0] and found in {"yes", "no", "on", "off"} if isinstance(found, str) else False
        )
        hint = "write true or false" if flag else ""
        return f"expected {wanted}, got {_WORDS.get(quoted[1], quoted[1])}", (), hint
    return (
        re.sub(r"`(\w+)`", lambda word: _WORDS.get(word[1], word[0]), message[:1].lower() + message[1:]),
        (),
        "",
    )


def nearest(word: str, names: Iterable[str]) -> str:
    """Return a hint that names the valid word nearest to a wrong one, or all valid words."""
    names = sorted(names)
    close = difflib.get_close_matches(word, names, n=1) or [n for n in names if n.lower() == word.lower()]
    return f"did you mean `{close[0]}`?" if close else f"valid: {', '.join(names)}" if names else ""


def _names(info: inspect.Type | None, *, tags: bool = False) -> list[str]:
    """List the words that are valid for a type: tags of structs, members of enums, fields of a struct."""
    if isinstance(info, inspect.UnionType):
        return [name for part in info.types for name in _names(part, tags=tags)]
    if isinstance(info, inspect.StructType):
        return (
            [str(info.tag)]
            if tags
            else [*([info.tag_field] if info.tag_field else []), *(f.encode_name for f in info.fields)]
        )
    if isinstance(info, inspect.EnumType):
        return [str(member.value) for member in info.cls]
    return [str(value) for value in info.values] if isinstance(info, inspect.LiteralType) else []


def _type_at(kind: Any, value: Any, path: Path) -> inspect.Type | None:
    """Find the type that is meant at a path; where several structs are possible the tag in the value decides."""
    info: inspect.Type | None = inspect.type_info(kind)
    for step in (*path, None):
        if isinstance(info, inspect.UnionType) and isinstance(value, dict):
            structs = [part for part in info.types if isinstance(part, inspect.StructType)]
            tagged = [part for part in structs if part.tag_field and value.get(part.tag_field) == part.tag]
            others = [part for part in info.types if isinstance(part, inspect.DictType)]
            info = tagged[0] if tagged else structs[0] if len(structs) == 1 else others[0] if others else info
        elif isinstance(info, inspect.UnionType) and isinstance(value, list):
            info = next((part for part in info.types if hasattr(part, "item_type")), None)
        if step is None:
            break
        if isinstance(info, inspect.StructType):
            info = next((field.type for field in info.fields if field.encode_name == step), None)
        else:
            info = getattr(info, "item_type", None) or getattr(info, "value_type", None)
        value = value[step]
    return info
