"""Steps of a path, taken over plain values: what a path means, slowly and for any object.

The decoders of `prune` must agree with this; a test compares them on arbitrary objects.
"""

from collections.abc import Callable
from typing import Any

from .path import Each, Find, Index, Key, Path, Step, Values

Odd = Callable[[str, str], None]
"""Told of a place, as text, and of what was found there that does not fit."""


def walk(value: Any, steps: tuple[Step, ...], odd: Odd, *, outer: bool = False, at: int = 0) -> Any:
    """Return what is at the end of the steps in a plain value: None where it is missing, a list for wildcards.

    Lists in lists become one list; with `outer` those of the first wildcard stay apart. `odd` hears of a value that is
    no mapping or list where one is needed.
    """
    for here in range(at, len(steps)):
        step = steps[here]
        if value is None:
            return None
        wanted: type[Any] = dict if isinstance(step, (Key, Values)) else list
        if not isinstance(value, wanted):
            odd(
                str(Path(steps[:here])),
                f"expected a {'mapping' if wanted is dict else 'list'}, got {name(value)}",
            )
            return None
        if isinstance(step, Key):
            value = value.get(step.name)
        elif isinstance(step, Index):
            value = value[step.at] if -len(value) <= step.at < len(value) else None
        elif isinstance(step, Find):
            value = next(
                (e for e in value if isinstance(e, dict) and text(e.get(step.key)) == step.value), None
            )
        else:
            parts = list(value.values()) if isinstance(step, Values) else chosen(value, step)
            found = [walk(part, steps, odd, at=here + 1) for part in parts]
            if outer or not any(isinstance(later, (Each, Values)) for later in steps[here + 1 :]):
                return found
            return [leaf for part in found if part is not None for leaf in part]
    return value


def chosen(value: list[Any], step: Each) -> list[Any]:
    """Return the elements of a list that have the texts that a step asks for."""
    if not step.pairs:
        return value
    return [
        part
        for part in value
        if isinstance(part, dict) and all(text(part.get(key)) == wanted for key, wanted in step.pairs)
    ]


def text(value: Any) -> str | None:
    """Return a scalar as the text that JSON would show; None for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value) if isinstance(value, (int, float)) else None


def name(value: Any) -> str:
    """Name the kind of a plain value for people."""
    if value is None:
        return "nothing"
    kinds = {
        bool: "a flag",
        str: "text",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a mapping",
    }
    return kinds.get(type(value), "something else")
