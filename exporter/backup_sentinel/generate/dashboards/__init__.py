"""Grafana dashboards: Python functions become the JSON files of `dashboards/`.

A panel is a value (panels), an expression is made of named parts (promql), a dashboard is a module with a function
`board`. Nothing here asks a server.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from backup_sentinel.generate.artefact import Artefact

from . import daily, itself, operations, promises
from .board import Board, document, text

if TYPE_CHECKING:
    from backup_sentinel.generate.artefacts import Source

FOLDER = "dashboards"


def boards() -> Sequence[Board]:
    """Return all dashboards."""
    return [module.board() for module in (daily, operations, promises, itself)]


def artefacts(_: "Source") -> Iterator[Artefact]:
    """Yield the files below dashboards/."""
    for board in boards():
        yield Artefact(f"{FOLDER}/{board.file}", text(board))


__all__ = ["FOLDER", "Board", "artefacts", "boards", "document", "text"]
