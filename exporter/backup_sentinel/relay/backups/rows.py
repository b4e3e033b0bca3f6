"""Answers of the exporter's API to `/schedule`, `/run` and `/locations`, as far as notifications tell of them.

Instants are Unix seconds. What the exporter does not know, or does not tell whoever asks, is None.
"""

import msgspec


class VolumeRow(msgspec.Struct, frozen=True, kw_only=True):
    """Data of one volume of a run."""

    name: str
    outcome: str
    volume: str | None = None
    target_namespace: str | None = None
    message: str | None = None


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run; `namespace` is that of its object, `message` what the operator wrote."""

    namespace: str
    name: str
    outcome: str
    phase: str | None = None
    reason: str | None = None
    created: float | None = None
    started: float | None = None
    ended: float | None = None
    items: float | None = None
    items_expected: float | None = None
    errors: float | None = None
    warnings: float | None = None
    location: str | None = None
    target_namespaces: tuple[str, ...] = ()
    message: str | None = None
    volumes: tuple[VolumeRow, ...] = ()


class LocationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A storage location."""

    location: str
    exists: bool = True
    available: bool | None = None
    message: str | None = None


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `/locations`."""

    locations: tuple[LocationRow, ...] = ()

    def find(self, name: str) -> "Detail | None":
        """Return a location by its name, with nothing about runs."""
        found = next((row for row in self.locations if row.location == name), None)
        return Detail(location=found) if found is not None else None


class ScheduleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of runs."""

    last_success: float | None = None
    last_recovery_point: float | None = None
    next_due: float | None = None
    paused: bool = False
    message: str | None = None
    newest: RunRow | None = None
    """The newest run that succeeded, failed or failed in part."""
    under_way: RunRow | None = None


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """One stream with its newest runs, newest first, and its location."""

    schedule: ScheduleRow = msgspec.field(default_factory=ScheduleRow)
    location: LocationRow | None = None
    runs: tuple[RunRow, ...] = ()
