"""Every family that is exported about backups. A metric is added in one of these files, as one function, and nowhere else.

The label set of streams is the same in all of their families, so that rules can match without `on()`.
"""

from backup_sentinel.export.exposition.family import Family

from . import instants, numbers, promises, sight, storage, underway, volumes

_PARTS = (promises, instants, underway, numbers, volumes, storage, sight)
"""In the order of the page and of the reference."""

FAMILIES: tuple[Family, ...] = tuple(family for part in _PARTS for family in part.FAMILIES)

assert len({family.name for family in FAMILIES}) == len(FAMILIES)

__all__ = ["FAMILIES"]
