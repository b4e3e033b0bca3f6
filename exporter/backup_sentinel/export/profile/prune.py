"""The wanted paths of a resource become a msgspec type that holds just them, and a function that lists their values.

What nobody wants is skipped by the decoder and never built. A list or mapping that is only asked for its presence
stays bytes. Where one place is wanted in two shapes (text here, a mapping there) it is decoded whole.
"""

import re
from collections.abc import Callable, Iterable
from types import GenericAlias
from typing import Any, NamedTuple

import msgspec

from backup_sentinel.errors import ProblemReason

from .oddity import Refusal
from .path import Each, Find, Key, Path, Step, Values
from .walk import chosen, name, text, walk

Row = tuple[Any, ...]
SCALARS = frozenset({str, int, float, bool})


class _Odd:
    """Stands in a row for a value that was there but could not be taken: neither known nor absent."""

    def __bool__(self) -> bool:
        return False


ODD = _Odd()


class Wanted(NamedTuple):
    """The use of one path: JSON types that it may have, no types where only its presence counts, or the `whole` of it.

    `outer` keeps the lists of the first wildcard apart, `content` asks whether a mapping or list is empty.
    """

    path: Path
    types: frozenset[type]
    whole: bool = False
    outer: bool = False
    content: bool = False


class Node:
    """A place in the objects of a resource, and what is wanted there."""

    def __init__(self) -> None:
        self.types: set[type] = set()
        self.presence = False
        self.content = False
        self.whole = False
        self.keys: dict[str, Node] = {}
        self.items: Node | None = None
        self.values: Node | None = None
        self.names: dict[str, str] = {}

    def want(self, wanted: Wanted) -> None:
        """Add a use of a path."""
        node = self.find(wanted.path)
        node.types |= wanted.types
        node.whole |= wanted.whole
        node.content |= wanted.content
        node.presence |= not wanted.types and not wanted.whole

    def find(self, path: Path) -> "Node":
        """Return the place at the end of a path."""
        node = self
        for step in path.steps:
            node = node._child(step)
        return node

    def _child(self, step: Step) -> "Node":
        if isinstance(step, Key):
            return self.keys.setdefault(step.name, Node())
        if isinstance(step, Values):
            self.values = self.values or Node()
            return self.values
        self.items = self.items or Node()
        if isinstance(step, Find):
            self.items.keys.setdefault(step.key, Node()).types |= SCALARS
        elif isinstance(step, Each):
            for key, _ in step.pairs:
                self.items.keys.setdefault(key, Node()).types |= SCALARS
        return self.items

    @property
    def shape(self) -> str:
        """How the place is decoded: `tree` whole, `struct`, `list`, `map`, `leaf`, or `raw` bytes."""
        shapes = [bool(self.keys), self.items is not None, self.values is not None]
        if self.whole or sum(shapes) > 1 or (any(shapes) and self.types) or (self.keys and self.content):
            return "tree"
        return (
            "struct"
            if shapes[0]
            else "list"
            if shapes[1]
            else "map"
            if shapes[2]
            else "leaf"
            if self.types
            else "raw"
        )

    def type(self, title: str) -> Any:
        """Build the type that decodes this place."""
        match self.shape:
            case "tree":
                return Any
            case "raw":
                return msgspec.Raw
            case "list" if self.items is not None:
                return GenericAlias(list, self.items.type(title + "_item")) | None
            case "map" if self.values is not None:
                return GenericAlias(dict, (str, self.values.type(title + "_value"))) | None
            case "struct":
                return self.struct(title) | None
        kind: Any = None
        for part in (str, int, float, bool):
            kind = kind | part if part in self.types else kind
        return kind

    def struct(self, title: str) -> Any:
        """Build the struct of a place that has wanted keys."""
        fields = []
        for number, (key, node) in enumerate(self.keys.items()):
            self.names[key] = f"f{number}_" + re.sub(r"\W", "_", key)
            default = msgspec.Raw(b"") if node.shape == "raw" else None
            fields.append((self.names[key], node.type(f"{title}_{self.names[key]}"), default))
        rename = {attribute: key for key, attribute in self.names.items()}
        return msgspec.defstruct(title, fields, rename=rename, gc=False)


Tell = Callable[[ProblemReason, str, str], None]


def row_of(wanted: Iterable[Wanted], value: Any, odd: Tell) -> Row:
    """List the values of the wanted paths in a plain object, slowly; tell of what has the wrong type and leave it out."""
    heard = 0

    def tell(reason: ProblemReason, path: str, why: str) -> None:
        nonlocal heard
        heard += 1
        odd(reason, path, why)

    row = []
    for want in wanted:
        before = heard
        found = walk(
            value, want.path.steps, lambda *at: tell(ProblemReason.WRONG_TYPE, *at), outer=want.outer
        )
        fit = _fit(found, want, want.path.steps, tell)
        row.append(ODD if fit is None and heard > before else fit)
    return tuple(row)


def _fit(value: Any, want: Wanted, steps: tuple[Step, ...], odd: Tell) -> Any:
    """Return what the steps led to, without the parts that do not have one of the wanted types."""
    if want.whole or not want.types:
        return value
    wildcards = sum(isinstance(step, (Each, Values)) for step in steps)

    def fit(part: Any, lists: int) -> Any:
        if part is None or (not lists and type(part) in want.types):
            return part
        if lists and isinstance(part, list):
            return [fit(inner, lists - 1) for inner in part]
        odd(ProblemReason.WRONG_TYPE, str(want.path), f"did not expect {name(part)}")
        return None

    return fit(value, 2 if want.outer and wildcards > 1 else min(wildcards, 1))


def extractor(root: Node, wanted: list[Wanted]) -> Callable[[Any], Row]:
    """Write the function that lists the values of the wanted paths of a decoded object; `Refusal` where it cannot."""
    space: dict[str, Any] = {}
    lines = ["def extract(o):"]
    slots = [(number, want.path.steps, want) for number, want in enumerate(wanted)]
    _emit(root, "o", slots, lines, space, 1)
    lines.append(f"    return ({', '.join(f'v{number}' for number, _, _ in slots)},)")
    exec("\n".join(lines), space)  # noqa: S102 - the text is made of numbers and of names cleaned in `struct`
    extract: Callable[[Any], Row] = space["extract"]
    return extract


Slot = tuple[int, tuple[Step, ...], Wanted]


def _emit(
    node: Node, var: str, slots: list[Slot], lines: list[str], space: dict[str, Any], depth: int
) -> None:
    """Write the lines for a struct: one test for each inner struct, one assignment for each leaf."""
    pad = "    " * depth
    by_key: dict[str, list[Slot]] = {}
    for number, steps, want in slots:
        head = steps[0]
        assert isinstance(head, Key)
        by_key.setdefault(head.name, []).append((number, steps[1:], want))
    for key, inner in by_key.items():
        child, attribute = node.keys[key], f"{var}.{node.names[key]}"
        if child.shape == "struct":
            name_ = f"{var}{node.names[key]}"
            nothing = " = ".join(f"v{number}" for number, _, _ in inner)
            lines += [
                f"{pad}{name_} = {attribute}",
                f"{pad}if {name_} is None:",
                f"{pad}    {nothing} = None",
                f"{pad}else:",
            ]
            lines += [f"{pad}    v{number} = {name_}" for number, steps, _ in inner if not steps]
            deeper = [slot for slot in inner if slot[1]]
            _emit(child, name_, deeper, lines, space, depth + 1)
            continue
        for number, steps, want in inner:
            if child.shape == "leaf" or (child.shape == "list" and steps == (Each(),) and _plain(child)):
                lines.append(f"{pad}v{number} = {attribute}")
            else:
                space[f"pick{number}"] = _picker(child, steps, want, outer=want.outer)
                lines.append(f"{pad}v{number} = pick{number}({attribute})")


def _plain(node: Node) -> bool:
    return node.items is not None and node.items.shape == "leaf"


def _refuse(*_: str) -> None:
    raise Refusal


def _picker(
    node: Node, steps: tuple[Step, ...], want: Wanted, *, outer: bool = False
) -> Callable[[Any], Any]:
    """Return a function that takes the steps over what the decoder made of a place."""
    if node.shape == "tree":
        return lambda value: _fit(walk(value, steps, _refuse, outer=outer), want, steps, _refuse)
    if not steps:
        return presence if node.shape == "raw" else lambda value: value
    step, rest = steps[0], steps[1:]
    if isinstance(step, Key):
        attribute, inner = node.names[step.name], _picker(node.keys[step.name], rest, want, outer=outer)
        return lambda value: None if value is None else inner(getattr(value, attribute))
    part = node.values if isinstance(step, Values) else node.items
    assert part is not None
    each = _picker(part, rest, want)
    if isinstance(step, (Each, Values)):
        flat = not outer and any(isinstance(later, (Each, Values)) for later in rest)
        if isinstance(step, Each) and step.pairs:
            choose = _chooser(step, part)
            return lambda value: None if value is None else _each(choose(value), each, flat)
        return lambda value: None if value is None else _each(value, each, flat)
    if isinstance(step, Find):
        return _finder(step, part, each)
    at = step.at
    return lambda value: each(value[at]) if value is not None and -len(value) <= at < len(value) else None


def _finder(step: Find, part: Node, each: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that picks from the first element that has a text at a key."""
    attribute, key, wanted = part.names.get(step.key, ""), step.key, step.value

    def pick(value: Any) -> Any:
        for element in value or ():
            if element is not None:
                found = getattr(element, attribute) if part.shape == "struct" else _of(element, key)
                if text(found) == wanted:
                    return each(element)
        return each(None)

    return pick


def _chooser(step: Each, part: Node) -> Callable[[list[Any]], list[Any]]:
    """Return a function that keeps the elements that have the texts that a step asks for."""
    if part.shape != "struct":
        return lambda value: chosen(value, step)
    pairs = [(part.names[key], wanted) for key, wanted in step.pairs]
    return lambda value: [
        element
        for element in value
        if element is not None and all(text(getattr(element, name)) == wanted for name, wanted in pairs)
    ]


def _of(element: Any, key: str) -> Any:
    return element.get(key) if isinstance(element, dict) else None


def _each(value: Any, each: Callable[[Any], Any], flat: bool) -> list[Any]:
    found = [each(part) for part in (value.values() if isinstance(value, dict) else value)]
    return [leaf for part in found if part is not None for leaf in part] if flat else found


def presence(raw: Any) -> Any:
    """Tell of bytes that were not decoded: None for missing and null, "" for an empty value, else True."""
    body = b"" if raw is None else bytes(raw)
    if len(body) > 40:
        return True
    body = body.strip()
    if body in {b"", b"null"}:
        return None
    return True if body[:1] not in b'{["' or body[1:-1].strip() else ""
