"""What is asked about backups, of whom, and what comes of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from backup_sentinel.errors import EnrichmentError
from backup_sentinel.relay.message import Alert
from backup_sentinel.relay.reach import ClusterSettings

from .rows import Detail

STREAM = ("cluster", "operator", "resource_namespace", "schedule", "action", "target")
"""Labels that name a stream of runs; the first three name a place."""
_PLACE = ("operator", "resource_namespace")

Stream = Mapping[str, str]


class Wish(NamedTuple):
    """What one alert is about: the labels of a stream, and the name of a run; "" where the alert names none.

    With `location` it is about a storage location, and of the labels only those of its place count.
    """

    stream: Stream
    run: str = ""
    location: str = ""

    @property
    def place(self) -> Stream:
        """The labels of the place that a location is in."""
        return {name: self.stream[name] for name in STREAM[:3]}


class Seen(NamedTuple):
    """What was found for each wish, None for nothing, and what was in the way: one sentence each."""

    details: Sequence[Detail | None]
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """Whoever is asked."""

    async def see(self, wishes: Sequence[Wish], patience: float) -> Seen:
        """Return what is known, within so many seconds. Raises EnrichmentError."""

    async def close(self) -> None:
        """Give up connections."""


class Look(Protocol):
    """Reads a cluster once, as the exporter does. The wiring hands it over, since readers are the export river's."""

    async def __call__(
        self, cluster: ClusterSettings, operator: str, wishes: Sequence[Wish], patience: float
    ) -> tuple[list[bytes | None], tuple[str, ...]]:
        """Return the API's answer to `/schedule` for each wish, and what was in the way. Raises EnrichmentError."""


async def _see_nothing(
    cluster: ClusterSettings,  # noqa: ARG001 - as whoever looks
    operator: str,  # noqa: ARG001
    wishes: Sequence[Wish],  # noqa: ARG001
    patience: float,  # noqa: ARG001
) -> tuple[list[bytes | None], tuple[str, ...]]:
    raise EnrichmentError("clusters cannot be read here")


BLIND: Look = _see_nothing
"""Where nobody reads clusters."""


def wish_of(alert: Alert) -> Wish | None:
    """Return what an alert is about; None for one that is about no schedule, run or location."""
    if not all(alert.labels.get(name) for name in _PLACE):
        return None
    stream = {name: alert.labels.get(name, "") for name in STREAM}
    if stream["action"]:
        return Wish(stream, run=alert.annotations.get("run", ""))
    location = alert.labels.get("location", "")
    return Wish(stream, location=location) if location else None
