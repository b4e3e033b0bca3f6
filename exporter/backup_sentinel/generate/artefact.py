"""A generated text and where it belongs. Whole files, or blocks between marks in files that people write."""

import re
from collections.abc import Iterable
from typing import NamedTuple


class Artefact(NamedTuple):
    """The wanted text of one file, with its path from the root of the repository."""

    path: str
    text: str


def fill(text: str, blocks: dict[str, str]) -> str:
    """Return a text with the content between the marks of each block replaced.

    Marks are `<!-- generated: NAME -->` and `<!-- end: NAME -->`. Raises ValueError for a block that has no marks.
    """
    for name, content in blocks.items():
        marked = re.compile(
            rf"(<!-- generated: {re.escape(name)} -->\n).*?(<!-- end: {re.escape(name)} -->)", re.DOTALL
        )
        found = marked.search(text)
        if found is None:
            raise ValueError(f"there are no marks for the block `{name}`")
        text = f"{text[: found.start()]}{found[1]}{content.rstrip()}\n{found[2]}{text[found.end() :]}"
    return text


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table; what would break a cell is escaped."""

    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |\n"

    return line(heads) + line(tuple("---" for _ in heads)) + "".join(map(line, rows))
