"""What the story engine and the makers of objects share: sites, schedules, runs, and what an operator must offer."""

from typing import Any, Protocol

import msgspec

from .cluster import SimulatedCluster
from .resources import JsonObject, ResourceType
from .storyfile import Beat, LocationSpec, ScheduleSpec, SiteSpec

Manifest = dict[str, Any]


class Location(msgspec.Struct, eq=False):
    """A storage location as it is now; `changed` is when it last came or went (Unix seconds)."""

    spec: LocationSpec
    available: bool
    message: str
    changed: float


class Schedule(msgspec.Struct, eq=False, kw_only=True):
    """A schedule as it is now; `handled` is the slot up to which its runs were made or left out.

    `last_attempt` is the creation of its newest run, `due` the next slot, `skip` says that the next slot is missed,
    `fate` is the outcome and the cause of the next run, if a beat has decided.
    """

    spec: ScheduleSpec
    cron: str
    created: float
    handled: float
    due: float | None = None
    last_attempt: float | None = None
    paused: bool = False
    skip: bool = False
    fate: tuple[str, str] | None = None
    deleted: bool = False
    invalid: str = ""


class Volume(msgspec.Struct, eq=False, kw_only=True):
    """The data of one volume in one run, sizes in bytes."""

    namespace: str
    name: str
    mover: str
    size: int
    incremental: int
    failed: bool = False
    started: float | None = None
    ended: float | None = None


class Run(msgspec.Struct, eq=False, kw_only=True):
    """One run. `stations` are the phases it goes through, `station` where it is, `works_from` where work begins.

    `hold` is the station at which it stops until a beat moves it; `due` when it moves on by itself (Unix seconds).
    `removing` counts the steps of its deletion. `placed` are the objects that stand for it: cluster, resource,
    namespace, name.
    """

    site: "Site"
    schedule: Schedule | None
    spec: ScheduleSpec
    action: str
    name: str
    outcome: str
    cause: str = ""
    created: float
    duration: float
    started: float | None = None
    ended: float | None = None
    expires: float | None = None
    items: int = 0
    errors: int = 0
    warnings: int = 0
    volumes: list[Volume] = []
    of_run: str = ""
    stations: tuple[str, ...] = ("",)
    station: int = 0
    works_from: int | None = None
    hold: int | None = None
    due: float = 0
    removing: int = 0
    placed: dict[tuple[str, str, str, str], SimulatedCluster] = {}

    @property
    def phase(self) -> str:
        """Return the station it is at."""
        return self.stations[self.station]

    @property
    def open(self) -> bool:
        """Return whether it has not come to its end."""
        return self.station < len(self.stations) - 1

    @property
    def held(self) -> bool:
        """Return whether it stands still until a beat moves it."""
        return self.hold is not None and self.station >= self.hold


class Site(msgspec.Struct, eq=False, kw_only=True):
    """One installation of one operator: its locations, schedules and runs (by action/name). `notes` are for the operator's own use."""

    cluster: SimulatedCluster
    spec: SiteSpec
    operator: "Operator"
    created: float
    locations: dict[str, Location] = {}
    schedules: dict[str, Schedule] = {}
    runs: dict[str, Run] = {}
    notes: JsonObject = {}

    @property
    def namespace(self) -> str:
        """Return the namespace the operator lives in."""
        return self.spec.namespace


class Shown(msgspec.Struct):
    """What an operator wants to be seen: objects to put, and the sentence a person would say about it.

    `brief` are objects that go by themselves, each with the instant at which it does (Unix seconds).
    """

    objects: list[Manifest]
    said: str = ""
    brief: list[tuple[float, Manifest]] = []


class Plan(msgspec.Struct):
    """The phases of a run from creation to end; `works_from` is None where it never starts."""

    stations: tuple[str, ...]
    works_from: int | None


class Operator(Protocol):
    """All that the engine must know about one backup operator; each is one module with an `OPERATOR`, or one file."""

    types: tuple[ResourceType, ...]

    def name_run(self, name: str, created: float) -> str:
        """Return the name of the object of a run of a schedule, or of a restore of one of its runs."""

    def plan(self, run: Run) -> Plan:
        """Return the phases of a run, from its outcome, its cause, and the state of its location."""

    def scenery(self, site: Site, now: float) -> list[Manifest]:
        """Return locations, repositories and what else stands around, as of now."""

    def promise(self, site: Site, schedule: Schedule) -> list[Manifest]:
        """Return the object of a schedule as of now."""

    def show(self, run: Run, now: float) -> Shown:
        """Return the objects of a run at the station it is at."""

    def removal(self, run: Run, now: float) -> Shown:
        """Return what is seen while a run is being deleted, before it is gone."""

    def copy(self, run: Run, site: Site, location: str, now: float) -> list[Manifest]:
        """Return the objects with which another site shows a run that it found in a bucket."""

    def act(self, site: Site, beat: Beat, run: Run | None, now: float) -> Shown | None:
        """Carry out a beat that only this operator knows; None if it does not know it either."""
