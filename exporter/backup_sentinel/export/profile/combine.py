"""Several expressions become one value: the first that is there, the greatest, the sum."""

from collections.abc import Callable
from typing import Any

from backup_sentinel.errors import ProblemReason
from backup_sentinel.model import Outcome

from . import ink
from .convert import Kind, show_time
from .getter import Getter
from .oddity import Ear
from .schema import Expr
from .scope import Cursor
from .step import Get
from .targets import SPAN, TEXT, Target

Row = tuple[Any, ...]
Compile = Callable[[Expr, Target, Cursor], Getter]


def combine(
    word: str, parts: list[Expr], target: Target, at: Cursor, compile_part: Compile, *, separator: str = ""
) -> Getter:
    """Return the getter of `first`, `join`, `max`, `add` or `subtract`; raise DocumentError where that makes no sense.

    To an instant durations are added; two instants may be subtracted where a duration is wanted.
    """
    if not parts:
        raise at.error(f"`{word}` needs at least one part")
    if word == "join" and target.kind not in {Kind.TEXT, Kind.TEXTS}:
        raise at.error(f"`join` does not give a {target.kind}", key=True)
    if word not in {"first", "join"} and target.kind in {Kind.TEXT, Kind.TEXTS, Kind.FLAG}:
        raise at.error(f"a {target.kind} cannot be computed", key=True)
    kinds = [TEXT if word == "join" else target] * len(parts)
    if target.kind is Kind.TIME and word in {"add", "subtract"}:
        kinds[1:] = [SPAN] * (len(parts) - 1)
    elif target.kind is Kind.DURATION and word == "subtract":
        kinds = [Target(Kind.TIME, ahead=True)] * len(parts)
    getters = [
        compile_part(part, kind, at.at(i)) for i, (part, kind) in enumerate(zip(parts, kinds, strict=True))
    ]
    gets = [getter.get for getter in getters]
    codes, code = [getter.code for getter in getters], None
    if word == "first":
        get, code = _first(gets), ink.first(codes)
    elif word == "join":
        get = _joined(gets, separator, several=target.kind is Kind.TEXTS)
    elif word == "max":
        get = _greatest(gets)
        code = ink.greatest(codes, get)
    else:
        get = _total(gets, 1 if word == "add" else -1, target)
        code = None if target.kind is Kind.TIME else ink.total("+" if word == "add" else "-", codes, get)
    return Getter(get, [use for getter in getters for use in getter.uses], [word], code)


def _first(gets: list[Get]) -> Get:
    def get(row: Row, is_: Outcome | None, ear: Ear) -> Any:
        for part in gets:
            value = part(row, is_, ear)
            if value is not None:
                return value
        return None

    return get


def _joined(gets: list[Get], separator: str, *, several: bool) -> Get:
    """Put texts that are there one behind the other."""

    def get(row: Row, is_: Outcome | None, ear: Ear) -> Any:
        text = separator.join([part for one in gets if (part := one(row, is_, ear))])
        return ((text,) if several else text) if text else None

    return get


def _greatest(gets: list[Get]) -> Get:
    def get(row: Row, is_: Outcome | None, ear: Ear) -> Any:
        return max((value for part in gets if (value := part(row, is_, ear)) is not None), default=None)

    return get


def _total(gets: list[Get], sign: int, target: Target) -> Get:
    """Add or subtract all parts; nothing where one is missing. A count, size or duration is never negative."""
    first, rest = gets[0], gets[1:]

    def get(row: Row, is_: Outcome | None, ear: Ear) -> Any:
        total = first(row, is_, ear)
        for part in rest:
            value = part(row, is_, ear)
            if value is None or total is None:
                return None
            total += sign * value
        if total is None:
            return None
        if target.kind is not Kind.TIME:
            return max(total, 0)
        if not target.ahead and total > ear.limit:
            ear.odd(ProblemReason.FUTURE_TIME, "computed", f"in the future: {show_time(total)}")
            return None
        return total

    return get
