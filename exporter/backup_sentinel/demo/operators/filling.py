"""Templates, made ready once and filled in for each object."""

import string
from collections.abc import Callable, Mapping
from typing import Any

from backup_sentinel.errors import DocumentError

from .file import Template, lay
from .told import Moment, Span

Values = Mapping[str, Any]
Filling = Callable[[Values], Any]

_ABSENT: Any = object()


class Form:
    """A template, ready to be filled in; `words` say what applies to the object."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self._ready: dict[tuple[str, ...], Filling] = {}

    def fill(self, words: frozenset[str], values: Values) -> dict[str, Any] | None:
        """Return the object, None where it does not exist; DocumentError for a value that there is not."""
        template = self.template
        if template.when and words.isdisjoint(template.when):
            return None
        chosen = tuple(word for word in template.states if word in words)
        if chosen not in self._ready:
            manifest: Any = template.object
            for word in chosen:
                manifest = lay(manifest, template.states[word])
            self._ready[chosen] = _prepare(manifest)
        filled: dict[str, Any] = self._ready[chosen](values)
        return filled


def fill_text(text: str, values: Values) -> str:
    """Return a text with its values; "" where one of them is not known."""
    filled = _prepare(text)(values)
    return "" if filled is _ABSENT else str(filled)


def _prepare(value: Any) -> Filling:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        parts = {key: _prepare(part) for key, part in value.items()}
        return lambda values: {
            key: found for key, part in parts.items() if (found := part(values)) is not _ABSENT
        }
    if isinstance(value, list):
        items = [_prepare(item) for item in value]
        return lambda values: [found for item in items if (found := item(values)) is not _ABSENT]
    return lambda _: value


def _text(text: str) -> Filling:
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise DocumentError(f"not a text with values in braces: {text!r}: {error}") from error
    if all(name is None for _, name, _, _ in parts):
        plain = "".join(literal for literal, *_ in parts)
        return lambda _: plain
    if len(parts) == 1 and not parts[0][0] and not parts[0][2]:
        path = (parts[0][1] or "").split(".")
        return lambda values: _plain(_find(values, path))

    def fill(values: Values) -> Any:
        told = []
        for literal, name, style, _ in parts:
            told.append(literal)
            if name is not None:
                found = _find(values, name.split("."))
                if found is _ABSENT:
                    return _ABSENT
                told.append(format(found, style or ""))
        return "".join(told)

    return fill


def _find(values: Values, path: list[str]) -> Any:
    found: Any = values
    for name in path:
        try:
            found = found[name] if isinstance(found, Mapping) else getattr(found, name)
        except (KeyError, AttributeError):
            raise DocumentError(f"no value `{'.'.join(path)}` in the demo") from None
        if found is None:
            return _ABSENT
    return found


def _plain(found: Any) -> Any:
    return str(found) if isinstance(found, Moment | Span) else found
