"""Storage locations and repositories, and locations that are referenced although they do not exist."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from backup_sentinel.model import FailureReason, Location, Repository

from .marks import Marks, Scope

MISSING = "missing"
"""Reason given for a location that a schedule names and that does not exist."""


class PlaceKey(NamedTuple):
    """A location or a repository."""

    cluster: str
    operator: str
    namespace: str
    name: str


class Place(msgspec.Struct, kw_only=True):
    """A storage location as it is told of: `location` is None if it is only referenced."""

    key: PlaceKey
    location: Location | None = None

    def serves(self, namespace: str) -> bool:
        """Tell whether schedules of a namespace go there that name no location."""
        return self.location is not None and self.location.default and self.key.namespace == namespace

    @property
    def available(self) -> bool | None:
        """Whether backups can be stored there; a location that does not exist is not available."""
        return self.location.available if self.location is not None else False

    @property
    def reason(self) -> str:
        """Why it is not available, as a word of a closed list; "" while it is."""
        if self.location is None:
            return MISSING
        if self.location.available is False:
            return self.location.reason or FailureReason.UNKNOWN
        return ""


class Places(dict[PlaceKey, Place]):
    """The storage locations of one operator in one cluster. `stale` says that schedules may name others by now."""

    def __init__(self, marks: Marks) -> None:
        super().__init__()
        self.stale = True
        self._marks = marks
        self._defaults: dict[str, str] = {}

    def set(self, key: PlaceKey, location: Location | None) -> bool:
        """Take in a new or changed location, or that it is gone; return whether its namespace has another default now."""
        if location is None:
            self.pop(key, None)
        else:
            self[key] = Place(key=key, location=location)
        self.stale = True
        self._marks.add(Scope.LOCATION, key)
        names = [place.key.name for place in self.values() if place.serves(key.namespace)]
        if not names or self._defaults.get(key.namespace) == min(names):
            return False
        self._defaults[key.namespace] = min(names)
        return True

    def default(self, namespace: str, before: str | None) -> str | None:
        """Return where schedules of a namespace go that name no location; what it was before, if that is not known."""
        return self._defaults.get(namespace, before)

    def imagine(self, wanted: Iterable[PlaceKey]) -> None:
        """Make up the locations that schedules name and that do not exist, and forget those that none names any more."""
        named = set(wanted)
        idle = {key for key, place in self.items() if place.location is None and key not in named}
        for key in idle:
            del self[key]
        new = named - self.keys()
        self.update({key: Place(key=key) for key in new})
        for key in idle | new:
            self._marks.add(Scope.LOCATION, key)
        self.stale = False


def place_key(record: Location | Repository) -> PlaceKey:
    """Return the identity of a location or repository."""
    return PlaceKey(record.cluster, record.operator, record.namespace, record.name)
