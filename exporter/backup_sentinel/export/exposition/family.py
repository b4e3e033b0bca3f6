"""A metric family as a value: what it is called, what it means, and how it is read off a subject."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

import msgspec

from backup_sentinel.export.store import Scope

Labels = tuple[tuple[str, str], ...]
Number = float | int | bool
Read = Callable[[Any], Number | None]
Many = Iterable[tuple[Labels, Number | None]]
ReadMany = Callable[[Any], Many]


class Kind(StrEnum):
    """Type of a family, as both formats spell it."""

    GAUGE = "gauge"
    COUNTER = "counter"


class Stability(StrEnum):
    """What users may rely on. A stable family is renamed only after two minor releases under both names."""

    ALPHA = "alpha"
    STABLE = "stable"


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One family. `read` gives one value or None (no sample); `read_many` samples with `extra` labels."""

    name: str
    help: str
    kind: Kind
    scope: Scope
    source: str
    unit: str = ""
    extra: tuple[str, ...] = ()
    stability: Stability = Stability.ALPHA
    read: Read | None = None
    read_many: ReadMany | None = None


class Registry:
    """Collects families in the order in which they are declared."""

    def __init__(self) -> None:
        self.families: list[Family] = []

    def add(
        self,
        name: str,
        text: str,
        scope: Scope,
        *,
        source: str,
        kind: Kind = Kind.GAUGE,
        stability: Stability = Stability.STABLE,
    ) -> Callable[[Read], Read]:
        """Declare a family with one sample for each subject; decorates the function that reads its value."""

        def declare(read: Read) -> Read:
            self._append(
                Family(
                    name=name,
                    help=text,
                    kind=kind,
                    scope=scope,
                    source=source,
                    unit=unit(name),
                    stability=stability,
                    read=read,
                )
            )
            return read

        return declare

    def add_many(
        self,
        name: str,
        text: str,
        scope: Scope,
        *,
        extra: tuple[str, ...],
        source: str,
        kind: Kind = Kind.GAUGE,
        stability: Stability = Stability.STABLE,
    ) -> Callable[[ReadMany], ReadMany]:
        """Declare a family with any number of samples for each subject, told apart by `extra` labels."""

        def declare(read: ReadMany) -> ReadMany:
            self._append(
                Family(
                    name=name,
                    help=text,
                    kind=kind,
                    scope=scope,
                    source=source,
                    unit=unit(name),
                    extra=extra,
                    stability=stability,
                    read_many=read,
                )
            )
            return read

        return declare

    def _append(self, family: Family) -> None:
        assert all(known.name != family.name for known in self.families), family.name
        self.families.append(family)


def unit(name: str) -> str:
    """Return the unit a family's name ends in: seconds, bytes, or "" for plain numbers."""
    plain = name.removesuffix("_total")
    return next((unit for unit in ("seconds", "bytes") if plain.endswith(f"_{unit}")), "")
