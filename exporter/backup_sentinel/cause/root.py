"""The root cause inside a nested error, of whatever form an operator wrote it down.

Errors of Go programs are wrapped: a mapping has a `message` and, below `cause`, the error that it came from; the cause may be
text that is itself JSON, a list, hidden among `fields: [{name, value: [{Err: ...}]}]`, or cut in the middle of its JSON.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec

DEEPEST = 32
"""Levels of wrapping that are looked into."""
_PARTS = 1000
"""Messages that are looked at in one error."""
_LONGEST = 65_536
"""Characters of one text that are looked at."""
_SAYS = ("message", "Message", "msg", "reason")
_INSIDE = ("cause", "Err", "err", "error", "errors", "exceptions")
_QUOTE = r"\\{0,64}\""
_CUT = re.compile(
    rf"(?:{_QUOTE})(?:message|Message){_QUOTE}\s{{0,8}}:\s{{0,8}}{_QUOTE}(?P<text>.*?)(?:{_QUOTE}\s{{0,8}}(?:[,}}\]]|\Z)|\Z)",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\{1,64}(?P<sign>[\"/nrt])")
_SIGNS = {"n": "\n", "r": "\n", "t": " "}


def root(error: Any) -> str | None:
    """Return the deepest message that says what went wrong; None where there is none.

    Of a list each element has its own cause, and all of them are told. Messages that only say that something failed
    (`generic.yaml`) are told where there is nothing better.
    """
    return None if error is None else _root(error, 0)


def chain(error: Any) -> tuple[str, ...]:
    """Return all messages of an error, the outermost first, each once."""
    return tuple(dict.fromkeys(message for _, message in _messages(error, 0)))


def _root(error: Any, level: int) -> str | None:
    """Return the cause of an error that is inside so many lists."""
    error = _decoded(error) if isinstance(error, str) else error
    if isinstance(error, list) and level < DEEPEST:
        found = dict.fromkeys(cause for part in error if (cause := _root(part, level + 1)))
        return "; ".join(found) or None
    told = list(_messages(error, 0))
    telling = [pair for pair in told if not generic(pair[1])] or told
    return max(telling, key=lambda pair: pair[0])[1] if telling else None


@lru_cache(1)
def _generic() -> re.Pattern[str]:
    text = files(__package__).joinpath("generic.yaml").read_text("utf-8")
    patterns = msgspec.yaml.decode(text, type=list[str])
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


def generic(message: str) -> bool:
    """Tell whether a message only says that something failed."""
    return _generic().fullmatch(message.strip().rstrip(".:!")) is not None


def _messages(error: Any, depth: int) -> Iterator[tuple[int, str]]:
    """Yield the messages of an error with their depth; bounded, whatever is in it."""
    left = _PARTS
    for found in _walk(error, depth, 0):
        yield found
        left -= 1
        if not left:
            return


def _walk(error: Any, depth: int, level: int) -> Iterator[tuple[int, str]]:
    """Walk an error that is inside so many others, and inside so many texts and lists, which make no difference of depth."""
    if depth > DEEPEST or level > DEEPEST:
        return
    if isinstance(error, str):
        value = _decoded(error) if level < DEEPEST else error
        if isinstance(value, str):
            if value := value.strip():
                yield depth, value
        else:
            yield from _walk(value, depth, level + 1)
    elif isinstance(error, list):
        for part in error:
            yield from _walk(part, depth, level + 1)
    elif isinstance(error, dict):
        yield from _wrapped(error, depth, level)


def _wrapped(error: dict[str, Any], depth: int, level: int) -> Iterator[tuple[int, str]]:
    """Walk a mapping: what it says, and what it wraps."""
    said = next((text for key in _SAYS if isinstance(text := error.get(key), str) and text.strip()), None)
    if said is not None:
        yield from _walk(said, depth, level)
    for key in _INSIDE:
        if error.get(key):
            yield from _walk(error[key], depth + 1, level)
    fields = error.get("fields")
    for field in fields if isinstance(fields, list) else ():
        value = field.get("value") if isinstance(field, dict) else None
        if isinstance(value, list | dict) or (isinstance(value, str) and value.lstrip()[:1] in {"{", "["}):
            yield from _nested(value, depth + 1, level)


def _nested(value: Any, depth: int, level: int) -> Iterator[tuple[int, str]]:
    """Walk the value of a field, which is an error only where it says so: other fields hold names and numbers."""
    parts = _decoded(value) if isinstance(value, str) else value
    for part in parts if isinstance(parts, list) else [parts]:
        if isinstance(part, dict):
            yield from _walk(part, depth, level)


def _decoded(text: str) -> Any:
    """Return what is in text that is JSON; of JSON that was cut, the messages it still shows, one in the other."""
    text = text[:_LONGEST]
    if text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        pass
    found = [plain for cut in _CUT.finditer(text) if (plain := _plain(cut["text"]))]
    if not found:
        return text
    # Go writes keys in their order, so that a cause stands before the message that wraps it.
    error: Any = None
    for message in found[: DEEPEST - 1]:
        error = {"message": message, "cause": error}
    return error


def _plain(text: str) -> str:
    """Take away the escapes that JSON in JSON in JSON heaps up."""
    return _ESCAPED.sub(lambda found: _SIGNS.get(found["sign"], found["sign"]), text).rstrip("\\").strip()
