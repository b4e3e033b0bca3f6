"""The shapes of what is told, which are those of the API.

Instants are Unix seconds, durations seconds, sizes bytes. What is not known is left out; the labels of a stream are
always there, "" where they do not apply. `message` is what the operator wrote: left out unless whoever asks may see it.
"""

import msgspec

from backup_sentinel.model import Outcome

from .sight import ClusterRow
from .state import RANK, State

STRIP = 14
"""How many of its last runs a schedule shows at a glance."""


class Mark(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One of the last runs of a schedule at a glance."""

    name: str
    outcome: Outcome
    at: float | None = None


class VolumeRow(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """Data of one volume that a run moved."""

    name: str
    outcome: Outcome
    volume: str | None = None
    target_namespace: str | None = None
    size: float | None = None
    transferred: float | None = None
    started: float | None = None
    ended: float | None = None
    message: str | None = None


class RunRow(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One run with everything that is known of it.

    `namespace` is that of the run's own object, `resource_namespace` that of its schedule. `copied` says that it
    happened elsewhere and was found in a shared location. `volumes` are the worst ones; `volumes_total` counts all, and
    is left out where no object tells of volumes.
    """

    cluster: str
    operator: str
    resource_namespace: str
    schedule: str
    action: str
    target: str
    namespace: str
    name: str
    outcome: Outcome
    phase: str | None = None
    reason: str | None = None
    created: float | None = None
    started: float | None = None
    ended: float | None = None
    duration: float | None = None
    expires: float | None = None
    timeout: float | None = None
    size: float | None = None
    transferred: float | None = None
    items: float | None = None
    items_expected: float | None = None
    errors: float | None = None
    warnings: float | None = None
    files_new: float | None = None
    files_changed: float | None = None
    location: str | None = None
    target_namespaces: tuple[str, ...] = ()
    of_run: str | None = None
    copied: bool
    message: str | None = None
    volumes_total: int | None = None
    volumes_failed: int | None = None
    volumes: tuple[VolumeRow, ...] = ()

    @property
    def progress(self) -> float | None:
        """Which part of the items is done, between 0 and 1."""
        if self.items is None or not self.items_expected:
            return None
        return min(1.0, max(0.0, self.items / self.items_expected))


class LocationRow(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """A storage location. `exists` is false where a schedule names one that does not exist."""

    cluster: str
    operator: str
    resource_namespace: str
    location: str
    exists: bool
    available: bool | None = None
    reason: str | None = None
    default: bool | None = None
    read_only: bool | None = None
    provider: str | None = None
    last_validation: float | None = None
    last_sync: float | None = None
    message: str | None = None


class RepositoryRow(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """A repository of volume data inside a location."""

    cluster: str
    operator: str
    resource_namespace: str
    repository: str
    ready: bool | None = None
    location: str | None = None
    last_maintenance: float | None = None
    message: str | None = None


class ScheduleRow(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One stream of runs: a schedule and what it does, or the ad-hoc runs of a namespace (`schedule` is "").

    `newest` is the newest run that succeeded, failed or failed in part; `under_way` the oldest one that is running, or
    else pending. `runs` are the last ones that are known, oldest first.
    """

    cluster: str
    operator: str
    resource_namespace: str
    schedule: str
    action: str
    target: str
    state: State
    why: tuple[str, ...] = ()
    location: str | None = None
    location_available: bool | None = None
    location_reason: str | None = None
    cron: str | None = None
    timezone: str | None = None
    paused: bool
    paused_since: float | None = None
    created: float | None = None
    message: str | None = None
    last_attempt: float | None = None
    last_success: float | None = None
    last_success_run: str | None = None
    last_partial: float | None = None
    last_failure: float | None = None
    last_recovery_point: float | None = None
    deadline: float | None = None
    max_age: float | None = None
    next_due: float | None = None
    last_restore_success: float | None = None
    restore_test_max_age: float | None = None
    failures_tolerated: int
    consecutive_failures: int
    running: int
    restorable: int | None = None
    newest_expiry: float | None = None
    size: float | None = None
    size_baseline: float | None = None
    newest: RunRow | None = None
    under_way: RunRow | None = None
    runs: tuple[Mark, ...] = ()

    @property
    def promise(self) -> float | None:
        """How old the newest recovery point may become, in seconds; None where nothing is owed or nothing is there."""
        if self.deadline is None or self.last_recovery_point is None:
            return None
        return self.deadline - self.last_recovery_point

    @property
    def reason(self) -> str | None:
        """Class of the newest failure, unless a success came after it."""
        bad = self.newest is not None and self.newest.outcome is not Outcome.SUCCEEDED
        return self.newest.reason if self.newest is not None and bad else None


class ScheduleDetail(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One schedule, its newest runs, and the location it stores in. `runs_total` counts all runs that exist."""

    time: float
    schedule: ScheduleRow
    location: LocationRow | None = None
    runs_total: int
    runs: tuple[RunRow, ...] = ()


class RunList(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """Runs, newest first. `total` is how many there are, of which these are from `offset` on."""

    time: float
    total: int
    offset: int
    runs: tuple[RunRow, ...]


class PlaceList(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """Storage locations and repositories, of each from `offset` on; the totals are how many there are."""

    time: float
    offset: int
    locations_total: int
    repositories_total: int
    locations: tuple[LocationRow, ...]
    repositories: tuple[RepositoryRow, ...]


class Overview(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """Everything, worst first; `time` is when it was looked at. `total` schedules match, of which these are from `offset` on.

    `locations` are those that are not available and `repositories` those that are not ready: of many some, which the two
    numbers tell. Where some schedules are asked for, they are the locations that these write to. `state` is the worst of
    all this, clusters that do not answer and resources that cannot be read included.
    """

    time: float
    version: str
    state: State
    total: int
    offset: int
    clusters: tuple[ClusterRow, ...]
    locations_unavailable: int
    repositories_unready: int
    locations: tuple[LocationRow, ...] = ()
    repositories: tuple[RepositoryRow, ...] = ()
    schedules: tuple[ScheduleRow, ...]


def worst(states: list[State]) -> State:
    """Return the worst of some states; `ok` where there is none."""
    return min(states, key=RANK.__getitem__, default=State.OK)
