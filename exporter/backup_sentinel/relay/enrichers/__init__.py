"""Kinds of enrichers, one file each: the settings struct is tagged with the name of its module and opens the enricher.

A kind is added here, as one file, and nowhere else: the configuration, its errors and its reference follow.
"""

import importlib
import pkgutil
from functools import cache

from .enricher import Enricher, EnricherSettings, Stage

_SHARED = frozenset({"enricher"})


@cache
def kinds() -> dict[str, type[EnricherSettings]]:
    """Return the settings struct of each kind, by its name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name in _SHARED:
            continue
        members = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        settings = [kind for kind in members if _is_settings(kind, module.name)]
        assert len(settings) == 1, f"{module.name} must hold one EnricherSettings with tag={module.name!r}"
        found[module.name] = settings[0]
    return found


def _is_settings(member: object, tag: str) -> bool:
    return (
        isinstance(member, type)
        and issubclass(member, EnricherSettings)
        and member.__struct_config__.tag == tag
    )


__all__ = ["Enricher", "EnricherSettings", "Stage", "kinds"]
