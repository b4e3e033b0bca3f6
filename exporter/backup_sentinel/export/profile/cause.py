"""The root cause of a nested error, as a value of a record."""

from typing import Any

from backup_sentinel.cause.root import root
from backup_sentinel.model import Outcome

from .aggregate import newest
from .getter import Getter
from .oddity import Ear
from .schema import Expression
from .scope import PRESENCE, Cursor, Scope


def compile_cause(text: str, expr: Expression, at: Cursor, scope: Scope) -> Getter:
    """Return the getter of the root cause of whatever stands at a path: text, a mapping, a list; or the newest of many."""
    use = scope.use(text, at.at("cause"), PRESENCE, whole=True)
    if expr.by is None:
        return Getter(lambda row, _is, _ear: root(use.get(row)), [use], ["root cause"])
    if not use.many:
        raise at.at("by").error("the path of `cause` has no wildcard, so that there is no newest", key=True)
    pick, uses = newest(use, expr.by, at, scope)

    def get(row: tuple[Any, ...], is_: Outcome | None, ear: Ear) -> Any:
        return root(pick(row, is_, ear))

    return Getter(get, uses, ["root cause of the newest"])
