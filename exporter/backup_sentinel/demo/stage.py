"""The state of a story: clusters, sites, schedules, runs, and what can be done to them at a given time."""

import heapq
import itertools
import random
from collections.abc import Iterator
from importlib import import_module

from .cluster import SimulatedCluster
from .operators import WrittenOperator, load_operator
from .scene import Location, Manifest, Operator, Run, Schedule, Site, Volume
from .slots import next_slot, settle_cron
from .storyfile import ImportSpec, ScheduleSpec, SiteSpec, StoryFile
from .times import bytes_of, seconds_of


class Stage:
    """Everything that exists, at the time `now` (Unix seconds), which whoever plays the story moves.

    `open` are the runs that have not ended and those that are being deleted.
    """

    def __init__(self, file: StoryFile, now: float) -> None:
        self.file = file
        self.start = self.now = now
        self.clusters: dict[str, SimulatedCluster] = {}
        self.sites: list[Site] = []
        self.open: list[Run] = []
        self._expiries: list[tuple[float, int, Run]] = []
        self._brief: list[tuple[float, int, SimulatedCluster, str, str, str]] = []
        self._copies: list[tuple[float, Run, Site, ImportSpec]] = []
        self._order = itertools.count()

    def build(self, cluster: SimulatedCluster, spec: SiteSpec) -> Site:
        """Put up one installation: its resource types, namespaces, locations and schedules."""
        operator = find_operator(spec.operator)
        ages = [seconds_of(schedule.created) for schedule in spec.schedules]
        site = Site(
            cluster=cluster, spec=spec, operator=operator, created=self.start - max(ages, default=0) - 10800
        )
        self.clusters[cluster.name] = cluster
        self.sites.append(site)
        for resource_type in operator.types:
            cluster.install(resource_type)
        for name in dict.fromkeys([spec.namespace, *_namespaces(spec)]):
            cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for place in spec.locations:
            changed = self.start - seconds_of(place.away or "0s")
            site.locations[place.name] = Location(place, not place.away, place.message, changed)
        for promise in spec.schedules:
            born = (
                self.start
                - seconds_of(promise.created)
                - self.draw(site, promise.name, "born").randint(0, 7200)
            )
            self.add_schedule(site, promise, born)
        return site

    def add_schedule(self, site: Site, spec: ScheduleSpec, created: float) -> Schedule:
        """Create a schedule, or again the one that was deleted."""
        cron = settle_cron(spec.schedule, self.start)
        schedule = Schedule(spec=spec, cron=cron, created=created, handled=created, paused=bool(spec.paused))
        schedule.due = next_slot(cron, created)
        site.schedules[spec.name] = schedule
        return schedule

    def handle(self, schedule: Schedule, at: float) -> None:
        """Remember that the slots up to an instant are settled, and find the next one."""
        schedule.handled = at
        schedule.due = next_slot(schedule.cron, at)

    def draw(self, site: Site, *parts: object) -> random.Random:
        """Return the chances of one thing: the same for the same seed, whatever else happens."""
        return random.Random(repr((self.file.seed, site.cluster.name, site.namespace, *parts)))

    def begin(
        self,
        site: Site,
        spec: ScheduleSpec,
        *,
        at: float,
        outcome: str = "completed",
        cause: str = "",
        schedule: Schedule | None = None,
        action: str = "backup",
        of_run: str = "",
    ) -> Run | None:
        """Make a run that is created at an instant; nothing is seen of it before `show`. None if its name is taken."""
        chance = self.draw(site, spec.name, action, int(at))
        days = (at - self.start) / 86400
        growth = (1 + spec.growth) ** days * chance.uniform(0.99, 1.01)
        volumes = [
            _volume(bytes_of(v.size) * growth, v.namespace, v.name, v.mover, chance) for v in spec.volumes
        ]
        named = schedule is not None or action == "restore"
        run = Run(
            site=site,
            schedule=schedule,
            spec=spec,
            action=action,
            name=site.operator.name_run(spec.name, at) if named else spec.name,
            outcome="completed" if outcome == "warnings" else outcome,
            cause=cause,
            created=at,
            duration=seconds_of(spec.duration) * chance.uniform(0.85, 1.2),
            expires=at + 1 + seconds_of(spec.ttl) if action == "backup" else None,
            items=int(spec.items * growth),
            errors=chance.randint(1, 3) if outcome == "partial" else 0,
            warnings=chance.randint(1, 9) if outcome == "warnings" else 0,
            volumes=volumes,
            of_run=of_run,
        )
        if f"{action}/{run.name}" in site.runs:
            return None
        self._plan(run)
        run.due = at + self._pace(run)
        return run

    def show(self, run: Run, at: float | None = None) -> str:
        """Write the objects of a run as they are at its station; return what is to be said, with the cluster."""
        site = run.site
        site.runs[f"{run.action}/{run.name}"] = run
        shown = site.operator.show(run, self.now if at is None else at)
        for manifest in shown.objects:
            self.place(run, site.cluster, manifest)
        for until, manifest in shown.brief:
            if until > self.now:
                self._linger(site.cluster, manifest, until)
        if run.open and run not in self.open:
            self.open.append(run)
        if not run.open:
            if run in self.open:
                self.open.remove(run)
            if run.expires is not None:
                heapq.heappush(self._expiries, (run.expires, next(self._order), run))
            self._spread(run)
        return f"{site.cluster.name}: {shown.said}"

    def place(self, run: Run, cluster: SimulatedCluster, manifest: Manifest) -> None:
        """Write an object that goes when the run goes."""
        stored = cluster.put(manifest)
        metadata = stored["metadata"]
        assert isinstance(metadata, dict)
        key = (cluster.name, cluster.type_of(manifest).name, metadata.get("namespace", ""), metadata["name"])
        run.placed[key] = cluster

    def _linger(self, cluster: SimulatedCluster, manifest: Manifest, until: float) -> None:
        metadata = cluster.put(manifest)["metadata"]
        assert isinstance(metadata, dict)
        place = (cluster.type_of(manifest).name, metadata.get("namespace", ""), metadata["name"])
        heapq.heappush(self._brief, (until, next(self._order), cluster, *place))

    def _vanish(self) -> None:
        while self._brief and self._brief[0][0] <= self.now:
            _, _, cluster, resource, namespace, name = heapq.heappop(self._brief)
            cluster.delete(resource, namespace, name)

    def push(self, run: Run) -> list[str]:
        """Move a run to its next station, or through its deletion; say what is seen."""
        if run.removing:
            return [self._erase(run)]
        if run.held or not run.open:
            return []
        run.station += 1
        run.due = self.now + self._pace(run)
        if run.station == run.works_from:
            run.started = self.now
        if run.station + 1 == len(run.stations):
            run.ended = self.now
        return [self.show(run)]

    def conclude(self, run: Run, outcome: str, cause: str) -> list[str]:
        """Bring a run to an end at once."""
        run.outcome, run.cause, run.hold = "completed" if outcome == "warnings" else outcome, cause, None
        chance = self.draw(run.site, run.name, "end")
        run.errors = chance.randint(1, 3) if outcome == "partial" else 0
        run.warnings = chance.randint(1, 9) if outcome == "warnings" else run.warnings
        self._plan(run)
        run.station = len(run.stations) - 1
        if run.started is None and run.works_from is not None:
            run.started = self.now
        run.ended = self.now
        return [self.show(run)]

    def retire(self, run: Run) -> list[str]:
        """Begin to delete a run and what belongs to it; `push` carries it out."""
        run.removing, run.due = 1, self.now + 30
        self.open = [*(other for other in self.open if other is not run), run]
        shown = run.site.operator.removal(run, self.now)
        for manifest in shown.objects:
            self.place(run, run.site.cluster, manifest)
        return [f"{run.site.cluster.name}: {shown.said}"]

    def expired(self) -> Iterator[Run]:
        """Yield the runs whose time is over, each once."""
        while self._expiries and self._expiries[0][0] <= self.now:
            run = heapq.heappop(self._expiries)[2]
            if not run.removing and f"{run.action}/{run.name}" in run.site.runs:
                yield run

    def next_expiry(self) -> float | None:
        """Return when the next run expires."""
        return self._expiries[0][0] if self._expiries else None

    def settle(self) -> None:
        """Bring everything that moves by itself up to date: locations, repositories, schedules, synced copies, events."""
        self._vanish()
        for site in self.sites:
            for manifest in site.operator.scenery(site, self.now):
                site.cluster.put(manifest)
            for schedule in site.schedules.values():
                if not schedule.deleted:
                    for manifest in site.operator.promise(site, schedule):
                        site.cluster.put(manifest)
        waiting, self._copies = self._copies, []
        for at, run, site, spec in waiting:
            if at > self.now:
                self._copies.append((at, run, site, spec))
            elif not run.removing:
                for manifest in site.operator.copy(run, site, spec.location, at):
                    self.place(run, site.cluster, manifest)

    def newest(self, site: Site, schedule: str, *, open_: bool = False, action: str = "backup") -> Run | None:
        """Return the newest run of a schedule, or the newest open one."""
        found = [
            run
            for run in (self.open if open_ else site.runs.values())
            if run.site is site
            and run.spec.name == schedule
            and run.action == action
            and run.created <= self.now
            and (run.open or not open_)
        ]
        return max(found, key=lambda run: run.created, default=None)

    def _plan(self, run: Run) -> None:
        plan = run.site.operator.plan(run)
        run.stations, run.works_from = plan.stations, plan.works_from

    def _pace(self, run: Run) -> float:
        waits = run.works_from is None or run.station < run.works_from
        return 1.0 if waits else run.duration / max(1, len(run.stations) - 1 - (run.works_from or 0))

    def _erase(self, run: Run) -> str:
        for (_, resource, namespace, name), cluster in run.placed.items():
            cluster.delete(resource, namespace, name)
        self.open.remove(run)
        run.site.runs.pop(f"{run.action}/{run.name}", None)
        for other in [other for other in run.site.runs.values() if other.of_run == run.name]:
            for (_, resource, namespace, name), cluster in other.placed.items():
                cluster.delete(resource, namespace, name)
            run.site.runs.pop(f"{other.action}/{other.name}", None)
        return f"{run.site.cluster.name}: {run.action} {run.name} is gone"

    def _spread(self, run: Run) -> None:
        here = (run.site.cluster.name, run.site.namespace, run.spec.name if run.schedule else "")
        for site in self.sites:
            for spec in site.spec.imports:
                if (spec.cluster, spec.namespace, spec.schedule) == here:
                    at = max((run.ended or run.created) + 60, self.start - seconds_of(spec.since))
                    self._copies.append((at, run, site, spec))


def find_operator(name: str) -> Operator:
    """Return the maker of objects of an operator, by the name of its module or file; DocumentError if there is none."""
    try:
        found: Operator = import_module(f"{__package__}.{name}").OPERATOR
    except (ImportError, AttributeError):
        return WrittenOperator(load_operator(name))
    return found


def _namespaces(spec: SiteSpec) -> Iterator[str]:
    for schedule in spec.schedules:
        yield from (name for name in schedule.namespaces if "*" not in name)
        yield from (volume.namespace for volume in schedule.volumes)


def _volume(size: float, namespace: str, name: str, mover: str, chance: random.Random) -> Volume:
    part = int(size * chance.uniform(0.01, 0.05))
    return Volume(namespace=namespace, name=name, mover=mover, size=int(size), incremental=part)
