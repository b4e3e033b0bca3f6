"""Kinds of things, one file each in a package: the settings struct is tagged with the name of its module."""

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType
from typing import TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


def find(package: ModuleType, base: type[S], shared: Iterable[str]) -> dict[str, type[S]]:
    """Return the settings struct of each module of a package, by its name; `shared` are modules that hold no kind."""
    found: dict[str, type[S]] = {}
    left_out = frozenset(shared)
    for module in pkgutil.iter_modules(package.__path__):
        if module.name in left_out:
            continue
        members = vars(importlib.import_module(f"{package.__name__}.{module.name}")).values()
        settings = [
            member
            for member in members
            if isinstance(member, type)
            and issubclass(member, base)
            and member.__struct_config__.tag == module.name
        ]
        assert len(settings) == 1, f"{module.name} must hold one {base.__name__} with tag={module.name!r}"
        found[module.name] = settings[0]
    return found
