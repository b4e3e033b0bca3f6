"""Where a profile is being compiled: the place in its file for errors, and the paths it wants so far."""

from typing import Any

from backup_sentinel.document import Document
from backup_sentinel.document import Path as Place
from backup_sentinel.errors import DocumentError

from .path import Each, Find, Path, PathError, Step, Values, parse
from .prune import ODD, SCALARS, Wanted
from .walk import text as as_text
from .walk import walk

PRESENCE: frozenset[type] = frozenset()
TEXT: frozenset[type] = frozenset({str})


class Cursor:
    """A place in the profile's file."""

    __slots__ = ("document", "path")

    def __init__(self, document: Document, path: Place = ()) -> None:
        self.document = document
        self.path = path

    def at(self, *steps: str | int) -> "Cursor":
        """Go down; steps that the file does not have are kept for the message only."""
        return Cursor(self.document, self.path + steps)

    def error(self, message: str, *, hint: str = "", offset: int = 0, key: bool = False) -> DocumentError:
        """Return an error that points here."""
        return self.document.error(message, self.path, offset=offset, key=key, hint=hint)


class Use:
    """One path as a compiled expression sees it: how to get its value from a row, and what it is called."""

    __slots__ = ("element", "many", "name", "slot")

    def __init__(self, name: str, slot: int, *, element: bool, many: bool) -> None:
        self.name = name
        self.slot = slot
        self.element = element
        self.many = many

    def get(self, row: tuple[Any, ...]) -> Any:
        """Return the value; that of an element stands in the last part of the row. What is odd is not there."""
        value = row[-1][self.slot] if self.element else row[self.slot]
        return None if value is ODD else value

    def odd(self, row: tuple[Any, ...]) -> bool:
        """Tell whether something is there that could not be taken."""
        return (row[-1][self.slot] if self.element else row[self.slot]) is ODD


class Scope:
    """The paths that the records of one resource want, each once."""

    def __init__(self) -> None:
        self.wanted: dict[tuple[Path, bool], Wanted] = {}
        self.slots: dict[tuple[Path, bool], int] = {}
        self.elements: Elements | None = None

    def slot(
        self,
        path: Path,
        types: frozenset[type],
        *,
        whole: bool = False,
        outer: bool = False,
        content: bool = False,
    ) -> int:
        """Want a path of the object; return the number of its value in the row."""
        key = (path, outer)
        old = self.wanted.get(key, Wanted(path, PRESENCE, outer=outer))
        self.wanted[key] = Wanted(path, old.types | types, old.whole or whole, outer, old.content or content)
        return self.slots.setdefault(key, len(self.slots))

    def use(
        self,
        text: str,
        at: Cursor,
        types: frozenset[type] = SCALARS,
        *,
        content: bool = False,
        whole: bool = False,
    ) -> Use:
        """Want the path that a text means; raise DocumentError at its character where it means none."""
        path = parsed(text, at)
        matched = [i for i, step in enumerate(path.steps) if isinstance(step, Find) and step.value[:1] == "@"]
        if matched:
            return self._match(text, path, matched[0], at)
        if not path.element:
            slot = self.slot(path, types, content=content, whole=whole)
            return Use(text, slot, element=False, many=path.many)
        if self.elements is None:
            raise at.error("`@` is the element of `expand`, and there is none here")
        slot = self.elements.slot(path, types, content=content, whole=whole)
        return Use(text, slot, element=True, many=path.many)

    def _match(self, text: str, path: Path, number: int, at: Cursor) -> Use:
        """Want the list whose element is chosen by a value of the element that `expand` is at."""
        step = path.steps[number]
        assert isinstance(step, Find)
        if self.elements is None or path.element or path.many:
            raise at.error(
                f"`{step.value}` chooses one element of another list, inside `expand` only",
                offset=text.find(step.value),
            )
        slot = self.slot(Path(path.steps[:number]), PRESENCE, whole=True)
        key = self.use(step.value, at, content=False)
        return Match(text, slot, key, step.key, path.steps[number + 1 :])


class Match(Use):
    """A path through the element of another list that has a text of the element of `expand`."""

    __slots__ = ("key", "steps", "wanted")

    def __init__(self, name: str, slot: int, wanted: Use, key: str, steps: tuple[Step, ...]) -> None:
        super().__init__(name, slot, element=True, many=False)
        self.wanted, self.key, self.steps = wanted, key, steps

    def get(self, row: tuple[Any, ...]) -> Any:
        """Return the value; nothing where no element has that text."""
        wanted = as_text(self.wanted.get(row))
        found = None if row[self.slot] is ODD or not wanted else row[self.slot]
        return walk(found, (Find(self.key, wanted or ""), *self.steps), lambda *_: None)

    def odd(self, row: tuple[Any, ...]) -> bool:
        """Tell whether the list could not be taken."""
        return row[self.slot] is ODD


class Elements:
    """The elements of one object that `expand` makes records of."""

    def __init__(self, scope: Scope, each: str | list[str], at: Cursor) -> None:
        self._scope = scope
        self._columns: list[list[int]] = []
        self._paths: dict[Path, int] = {}
        self.bases: list[Path] = []
        self.single = isinstance(each, str)
        for number, text in enumerate([each] if isinstance(each, str) else each):
            here = at.at("each") if isinstance(each, str) else at.at("each", number)
            path = parsed(text, here)
            wildcards = [isinstance(step, (Each, Values)) for step in path.steps]
            if path.element or sum(wildcards) != self.single or (self.single and not wildcards[-1]):
                raise here.error(
                    "expected a path that ends with `[*]` or `.*`, or a list of paths without wildcards"
                )
            self.bases.append(path)
        self._present = [scope.slot(base, PRESENCE) for base in self.bases]
        base = self.bases[0]
        self._keys: int | None = None
        if self.single and isinstance(base.steps[-1], Values):
            self._keys = scope.slot(Path(base.steps[:-1]), PRESENCE, whole=True)

    def slot(self, path: Path, types: frozenset[type], *, content: bool, whole: bool = False) -> int:
        """Want a path of each element; return the number of its value in the last part of the row."""
        if path.key:
            return 0
        if path not in self._paths:
            self._paths[path] = len(self._paths) + 1
            self._columns.append([])
        column = self._paths[path] - 1
        self._columns[column] = [
            self._scope.slot(
                Path(base.steps + path.steps), types, outer=self.single, content=content, whole=whole
            )
            for base in self.bases
        ]
        return column + 1

    def rows(self, row: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return the row once for each element, with the values of that element as its last part."""
        if not self.single:
            return [
                (*row, (_last(base), *(row[column[i]] for column in self._columns)))
                for i, base in enumerate(self.bases)
                if row[self._present[i]] is not None and row[self._present[i]] is not ODD
            ]
        present = row[self._present[0]]
        if not present:
            return []
        keys = range(len(present)) if self._keys is None else list(row[self._keys])
        return [
            (*row, (str(keys[i]), *(row[column[0]][i] for column in self._columns)))
            for i, part in enumerate(present)
            if part is not None
        ]


def parsed(text: str, at: Cursor, *, offset: int = 0) -> Path:
    """Return the path that a text means; raise DocumentError at the character that is wrong."""
    try:
        return parse(text)
    except PathError as error:
        raise at.error(
            f"path `{text}`: {error.message}", offset=offset + error.column, hint=error.hint
        ) from None


def _last(path: Path) -> str:
    return str(path.steps[-1]).lstrip(".").strip('[]"')
