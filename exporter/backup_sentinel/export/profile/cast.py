"""The last step of an expression: a raw value becomes what its target field holds."""

from collections.abc import Callable
from typing import Any

from backup_sentinel.errors import ProblemReason

from .convert import DEFAULTS, FORMATS, Format, Kind
from .oddity import Ear, show
from .scope import Cursor
from .targets import Target
from .walk import name, text

Cast = Callable[[Any, str, Ear], Any]
"""Of a raw value that is not None, the name of its path, and the ear for what does not fit."""

REASONS = {
    Kind.TIME: ProblemReason.BAD_TIME,
    Kind.DURATION: ProblemReason.BAD_DURATION,
    Kind.SIZE: ProblemReason.BAD_NUMBER,
    Kind.COUNT: ProblemReason.BAD_NUMBER,
}


def formats(declared: str | list[str] | None, target: Target, at: Cursor) -> list[Format]:
    """Return the formats to try in order; raise DocumentError where one is unknown or gives something else."""
    if target.kind not in DEFAULTS:
        if declared is not None:
            raise at.at("as").error(f"a {target.kind} has no formats", key=True)
        return []
    words = (
        [DEFAULTS[target.kind]] if declared is None else [declared] if isinstance(declared, str) else declared
    )
    valid = sorted(word for word, known in FORMATS.items() if known.kind is target.kind)
    for number, word in enumerate(words):
        if word not in valid:
            here = at.at("as") if isinstance(declared, str) else at.at("as", number)
            raise here.error(f"`{word}` is no format of a {target.kind}", hint=f"valid: {', '.join(valid)}")
    return [FORMATS[word] for word in words]


def caster(target: Target, ways: list[Format]) -> Cast:
    """Return the function that reads one raw value."""
    match target.kind:
        case Kind.TEXT:
            return _text
        case Kind.TEXTS:
            return _texts
        case Kind.FLAG:
            return _flag
    if target.kind is Kind.TIME:
        return _timed(ways, ahead=target.ahead)
    return _numbered(ways, REASONS[target.kind])


def _text(value: Any, path: str, ear: Ear) -> str | None:
    found = text(value)
    if found is None:
        ear.odd(ProblemReason.WRONG_TYPE, path, f"expected text, got {name(value)}")
    return found or None


def _texts(value: Any, path: str, ear: Ear) -> tuple[str, ...] | None:
    parts = value if isinstance(value, list) else [value]
    found = (_text(part, path, ear) for part in parts if part is not None)
    return tuple(part for part in found if part) or None


def _flag(value: Any, path: str, ear: Ear) -> bool | None:
    if isinstance(value, bool) or value == "":
        return value if value != "" else None
    word = value.lower() if isinstance(value, str) else ""
    if word in {"true", "false"}:
        return word == "true"
    ear.odd(ProblemReason.WRONG_TYPE, path, f"expected true or false, got {show(value)}")
    return None


def _read(ways: list[Format], value: Any) -> float | None:
    """Read by the first format that understands; raise ValueError if none does."""
    problem = ValueError("no format")
    for way in ways:
        if type(value) in way.types:
            try:
                return way.read(value)
            except ValueError as error:
                problem = error
        else:
            problem = ValueError(f"did not expect {name(value)}")
    raise problem


def _timed(ways: list[Format], *, ahead: bool) -> Cast:
    def cast(value: Any, path: str, ear: Ear) -> float | None:
        try:
            moment = _read(ways, value)
        except (ValueError, OverflowError):
            ear.odd(ProblemReason.BAD_TIME, path, f"no time: {show(value)}")
            return None
        if moment is None or ahead or moment <= ear.limit:
            return moment
        ear.odd(ProblemReason.FUTURE_TIME, path, f"in the future: {show(value)}")
        return None

    return cast


def _numbered(ways: list[Format], reason: ProblemReason) -> Cast:
    def cast(value: Any, path: str, ear: Ear) -> float | None:
        try:
            return _read(ways, value)
        except (ValueError, OverflowError) as error:
            ear.odd(reason, path, f"{error}: {show(value)}")
            return None

    return cast
