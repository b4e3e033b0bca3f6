"""Getters and tests, written as Python expressions for the fast way.

A getter is a function of functions, which is slow where millions of objects are read. So whatever has a plain form tells
it here, and the generated function of a record holds it inline; the rest stays a call. Both must mean the same:
a test compares the two ways on arbitrary objects.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from .convert import FORMATS, Kind, instant
from .targets import Target

_SHARED: dict[tuple[str, ...], tuple[str, ...]] = {}


class Snippet(NamedTuple):
    """A Python expression over `v0`, `v1`, ... (the row), `outcome`, `limit` and bound names; `sure` is never None."""

    text: str
    sure: bool = False


class Pen:
    """What a snippet is written with: the types the decoder lets through at each slot, and the names in use."""

    def __init__(self, types: list[frozenset[type]]) -> None:
        self.types = types
        self.space: dict[str, Any] = {"instant": instant, "go": FORMATS["go"].read, "texts": texts}
        self._temps = 0

    def bind(self, value: Any) -> str:
        """Return a name that stands for a value."""
        if value is None or isinstance(value, (bool, int)):
            return repr(value)
        name = f"k{len(self.space)}"
        self.space[name] = value
        return name

    def temp(self) -> str:
        """Return a name for a value that is used twice."""
        self._temps += 1
        return f"t{self._temps}"

    def call(self, get: Callable[..., Any]) -> Snippet:
        """Write the call of a getter."""
        return Snippet(f"{self.bind(get)}(row, outcome, ear)")


Code = Callable[[Pen], Snippet]


def leaf(target: Target, slot: int, get: Callable[..., Any], *, many: bool) -> Code:
    """Write the value at a slot, read as the target's kind in its default format; anything odd is left to the getter."""

    def code(pen: Pen) -> Snippet:
        v, call, types = f"v{slot}", pen.call(get).text, pen.types[slot]
        match target.kind:
            case Kind.TEXTS if many and types == {str}:
                return Snippet(f"(texts({v}) if {v} else None)")
            case Kind.TEXT if types == {str}:
                return Snippet(f"({v} or None)")
            case Kind.TIME if types == {str}:
                return Snippet(f"(instant({v}, {'1e30' if target.ahead else 'limit'}) if {v} else None)")
            case Kind.DURATION:
                return Snippet(f"(None if {v} is None else go({v}) if {v}.__class__ is str else {call})")
            case Kind.COUNT | Kind.SIZE:
                return Snippet(
                    f"({v} if {v} is None or ({v}.__class__ is int and 0 <= {v} < 1e18) else {call})"
                )
            case Kind.FLAG:
                return Snippet(f"({v} if {v} is None or {v}.__class__ is bool else {call})")
        return Snippet(call)

    return code


def texts(values: list[str | None]) -> tuple[str, ...] | None:
    """Return a list of texts as a tuple that all objects share; without what is missing or empty."""
    found: tuple[Any, ...] = tuple(values)
    if "" in found or None in found:
        found = tuple(value for value in found if value)
    return _SHARED.setdefault(found, found) if found else None


def either(code: Code, default: Any) -> Code:
    """Write a value, or the default where it is missing."""

    def write(pen: Pen) -> Snippet:
        inner, name = code(pen), pen.temp()
        return Snippet(
            f"({pen.bind(default)} if ({name} := {inner.text}) is None else {name})", sure=default is not None
        )

    return write


def guarded(code: Code, test: Code) -> Code:
    """Write a value that is only there where a test holds."""
    return lambda pen: Snippet(f"({code(pen).text} if {test(pen).text} else None)")


def first(codes: list[Code]) -> Code:
    """Write the first value that is there."""

    def write(pen: Pen) -> Snippet:
        text, sure = codes[-1](pen)
        for code in reversed(codes[:-1]):
            name, inner = pen.temp(), code(pen)
            text = f"({name} if ({name} := {inner.text}) is not None else {text})"
            sure = sure or inner.sure
        return Snippet(text, sure)

    return write


def greatest(codes: list[Code], get: Callable[..., Any]) -> Code:
    """Write the greatest of values that are always there; else the call."""

    def write(pen: Pen) -> Snippet:
        text, sure = codes[0](pen)
        for code in codes[1:]:
            one, other, inner = pen.temp(), pen.temp(), code(pen)
            sure = sure and inner.sure
            text = f"({one} if ({one} := {text}) >= ({other} := {inner.text}) else {other})"
        return Snippet(text, sure=True) if sure else pen.call(get)

    return write


def total(sign: str, codes: list[Code], get: Callable[..., Any]) -> Code:
    """Write a sum or difference, not below 0, of values that are always there; else the call."""

    def write(pen: Pen) -> Snippet:
        parts, name = [code(pen) for code in codes], pen.temp()
        if not all(part.sure for part in parts):
            return pen.call(get)
        return Snippet(
            f"({name} if ({name} := {f' {sign} '.join(part.text for part in parts)}) > 0 else 0)", sure=True
        )

    return write


def joined(word: str, tests: list[Code]) -> Code:
    """Write several tests with `and` or `or`."""
    return lambda pen: Snippet(f"({f' {word} '.join(test(pen).text for test in tests)})")
