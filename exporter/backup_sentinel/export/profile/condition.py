"""A condition becomes a function that asks it of a row."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from backup_sentinel.model import Outcome

from .ink import Code, Snippet, joined
from .prune import SCALARS
from .schema import Condition, Scalar
from .scope import PRESENCE, TEXT, Cursor, Scope
from .walk import text

Row = tuple[Any, ...]
_ASKS = ("equals", "in", "exists", "empty", "matches", "above")


_NAMES = {"in": "in_"}
_NUMERIC = frozenset("+-.0123456789")


@dataclass(slots=True)
class Test:
    """A compiled condition: the function of a row and the outcome, and its form for the fast way."""

    ask: Callable[[Row, Outcome | None], bool]
    code: Code


def compile_condition(condition: Condition, at: Cursor, scope: Scope, *, outcome: bool = False) -> Test:
    """Return the test; raise DocumentError where the condition asks nothing or asks it of nothing.

    `outcome` says that the outcome of the run is known where this is asked.
    """
    tests = _values(condition, at, scope)
    if condition.outcome is not None:
        if not outcome:
            raise at.at("outcome").error("the outcome is not known yet where this is asked", key=True)
        tests.append(_outcome(frozenset(condition.outcome)))
    for word, parts in (("all", condition.all), ("any", condition.any)):
        if parts is not None:
            inner = [
                compile_condition(p, at.at(word, i), scope, outcome=outcome) for i, p in enumerate(parts)
            ]
            tests.append(_all(inner) if word == "all" else _any(inner))
    if condition.not_ is not None:
        tests.append(_not(compile_condition(condition.not_, at.at("not"), scope, outcome=outcome)))
    if not tests:
        words = "equals, in, exists, empty, matches, above, outcome, all, any or not"
        raise at.error("this condition asks nothing", hint=f"say {words}")
    return tests[0] if len(tests) == 1 else _all(tests)


def _outcome(wanted: frozenset[Outcome]) -> Test:
    return Test(lambda _row, is_: is_ in wanted, lambda pen: Snippet(f"outcome in {pen.bind(wanted)}"))


def _all(tests: list[Test]) -> Test:
    return Test(lambda row, is_: all(t.ask(row, is_) for t in tests), joined("and", [t.code for t in tests]))


def _any(tests: list[Test]) -> Test:
    if not tests:
        return Test(lambda _row, _is: False, lambda _pen: Snippet("False"))
    return Test(lambda row, is_: any(t.ask(row, is_) for t in tests), joined("or", [t.code for t in tests]))


def _not(test: Test) -> Test:
    return Test(lambda row, is_: not test.ask(row, is_), lambda pen: Snippet(f"(not {test.code(pen).text})"))


def _called(ask: Callable[[Row, Outcome | None], bool]) -> Test:
    return Test(ask, lambda pen: Snippet(f"{pen.bind(ask)}(row, outcome)"))


def _values(condition: Condition, at: Cursor, scope: Scope) -> list[Test]:
    """Compile what is asked of the value at `path`."""
    given = {word: getattr(condition, _NAMES.get(word, word)) for word in _ASKS}
    asked = [word for word, value in given.items() if value is not (UNSET if word == "equals" else None)]
    if condition.path is None:
        if asked:
            raise at.at(asked[0]).error(f"`{asked[0]}` needs a `path`", key=True)
        return []
    if not asked:
        raise at.at("path").error("nothing is asked of this path", key=True, hint=f"say {', '.join(_ASKS)}")
    presence = set(asked) <= {"exists", "empty"}
    use = scope.use(
        condition.path,
        at.at("path"),
        PRESENCE if presence else _types(condition),
        content=condition.empty is not None,
    )
    asks, get = _asks(condition, at), use.get
    if use.many:
        if presence and len(asks) == 1:  # a list: does it hold anything that is there?
            return [
                _called(lambda row, _is: asks[0](next((v for v in get(row) or () if v is not None), None)))
            ]
        return [_called(lambda row, _is: any(all(ask(value) for ask in asks) for value in get(row) or ()))]
    test = _called(lambda row, _is: all(ask(get(row)) for ask in asks))
    if not use.element and len(asked) == 1:
        test.code = _plain(condition, f"v{use.slot}", test.code)
    return [test]


def _types(condition: Condition) -> frozenset[type]:
    """Say which JSON types the questions are about: text, unless a number or a flag is asked for."""
    wanted = [*(condition.in_ or []), *([] if condition.equals is UNSET else [condition.equals])]
    return SCALARS if condition.above is not None or not all(worded(value) for value in wanted) else TEXT


def worded(value: Any) -> bool:
    """Tell whether a value can only stand for text: it is no number, no flag, and does not look like one."""
    return value is None or (
        isinstance(value, str) and value[:1] not in _NUMERIC and value not in {"true", "false"}
    )


def _plain(condition: Condition, v: str, call: Code) -> Code:
    """Write one question of one value inline, as far as it has a plain form."""
    if condition.exists is not None:
        return lambda _pen: Snippet(f"({v} is {'not ' if condition.exists else ''}None)")
    if condition.fold or (condition.in_ is None and condition.equals is UNSET):
        return call
    wanted = condition.in_ if condition.in_ is not None else [condition.equals]
    words = frozenset("" if value is None or value is UNSET else text(value) for value in wanted)
    return lambda pen: Snippet(
        f"(({v} in {pen.bind(words)}) if {v}.__class__ is str else {'' in words} if {v} is None else {call(pen).text})"
    )


def _asks(condition: Condition, at: Cursor) -> list[Callable[[Any], bool]]:
    """Return the questions that a condition has for one value."""
    asks: list[Callable[[Any], bool]] = []
    if condition.equals is not UNSET:
        asks.append(_one_of([condition.equals], fold=condition.fold))
    if condition.in_ is not None:
        asks.append(_one_of(condition.in_, fold=condition.fold))
    if condition.matches is not None:
        asks.append(_matches(condition.matches, at.at("matches"), fold=condition.fold))
    if condition.above is not None:
        asks.append(_above(condition.above))
    exists, empty = condition.exists, condition.empty
    if exists is not None:
        asks.append(lambda value: (value is not None) is exists)
    if empty is not None:
        asks.append(lambda value: _is_empty(value) is empty)
    return asks


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, Collection) and len(value) == 0)


def _one_of(wanted: list[Scalar], *, fold: bool) -> Callable[[Any], bool]:
    """Compare as JSON does, but a flag or number also equals its text."""
    texts = frozenset("" if value is None else _folded(value, fold=fold) for value in wanted)
    return lambda value: ("" if value is None else _folded(value, fold=fold)) in texts


def _folded(value: Any, *, fold: bool) -> str:
    found = text(value) or ""
    return found.casefold() if fold else found


def _matches(pattern: str, at: Cursor, *, fold: bool) -> Callable[[Any], bool]:
    expression = regex(pattern, at, fold=fold)
    return lambda value: value is not None and expression.search((text(value) or "")[:65_536]) is not None


def _above(limit: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and value > limit


def regex(pattern: str, at: Cursor, *, fold: bool = False) -> re.Pattern[str]:
    """Return a regular expression; raise DocumentError at the character that is wrong."""
    try:
        return re.compile(pattern, re.DOTALL | (re.IGNORECASE if fold else 0))
    except re.error as error:
        raise at.error(f"no regular expression: {error.msg}", offset=error.pos or 0) from None
