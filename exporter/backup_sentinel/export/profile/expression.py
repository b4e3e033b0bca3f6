"""An expression becomes a function that gets its value from a row."""

from typing import Any

from msgspec import UNSET

from backup_sentinel.model import Outcome

from . import ink
from .aggregate import AGGREGATES, compile_aggregate
from .cast import caster, formats
from .cause import compile_cause
from .combine import combine
from .condition import compile_condition, regex
from .convert import Format, Kind
from .getter import Getter
from .ink import Snippet
from .oddity import Ear
from .prune import SCALARS
from .schema import Condition, Expr, Expression
from .scope import TEXT, Cursor, Scope, Use
from .step import json_step, map_step, match_step, write_step
from .targets import TEXT as TEXT_TARGET
from .targets import Target
from .template import compile_template

_SINGLE = ("path", "owner", "template", "cause", "last")
"""Sources that give a raw value, which still has to be read as what the target holds."""
_LISTS = ("first", "add", "subtract")
SOURCES = (
    "path", "first", "value", "owner", "template", "cause", "test", "add", "subtract", *sorted(AGGREGATES)
)  # fmt: skip
STEPS = ("json", "match", "map", "write")


def compile_expression(expr: Expr, target: Target, at: Cursor, scope: Scope) -> Getter:
    """Return the getter of what a target holds; raise DocumentError at what makes no sense."""
    if isinstance(expr, str):
        expr, at = Expression(path=expr), _Short(at)
    source = _which(expr, at)
    steps = [word for word in STEPS if getattr(expr, word) is not None]
    if steps and source not in {*_SINGLE, "first", "join"}:
        raise at.at(steps[0]).error(f"`{steps[0]}` does not go with `{source}`", key=True)
    texts = steps and source in {"first", "join"}
    getter = _source(source, expr, TEXT_TARGET if texts else target, at, scope)
    if steps:
        _steps(getter, expr, source, at)
    if steps or source in _SINGLE:
        _cast(getter, expr, target, formats(expr.as_, target, at))
        use = getter.uses[0] if getter.uses else None
        if (
            use is not None
            and source in {"path", "owner"}
            and not steps
            and expr.as_ is None
            and not use.element
        ):
            getter.plain = ink.leaf(target, use.slot, getter.get, many=use.many)
    elif expr.as_ is not None and source not in AGGREGATES | {"value"}:
        raise at.at("as").error("say the format where the parts are", key=True)
    _default(getter, expr, target, at)
    _when(getter, expr, at, scope)
    return getter


def _which(expr: Expression, at: Cursor) -> str:
    """Return the one source that an expression has."""
    given = [word for word in SOURCES if getattr(expr, word) is not None and getattr(expr, word) is not UNSET]
    if not given:
        raise at.error("an expression needs a source", hint=f"one of {', '.join(SOURCES)}")
    if len(given) > 1:
        raise at.at(given[1]).error(f"`{given[0]}` and `{given[1]}` are two sources", key=True)
    if expr.by is not None and given[0] not in {"last", "cause"}:
        raise at.at("by").error("`by` goes with `last` and `cause`", key=True)
    return given[0]


class _Short(Cursor):
    """The place of an expression that is only text: all of it is the path."""

    __slots__ = ()

    def __init__(self, at: Cursor) -> None:
        super().__init__(at.document, at.path)

    def at(self, *steps: str | int) -> Cursor:
        return Cursor(self.document, self.path + (() if steps == ("path",) else steps))


def _source(source: str, expr: Expression, target: Target, at: Cursor, scope: Scope) -> Getter:
    """Compile what an expression starts from."""
    parts, here = getattr(expr, source), at.at(source)
    if source in _LISTS or (source in {"max", "join"} and isinstance(parts, list)):

        def inner(part: Expr, kind: Target, place: Cursor) -> Getter:
            return compile_expression(part, kind, place, scope)

        return combine(source, parts, target, here, inner, separator=expr.separator)
    if source == "cause":
        return compile_cause(parts, expr, at, scope)
    if source in AGGREGATES:
        get, uses = compile_aggregate(source, parts, expr, target, at, scope)
        return Getter(get, uses, [source])
    if source == "value":
        value = constant(parts, target, expr.as_, here)
        code = lambda pen: Snippet(pen.bind(value), sure=value is not None)  # noqa: E731 - a snippet
        return Getter(lambda _row, _is, _ear: value, how=["constant"], plain=code)
    if source == "test":
        if target.kind is not Kind.FLAG:
            raise here.error(f"a test is true or false, the field holds a {target.kind}", key=True)
        test = compile_condition(parts, here, scope, outcome=True)
        return Getter(
            lambda row, is_, _ear: test.ask(row, is_), _paths(parts, at, scope), ["test"], test.code
        )
    if source == "template":
        return compile_template(parts, here, scope)
    return _path(
        f'metadata.ownerReferences[kind="{parts}"].name' if source == "owner" else parts,
        expr,
        target,
        here,
        scope,
    )


def _path(text: str, expr: Expression, target: Target, at: Cursor, scope: Scope) -> Getter:
    use = scope.use(text, at, _types(expr, target))
    if use.many and target.kind is not Kind.TEXTS:
        words = ", ".join(sorted(AGGREGATES))
        raise at.error("a path with a wildcard gives many values", hint=f"say what to make of them: {words}")
    get = use.get
    return Getter(lambda row, _is, _ear: get(row), [use])


def _types(expr: Expression, target: Target) -> frozenset[type]:
    """Say which JSON types a plain path may have: those of its formats, or of the kind of its target."""
    if expr.json is not None or expr.match is not None:
        return TEXT
    if expr.map is not None or expr.write is not None:
        return SCALARS
    match target.kind:
        case Kind.FLAG:
            return frozenset({bool, str})
        case Kind.TEXT | Kind.TEXTS:
            return TEXT
        case Kind.TIME | Kind.DURATION if expr.as_ is None:
            return TEXT
    return frozenset({str, int, float})


def _steps(getter: Getter, expr: Expression, source: str, at: Cursor) -> None:
    """Put `json`, `match`, `map` and `write` behind a source."""
    name = getter.uses[0].name if getter.uses else source
    if expr.json is not None:
        getter.get = json_step(getter.get, expr.json, name, at.at("json"))
        getter.how.append(f"json {expr.json}")
    if expr.match is not None:
        pattern = regex(expr.match, at.at("match"), fold=expr.fold)
        if pattern.groups < 1:
            raise at.at("match").error(
                "the regular expression captures nothing", hint="put ( ) around the part to keep"
            )
        getter.get = match_step(getter.get, pattern)
        getter.how.append("match")
    if expr.write is not None and "{}" not in expr.write:
        raise at.at("write").error("there is no `{}` in it, where the text would go")
    if expr.map is not None:
        getter.get = map_step(getter.get, expr.map, name, fold=expr.fold, lenient=expr.default is not UNSET)
        getter.how.append("map")
    if expr.write is not None:
        getter.get = write_step(getter.get, expr.write)
        getter.how.append(f"write {expr.write}")


def _cast(getter: Getter, expr: Expression, target: Target, ways: list[Format]) -> None:
    cast, inner = caster(target, ways), getter.get
    name = getter.uses[0].name if getter.uses else "value"
    getter.how += [str(expr.as_ or f"as {target.kind}")] if ways else []
    getter.plain = None

    def get(row: tuple[Any, ...], is_: Outcome | None, ear: Ear) -> Any:
        value = inner(row, is_, ear)
        return None if value is None else cast(value, name, ear)

    getter.get = get


def _default(getter: Getter, expr: Expression, target: Target, at: Cursor) -> None:
    if expr.default is UNSET:
        return
    inner, default = getter.get, constant(expr.default, target, expr.as_, at.at("default"))
    getter.plain = ink.either(getter.code, default) if getter.plain is not None else None
    getter.how.append(f"default {expr.default}")
    uses = tuple(getter.uses)

    def get(row: tuple[Any, ...], is_: Outcome | None, ear: Ear) -> Any:
        heard = ear.heard
        value = inner(row, is_, ear)
        odd = value is None and (ear.heard > heard or any(use.odd(row) for use in uses))
        return value if value is not None or odd else default

    getter.get = get


def constant(given: Any, target: Target, declared: str | list[str] | None, at: Cursor) -> Any:
    """Return a constant of the profile as its target holds it; numbers stand for themselves."""
    if given is None or given == "":
        return None
    numeric = isinstance(given, (int, float)) and not isinstance(given, bool)
    if numeric and target.kind in {Kind.COUNT, Kind.SIZE, Kind.DURATION}:
        return given
    ear = _Deaf()
    read = caster(target, formats(declared, target, at))(given, "", ear)
    if ear.heard or read is None:
        raise at.error(f"this is no {target.kind}")
    return read


class _Deaf:
    """An ear that only counts."""

    limit = float("inf")

    def __init__(self) -> None:
        self.heard = 0

    def odd(self, _reason: object, _path: str, _detail: str) -> None:
        self.heard += 1


def _when(getter: Getter, expr: Expression, at: Cursor, scope: Scope) -> None:
    """Guard a getter: where the test does not hold there is no value, not even the default."""
    if expr.when is None:
        return
    test, inner = compile_condition(expr.when, at.at("when"), scope, outcome=True), getter.get
    getter.plain = ink.guarded(getter.code, test.code)
    getter.get = lambda row, is_, ear: inner(row, is_, ear) if test.ask(row, is_) else None
    getter.uses = [*getter.uses, *_paths(expr.when, at, scope)]
    getter.how.append("when")


def _paths(condition: Condition, at: Cursor, scope: Scope) -> list[Use]:
    """List the paths of a condition, for people; they are wanted already."""
    own = [scope.use(condition.path, at, frozenset())] if condition.path is not None else []
    inner = [*(condition.all or []), *(condition.any or []), *([condition.not_] if condition.not_ else [])]
    return own + [use for part in inner for use in _paths(part, at, scope)]
