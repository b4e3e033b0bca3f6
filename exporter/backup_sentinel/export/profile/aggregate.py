"""Many values become one: what a path with wildcards is asked for."""

from typing import Any

from backup_sentinel.model import Outcome

from .cast import Cast, caster, formats
from .convert import Kind
from .oddity import Ear
from .schema import Expression
from .scope import PRESENCE, Cursor, Scope, Use
from .step import Get
from .targets import Target
from .walk import text

AGGREGATES = frozenset({"sum", "count", "max", "join", "last"})
_NUMBERS = frozenset({Kind.COUNT, Kind.SIZE, Kind.DURATION, Kind.TIME})


def compile_aggregate(
    word: str, path: str, expr: Expression, target: Target, at: Cursor, scope: Scope
) -> tuple[Get, list[Use]]:
    """Return the getter and its paths; raise DocumentError where the word does not give what the target holds."""
    wanted: dict[str, frozenset[Kind]] = {
        "sum": _NUMBERS - {Kind.TIME},
        "count": frozenset({Kind.COUNT}),
        "max": _NUMBERS,
        "join": frozenset({Kind.TEXT}),
        "last": frozenset(Kind),
    }
    if target.kind not in wanted[word]:
        raise at.at(word).error(f"`{word}` does not give a {target.kind}", key=True)
    use = scope.use(path, at.at(word), PRESENCE if word == "count" else frozenset({str, int, float, bool}))
    if not use.many:
        raise at.at(word).error(
            "this path has no wildcard", hint="[*] is every element of a list, .* every value of a mapping"
        )
    if word == "count":
        return _count(use), [use]
    if word == "last":
        if expr.by is None:
            return _last(use), [use]
        return newest(use, expr.by, at, scope)
    if word == "join":
        return _join(use, expr.separator), [use]
    cast = caster(target, formats(expr.as_, target, at))
    return _reduced(word, use, cast), [use]


def _count(use: Use) -> Get:
    def get(row: tuple[Any, ...], _is: Outcome | None, _ear: Ear) -> Any:
        values = use.get(row)
        return None if values is None else sum(value is not None for value in values)

    return get


def _last(use: Use) -> Get:
    def get(row: tuple[Any, ...], _is: Outcome | None, _ear: Ear) -> Any:
        return next(
            (value for value in reversed(use.get(row) or []) if value is not None and value != ""), None
        )

    return get


def newest(use: Use, path: str, at: Cursor, scope: Scope) -> tuple[Get, list[Use]]:
    """Take the value beside the greatest of the path `by`; texts of one time format compare as the times do."""
    by = scope.use(path, at.at("by"))
    if not by.many:
        raise at.at("by").error("this path has no wildcard", hint="it runs beside the other path")

    def get(row: tuple[Any, ...], _is: Outcome | None, _ear: Ear) -> Any:
        pairs = zip(use.get(row) or [], by.get(row) or [], strict=False)
        known = [(text(order) or "", i, value) for i, (value, order) in enumerate(pairs) if order is not None]
        return max(known, key=lambda entry: entry[:2])[2] if known else None

    return get, [use, by]


def _join(use: Use, separator: str) -> Get:
    def get(row: tuple[Any, ...], _is: Outcome | None, _ear: Ear) -> Any:
        return separator.join([told for value in use.get(row) or [] if (told := text(value))]) or None

    return get


def _reduced(word: str, use: Use, cast: Cast) -> Get:
    reduce: Any = {"sum": sum, "max": max}[word]

    def get(row: tuple[Any, ...], _is: Outcome | None, ear: Ear) -> Any:
        values = use.get(row) or []
        known = [v for value in values if value is not None and (v := cast(value, use.name, ear)) is not None]
        return reduce(known) if known else None

    return get
