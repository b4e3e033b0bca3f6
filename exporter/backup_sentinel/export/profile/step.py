"""Steps behind the source of an expression: decode JSON text, capture, look up."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from backup_sentinel.errors import ProblemReason
from backup_sentinel.model import Outcome

from .oddity import Ear, show
from .schema import Scalar
from .scope import Cursor, parsed
from .walk import text, walk

Get = Callable[[tuple[Any, ...], Outcome | None, Ear], Any]
"""Of a row, the outcome of the run where it is known, and the ear for what does not fit."""


def json_step(inner: Get, path: str, name: str, at: Cursor) -> Get:
    """Decode text as JSON and take a path inside it."""
    steps = parsed(path, at)
    if steps.element or steps.many:
        raise at.error("`json` takes a path to one value")

    def get(row: tuple[Any, ...], is_: Outcome | None, ear: Ear) -> Any:
        value = inner(row, is_, ear)
        if value is None:
            return None
        try:
            decoded = msgspec.json.decode(value)
        except (msgspec.MsgspecError, RecursionError, TypeError, UnicodeError):
            ear.odd(ProblemReason.WRONG_TYPE, name, f"no JSON: {show(value)}")
            return None
        return walk(
            decoded,
            steps.steps,
            lambda where, why: ear.odd(ProblemReason.WRONG_TYPE, f"{name} -> {where}", why),
        )

    return get


def match_step(inner: Get, pattern: re.Pattern[str]) -> Get:
    """Keep the first group; where the text does not match there is no value."""

    def get(row: tuple[Any, ...], is_: Outcome | None, ear: Ear) -> Any:
        value = text(inner(row, is_, ear))
        found = pattern.search(value[:65_536]) if value else None
        return found[1] if found else None

    return get


def write_step(inner: Get, form: str) -> Get:
    """Put text into another one, in the place of `{}`."""

    def get(row: tuple[Any, ...], is_: Outcome | None, ear: Ear) -> Any:
        value = text(inner(row, is_, ear))
        return form.replace("{}", value) if value else None

    return get


def map_step(inner: Get, table: dict[str, Scalar], name: str, *, fold: bool, lenient: bool) -> Get:
    """Look text up; what is not in the table is an unknown phase, unless there is a default for it."""
    words = {key.casefold(): value for key, value in table.items()} if fold else table

    def get(row: tuple[Any, ...], is_: Outcome | None, ear: Ear) -> Any:
        value = text(inner(row, is_, ear))
        if not value:
            return words.get("")
        word = value.casefold() if fold else value
        if word not in words and not lenient:
            ear.odd(ProblemReason.UNKNOWN_PHASE, name, f"{show(value)} has no meaning here")
        return words.get(word)

    return get
