"""A generated text and where it belongs. Whole files, or blocks between marks in files that people write."""

import re
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
        if not marked.search(text):
            raise ValueError(f"there are no marks for the block `{name}`")
        text = marked.sub(lambda found, inner=content: f"{found[1]}{inner.rstrip()}\n{found[2]}", text)
    return text


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table; what would break a cell is escaped."""

    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |\n"

    return line(heads) + line(tuple("---" for _ in heads)) + "".join(map(line, rows))
