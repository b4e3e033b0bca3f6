"""The project's pages of documentation: their headings, links and fenced blocks."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {"node_modules", "build", "dist-info"}
"""Folders that hold pages of others."""

NEEDS = re.compile(r"# needs (a cluster|Alertmanager|Grafana|Mimir|NethServer 8|Prometheus|Thanos)\n")
"""The first line of a block whose commands no test can run, because they talk to a server of the reader's."""

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<info>.*)\n(?P<code>(?:.*\n)*?)^ *(?P=fence) *$", re.MULTILINE
)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_TARGET = re.compile(r"\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_ATTRIBUTE = re.compile(r"\b(?:src|srcset|href)=\"([^\"]+)\"")
_AUTOLINK = re.compile(r"<(https?://[^>\s]+)>")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*(\S+)", re.MULTILINE)


class Block(NamedTuple):
    """What stands between two fences; `line` is that of the first one, `language` its first word."""

    language: str
    code: str
    line: int

    @property
    def needs(self) -> str:
        """What the block says it needs; "" without a word."""
        found = NEEDS.match(self.code)
        return found[1] if found else ""

    def commands(self) -> Iterator[str]:
        """Yield its commands, each on one line, without comments."""
        for line in re.sub(r"\\\n\s*", "", self.code).splitlines():
            command = re.sub(r"(^|\s+)#\s.*", "", line).strip()
            if command:
                yield command


def pages() -> list[Path]:
    """Return all pages of the project, in order."""
    found = (
        path
        for path in ROOT.rglob("*.md")
        if not any(part.startswith(".") or part in ELSEWHERE for part in path.relative_to(ROOT).parts[:-1])
    )
    return sorted(found)


@cache
def text(page: Path) -> str:
    """Return what a page says."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """Return the fenced blocks of a page, or those of one language; code is freed of the fence's indentation."""
    found = []
    for match in _FENCE.finditer(text(page)):
        code = re.sub(f"^ {{0,{len(match['indent'])}}}", "", match["code"], flags=re.MULTILINE)
        word = (match["info"].split() or [""])[0]
        if language in (None, word):
            found.append(Block(word, code, text(page).count("\n", 0, match.start()) + 1))
    return found


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", text(page))


def spans(page: Path) -> list[str]:
    """Return what stands in a page's prose as code."""
    return [match[2] for match in _CODE.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """Return the fragments that lead to the headings of a page, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", html.unescape(plain).lower()).replace(" ", "-")
        number, name = 0, slug
        while name in found:
            number += 1
            name = f"{slug}-{number}"
        found.add(name)
    return found


def links(page: Path) -> list[str]:
    """Return the targets of a page's links and pictures; what stands as code is none."""
    said = _CODE.sub("", prose(page))
    return [
        html.unescape(target)
        for form in (_TARGET, _ATTRIBUTE, _AUTOLINK, _REFERENCE)
        for target in form.findall(said)
    ]
