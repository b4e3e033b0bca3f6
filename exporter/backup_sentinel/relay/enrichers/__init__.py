"""Kinds of enrichers, one file each: the settings struct is tagged with the name of its module and opens the enricher.

A kind is added here, as one file, and nowhere else: the configuration, its errors and its reference follow.
"""

import sys
from functools import cache

from backup_sentinel.relay.kinds import find

from .enricher import Enricher, EnricherSettings, Stage


@cache
def kinds() -> dict[str, type[EnricherSettings]]:
    """Return the settings struct of each kind, by its name."""
    return find(sys.modules[__name__], EnricherSettings, shared=("enricher",))


__all__ = ["Enricher", "EnricherSettings", "Stage", "kinds"]
