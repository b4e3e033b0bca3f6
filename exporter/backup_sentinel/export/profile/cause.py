"""The root cause of a nested error, as a value of a record."""

from typing import Any

from backup_sentinel.cause.root import root
from backup_sentinel.model import Outcome

from .getter import Getter
from .oddity import Ear
from .scope import PRESENCE, Cursor, Scope


def compile_cause(text: str, at: Cursor, scope: Scope) -> Getter:
    """Return the getter of the root cause of whatever stands at a path: text, a mapping, a list."""
    use = scope.use(text, at, PRESENCE, whole=True)

    def get(row: tuple[Any, ...], _is: Outcome | None, _ear: Ear) -> Any:
        return root(use.get(row))

    return Getter(get, [use], ["root cause"])
