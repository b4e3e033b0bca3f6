"""Storage locations and repositories, and locations that are referenced although they do not exist."""

from typing import NamedTuple

import msgspec

from backup_sentinel.model import FailureReason, Location, Repository

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


def place_key(record: Location | Repository) -> PlaceKey:
    """Return the identity of a location or repository."""
    return PlaceKey(record.cluster, record.operator, record.namespace, record.name)
