"""All generated files of the repository. A kind is a module of this package that has a function `artefacts`."""

import argparse
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from backup_sentinel import generate
from backup_sentinel.export.profile import Profile

from .artefact import Artefact


class Source(NamedTuple):
    """What files are made of: the repository, the packaged profiles, the command line."""

    root: Path
    profiles: Sequence[Profile]
    parser: argparse.ArgumentParser


def kinds() -> dict[str, Callable[[Source], Iterable[Artefact]]]:
    """Return the functions that make files, by kind."""
    names = [module.name for module in pkgutil.iter_modules(generate.__path__)]
    modules = {name: importlib.import_module(f"{generate.__name__}.{name}") for name in sorted(names)}
    return {
        name: module.artefacts
        for name, module in modules.items()
        if callable(getattr(module, "artefacts", None))
    }


def collect(wanted: Iterable[str], source: Source) -> Iterator[Artefact]:
    """Yield the files of the kinds."""
    known = kinds()
    for name in wanted:
        yield from known[name](source)
