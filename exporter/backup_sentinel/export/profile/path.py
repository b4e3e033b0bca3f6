"""A path says where in an object a value is: `status.conditions[type=Completed].status`.

    name            a key: letters, digits, `_` and `-`
    ["any/key.x"]   a key with dots or slashes, as labels and annotations have
    [0]  [-1]       an element of a list, from the front or the back
    [type=Ready]    the first element of a list whose `type` is `Ready`; [name="a b"] quotes the value;
                    inside `expand` [type=@key] asks for the key of the element
    [*]             every element of a list; [*type=Ready,status=True] only those that have these texts
    .*              every value of a mapping
    @  @.name @key  inside `expand`: the element itself, a part of it, its key

Text becomes steps here; `walk` takes them over plain values, `prune` builds a decoder from them.
"""

import re
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_BRACKET = re.compile(
    r"""\[(?:(?P<all>\*(?P<pairs>[^\]]*))|(?P<index>-?\d{1,6})|(?P<quoted>"[^"]*"|'[^']*')"""
    r"""|(?P<key>[A-Za-z0-9_./-]+)=(?P<value>"[^"]*"|'[^']*'|[^\]"']+))\]"""
)
_PAIR = re.compile(r"([A-Za-z0-9_./-]+)=([^,=]+)(?:,|$)")
_FLAT = ("labels", "annotations")


class PathError(ValueError):
    """A path is not understood; `column` counts characters of the path from 0."""

    def __init__(self, message: str, column: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Key:
    """Take the value of one key of a mapping."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}" if _NAME.fullmatch(self.name) else f'["{self.name}"]'


@dataclass(frozen=True, slots=True)
class Index:
    """Take one element of a list; negative counts from the end."""

    at: int

    def __str__(self) -> str:
        return f"[{self.at}]"


@dataclass(frozen=True, slots=True)
class Find:
    """Take the first element of a list that has this text at this key."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"[{self.key}={self.value}]"


@dataclass(frozen=True, slots=True)
class Each:
    """Take every element of a list, or those that have these texts at these keys."""

    pairs: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"[*{','.join(f'{key}={value}' for key, value in self.pairs)}]"


@dataclass(frozen=True, slots=True)
class Values:
    """Take every value of a mapping."""

    def __str__(self) -> str:
        return ".*"


Step = Key | Index | Find | Each | Values


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the root of the object or, where `element` is set, from the element that `expand` is at.

    `key` stands for `@key`, the name or number of that element.
    """

    steps: tuple[Step, ...]
    element: bool = False
    key: bool = False

    def __str__(self) -> str:
        if self.key:
            return "@key"
        text = "".join(str(step) for step in self.steps)
        return "@" + text if self.element else text.removeprefix(".")

    @property
    def many(self) -> bool:
        """Whether the path gives a list of values."""
        return any(isinstance(step, (Each, Values)) for step in self.steps)


def parse(text: str) -> Path:
    """Return the path that a text means; raise PathError, with the column, where it means none."""
    if text == "@key":
        return Path((), element=True, key=True)
    element = text.startswith("@")
    at = 1 if element else 0
    steps: list[Step] = []
    while at < len(text):
        if _inside_labels(steps):
            raise PathError("a label or annotation holds no further keys", at, _label_hint(text))
        if text[at] == "[":
            step, at = _bracket(text, at)
        else:
            if text[at] == ".":
                at += 1
            elif steps or element:
                raise PathError("expected `.` or `[`", at, _slash_hint(text, at))
            step, at = _name(text, at)
        steps.append(step)
    if not steps and not element:
        raise PathError("a path is empty", 0)
    return Path(tuple(steps), element=element)


def _bracket(text: str, at: int) -> tuple[Step, int]:
    found = _BRACKET.match(text, at)
    if found is None:
        raise PathError(
            "a bracket is not understood", at, 'write [*], [0], [-1], [type=Ready] or ["key/with.dots"]'
        )
    if found["all"]:
        pairs = tuple((pair[1], pair[2]) for pair in _PAIR.finditer(found["pairs"]))
        if ",".join(f"{key}={value}" for key, value in pairs) != found["pairs"]:
            raise PathError("a choice of elements is not understood", at, "write [*type=Ready,status=True]")
        return Each(pairs), found.end()
    if found["index"]:
        return Index(int(found["index"])), found.end()
    if found["quoted"]:
        return Key(found["quoted"][1:-1]), found.end()
    value = found["value"]
    return Find(found["key"], value[1:-1] if value[0] in "\"'" else value), found.end()


def _name(text: str, at: int) -> tuple[Step, int]:
    if text[at : at + 1] == "*":
        return Values(), at + 1
    found = _NAME.match(text, at)
    if found is None:
        raise PathError("expected a name", at, _slash_hint(text, at))
    return Key(found[0]), found.end()


def _inside_labels(steps: list[Step]) -> bool:
    return (
        len(steps) == 3
        and steps[0] == Key("metadata")
        and isinstance(steps[1], Key)
        and steps[1].name in _FLAT
    )


def _slash_hint(text: str, at: int) -> str:
    return _label_hint(text) if text[at : at + 1] == "/" else ""


def _label_hint(text: str) -> str:
    head, _, tail = text.partition("labels.") if "labels." in text else text.partition("annotations.")
    word = "labels" if "labels." in text else "annotations"
    return f'write {head}{word}["{tail}"]' if tail else 'quote it: ["key/with.dots"]'
