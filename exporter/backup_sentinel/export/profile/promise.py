"""Annotations with which people set the promises of a schedule, on the objects of any operator."""

from typing import Any

from backup_sentinel.errors import ProblemReason
from backup_sentinel.model import Outcome

from .convert import long_duration
from .getter import Getter
from .oddity import Ear, show
from .path import Key, Path
from .scope import TEXT, Scope, Use

PREFIX = "backup-sentinel.io/"
PROMISES = {
    "max_age": "max-age",
    "restore_test_max_age": "restore-test-max-age",
    "partial_counts": "partial-counts",
    "failures_tolerated": "failures-tolerated",
}
"""Fields of a schedule, and the annotations that fill them."""


def promises(scope: Scope) -> dict[str, Getter]:
    """Return the getters of all promises; a value that is not understood is a problem, and no promise."""
    return {field: _getter(field, PREFIX + name, scope) for field, name in PROMISES.items()}


def _getter(field: str, annotation: str, scope: Scope) -> Getter:
    path = Path((Key("metadata"), Key("annotations"), Key(annotation)))
    use = Use(str(path), scope.slot(path, TEXT), element=False, many=False)

    def get(row: tuple[Any, ...], _is: Outcome | None, ear: Ear) -> Any:
        value = use.get(row)
        if value is None:
            return None
        try:
            return _read(field, str(value).strip())
        except ValueError as error:
            ear.odd(ProblemReason.BAD_ANNOTATION, use.name, f"{error}: {show(value)}")
            return None

    return Getter(get, [use], ["annotation"])


def _read(field: str, value: str) -> float | bool | int:
    if field == "partial_counts":
        if value not in {"true", "false"}:
            raise ValueError("expected true or false")
        return value == "true"
    if field == "failures_tolerated":
        if not (value.isascii() and value.isdigit() and int(value[:9]) >= 1 and len(value) < 9):
            raise ValueError("expected a whole number from 1")
        return int(value)
    span = long_duration(value)
    if span is None or span <= 0:
        raise ValueError("expected a duration such as 26h or 2d")
    return span
