"""The shapes of what is told, which are those of the API.

Instants are Unix seconds, durations seconds, sizes bytes. What is not known is left out; the labels of a stream are
always there, "" where they do not apply. `message` is what the operator wrote: left out unless whoever asks may see it.
"""

import re

import msgspec

from backup_sentinel.model import Outcome

from .state import RANK, State

_REQUEST = re.compile(r"^[A-Z]+ /\S*: ")
"""What an error of the API server begins with: the request that it answers."""

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
    happened elsewhere and was found in a shared location. `volumes` are the worst ones; `volumes_total` counts all.
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
    volumes_total: int
    volumes_failed: int
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
    """Storage locations and repositories."""

    time: float
    locations: tuple[LocationRow, ...]
    repositories: tuple[RepositoryRow, ...]


class ResourceRow(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One resource of an operator in one cluster; `scope` is the one namespace it is limited to, or "".

    `up` is left out until the first answer; `served` is false where the API server does not know the resource.
    """

    operator: str
    resource: str
    scope: str
    up: bool | None = None
    served: bool
    listed: bool
    objects: int
    last_contact: float | None = None
    error: str | None = None


class ClusterRow(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One cluster: whether it answers, how many streams are in which state, and what can be read of it.

    `operators` are those of which something is installed. In the list of schedules `resources` are only those that cannot
    be read.
    """

    cluster: str
    title: str
    up: bool | None = None
    last_contact: float | None = None
    clock_skew: float | None = None
    states: dict[State, int]
    operators: tuple[str, ...]
    waiting: int
    resources: tuple[ResourceRow, ...] = ()

    @property
    def outages(self) -> dict[str, str]:
        """What is in the way, by resource."""
        return {
            f"{row.resource} in {row.scope}" if row.scope else row.resource: row.error
            for row in self.resources
            if row.error is not None
        }

    def troubles(self) -> dict[str, list[str]]:
        """Return the resources that cannot be read by what is in the way, whatever request met it first."""
        troubles: dict[str, list[str]] = {}
        for resource, error in self.outages.items():
            troubles.setdefault(_REQUEST.sub("", error), []).append(resource)
        return troubles

    @property
    def bare(self) -> bool:
        """Whether the cluster answers, and nothing of any operator is there."""
        return bool(self.up) and not self.operators and not self.waiting and not self.resources

    @property
    def state(self) -> State:
        """How bad the cluster itself is, its schedules aside."""
        if self.up is False:
            return State.CRITICAL
        return State.WARNING if self.outages else State.OK


class ClusterList(msgspec.Struct, kw_only=True):
    """All clusters, in order of their names."""

    time: float
    clusters: tuple[ClusterRow, ...]


class Overview(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """Everything, worst first; `time` is when it was looked at. `total` schedules match, of which these are from `offset` on.

    `state` is the worst of any of them, clusters that do not answer and resources that cannot be read included.
    """

    time: float
    version: str
    state: State
    total: int
    offset: int
    clusters: tuple[ClusterRow, ...]
    schedules: tuple[ScheduleRow, ...]


def worst(states: list[State]) -> State:
    """Return the worst of some states; `ok` where there is none."""
    return min(states, key=RANK.__getitem__, default=State.OK)
