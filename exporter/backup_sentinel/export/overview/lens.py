"""From what the store knows to rows. Nothing is kept here; each row is right at the moment it is made."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from backup_sentinel.cause.message import tell
from backup_sentinel.export.store import Feed, Store, Stream
from backup_sentinel.export.store.installation import Installation
from backup_sentinel.export.store.places import Place, PlaceKey
from backup_sentinel.export.store.recent import find, instant, recent
from backup_sentinel.export.store.volumes import LOST
from backup_sentinel.model import RESTORABLE, Outcome, Repository, Run, ScheduleKey, Volume

from .choice import Choice
from .rows import (
    STRIP,
    ClusterRow,
    LocationRow,
    Mark,
    RepositoryRow,
    ResourceRow,
    RunRow,
    ScheduleDetail,
    ScheduleRow,
    VolumeRow,
)
from .state import RANK, State, judge

GONE = "no longer served"
"""What is said of a resource that the API server knew before."""

FEW_VOLUMES, MANY_VOLUMES = 20, 500
"""How many volumes of a run are told among others, and where it is the only one."""

MANY_RUNS = 200
"""How many of its newest runs are told of a schedule."""

_EVERYTHING = Choice()


class Verdict(NamedTuple):
    """A stream, where it belongs, and how bad it is."""

    known: Installation
    stream: Stream
    state: State
    why: tuple[str, ...]

    @property
    def key(self) -> ScheduleKey:
        """The stream's identity."""
        return self.stream.key

    @property
    def order(self) -> tuple[object, ...]:
        """What sorts: the worst first, then the alphabet."""
        key = self.stream.key
        return (
            RANK[self.state], key.cluster, key.operator, key.namespace, key.schedule, key.action, key.target,
        )  # fmt: skip


class Lens:
    """Looks at a store at one moment. With `texts` what operators wrote is told too, without secrets as everywhere.

    `titles` are what people call the clusters. Iterators may be left and taken up again while the store changes.
    """

    def __init__(
        self, store: Store, now: float, *, texts: bool = False, titles: dict[str, str] | None = None
    ) -> None:
        self.now = now
        self.texts = texts
        self.titles = titles or {}
        self._store = store

    def title(self, cluster: str) -> str:
        """Return what people call a cluster."""
        return self.titles.get(cluster) or cluster or "this cluster"

    # Streams -----------------------------------------------------------------------------------------------

    def streams(self, choice: Choice = _EVERYTHING) -> Iterator[tuple[Installation, Stream]]:
        """Iterate over the streams that verdicts are due for, as they were last brought up to date.

        Left out are orphans (runs of schedules that are gone), and schedules whose targets tell more.
        """
        clusters = choice.labels.get("cluster")
        for known in self._store.installations():
            if clusters is None or known.cluster in clusters:
                for stream in list(known.streams.values()):
                    if stream.live and not stream.spread and choice.takes(stream.key):
                        yield known, stream

    def verdicts(self, choice: Choice = _EVERYTHING) -> Iterator[Verdict]:
        """Judge the streams that have the labels asked for, whatever their state."""
        for known, stream in self.streams(choice):
            yield Verdict(known, stream, *judge(stream, self.now))

    def wanted(self, verdicts: Iterable[Verdict], choice: Choice) -> list[Verdict]:
        """Return those whose state and newest outcome are asked for, the worst first."""
        chosen = [
            verdict
            for verdict in verdicts
            if choice.takes_state(verdict.state)
            and choice.takes_outcome(newest.outcome if (newest := verdict.stream.memory.newest) else None)
        ]
        return sorted(chosen, key=lambda verdict: verdict.order)

    def schedule(self, verdict: Verdict) -> ScheduleRow:
        """Tell of one stream."""
        stream, known = verdict.stream, verdict.known
        key, memory, schedule = stream.key, stream.memory, stream.schedule
        place = self._place(known, stream)
        success = memory.successes[-1] if memory.successes else None
        under_way = stream.oldest(Outcome.RUNNING) or stream.oldest(Outcome.PENDING)
        return ScheduleRow(
            cluster=key.cluster,
            operator=key.operator,
            resource_namespace=key.namespace,
            schedule=key.schedule,
            action=key.action,
            target=key.target,
            state=verdict.state,
            why=verdict.why,
            location=stream.location,
            location_available=place.available if place else None,
            location_reason=(place.reason or None) if place else None,
            cron=(" | ".join(schedule.crons) or None) if schedule else None,
            timezone=schedule.timezone if schedule else None,
            paused=schedule.paused if schedule else False,
            paused_since=stream.paused_since,
            created=stream.created,
            message=self._text(schedule.message) if schedule else None,
            last_attempt=stream.last_attempt,
            last_success=stream.last_success,
            last_success_run=success.name[1] if success else None,
            last_partial=memory.last_partial,
            last_failure=memory.last_failure,
            last_recovery_point=stream.recovery,
            deadline=stream.deadline,
            max_age=stream.expectation.max_age,
            next_due=stream.next_due,
            last_restore_success=stream.last_restore_success,
            restore_test_max_age=stream.expectation.restore_test_max_age,
            failures_tolerated=stream.expectation.failures_tolerated,
            consecutive_failures=memory.consecutive_failures(),
            running=stream.existing.get(Outcome.RUNNING, 0),
            restorable=stream.stock.restorable,
            newest_expiry=stream.stock.newest_expiry,
            size=success.size if success else None,
            size_baseline=memory.baseline(),
            newest=self.run(known, memory.newest) if memory.newest else None,
            under_way=self.run(known, under_way) if under_way else None,
            runs=tuple(
                Mark(name=run.name, outcome=run.outcome, at=instant(run))
                for run in reversed(recent(stream, STRIP, own=True))
            ),
        )

    def detail(self, verdict: Verdict) -> ScheduleDetail:
        """Tell of one stream and its newest runs."""
        place = self._place(verdict.known, verdict.stream)
        return ScheduleDetail(
            time=self.now,
            schedule=self.schedule(verdict),
            location=self._location(place) if place else None,
            runs_total=len(verdict.stream.runs),
            runs=tuple(self.run(verdict.known, run) for run in recent(verdict.stream, MANY_RUNS)),
        )

    # Runs --------------------------------------------------------------------------------------------------

    def all_streams(self, choice: Choice) -> Iterator[tuple[Installation, Stream]]:
        """Iterate over all streams with these labels, orphans included: their runs exist."""
        clusters = choice.labels.get("cluster")
        for known in self._store.installations():
            if clusters is None or known.cluster in clusters:
                for stream in list(known.streams.values()):
                    if choice.takes(stream.key):
                        yield known, stream

    def newest(self, stream: Stream, count: int, choice: Choice) -> tuple[int, list[Run]]:
        """Return how many runs of a stream have an outcome that is asked for, and the newest of them."""
        if not choice.outcomes:
            return len(stream.runs), [
                run for run in recent(stream, count) if (run.namespace, run.name) in stream.runs
            ]
        total = sum(choice.takes_outcome(run.outcome) for run in stream.runs.values())
        if not total:
            return 0, []
        runs = [
            run
            for run in recent(stream, len(stream.runs) + 1)
            if choice.takes_outcome(run.outcome) and (run.namespace, run.name) in stream.runs
        ]
        return total, runs[:count]

    def find(self, choice: Choice, namespace: str | None, name: str) -> Iterator[tuple[Installation, Run]]:
        """Iterate over the runs of a name; without a namespace that of the stream is meant."""
        for known, stream in self.all_streams(choice):
            run = find(stream, namespace if namespace is not None else stream.key.namespace, name)
            if run is not None:
                yield known, run

    def restores(self, known: Installation, run: Run) -> list[Run]:
        """Return the restores of a run, newest first."""
        return [
            restore
            for stream in known.streams.values()
            if stream.key.action == "restore"
            for restore in recent(stream, len(stream.runs) + 1)
            if restore.of_run == run.name and restore.namespace == run.namespace
        ]

    def run(self, known: Installation, run: Run, *, volumes: int = FEW_VOLUMES) -> RunRow:
        """Tell of one run and the worst of its volumes, at most so many."""
        key = run.key
        moved = list(known.volumes.of(run))
        lost = [volume for volume in moved if volume.outcome in LOST]
        size = run.size if run.size is not None else known.volumes.size(run)
        took = (
            run.ended - run.started
            if run.started is not None and run.ended is not None and run.ended >= run.started
            else None
        )
        return RunRow(
            cluster=key.cluster,
            operator=key.operator,
            resource_namespace=key.namespace,
            schedule=key.schedule,
            action=key.action,
            target=key.target,
            namespace=run.namespace,
            name=run.name,
            outcome=run.outcome,
            phase=run.phase,
            reason=None if run.outcome is Outcome.SUCCEEDED else run.reason,
            created=run.created,
            started=run.started,
            ended=run.ended,
            duration=took,
            expires=run.expires,
            timeout=run.timeout,
            size=size,
            transferred=run.transferred,
            items=run.items,
            items_expected=run.items_expected,
            errors=run.errors,
            warnings=run.warnings,
            files_new=run.files_new,
            files_changed=run.files_changed,
            location=run.location,
            target_namespaces=run.target_namespaces,
            of_run=run.of_run,
            copied=run.synced,
            message=self._text(run.message),
            volumes_total=len(moved),
            volumes_failed=max(len(lost), int(run.failed_volumes or 0)),
            volumes=tuple(map(self._volume, sorted(moved, key=_badness)[:volumes])),
        )

    def restorable(self, run: RunRow) -> bool:
        """Tell whether a run could be restored today."""
        alive = run.expires is None or run.expires > self.now
        return run.outcome in RESTORABLE and alive and run.action not in {"check", "prune", "restore"}

    def _volume(self, volume: Volume) -> VolumeRow:
        return VolumeRow(
            name=volume.name,
            outcome=volume.outcome,
            volume=volume.volume,
            target_namespace=volume.target_namespace,
            size=volume.size,
            transferred=volume.transferred,
            started=volume.started,
            ended=volume.ended,
            message=self._text(volume.message),
        )

    # Places ------------------------------------------------------------------------------------------------

    def locations(self, choice: Choice = _EVERYTHING) -> list[LocationRow]:
        """Tell of the storage locations, those that are not available first."""
        rows = [
            self._location(place)
            for known in self._store.installations()
            for place in known.places.values()
            if choice.takes_place(*place.key[:3])
        ]
        return sorted(
            rows,
            key=lambda row: (
                row.available is not False,
                row.cluster,
                row.operator,
                row.resource_namespace,
                row.location,
            ),
        )

    def repositories(self, choice: Choice = _EVERYTHING) -> list[RepositoryRow]:
        """Tell of the repositories, those that are not ready first."""
        rows = [
            self._repository(key, repository)
            for known in self._store.installations()
            for key, repository in known.repositories.items()
            if choice.takes_place(*key[:3])
        ]
        return sorted(
            rows,
            key=lambda row: (
                row.ready is not False,
                row.cluster,
                row.operator,
                row.resource_namespace,
                row.repository,
            ),
        )

    def _place(self, known: Installation, stream: Stream) -> Place | None:
        key, name = stream.key, stream.location
        return (
            known.places.get(PlaceKey(key.cluster, key.operator, key.namespace, name))
            if name is not None
            else None
        )

    def _location(self, place: Place) -> LocationRow:
        cluster, operator, namespace, name = place.key
        known = place.location
        return LocationRow(
            cluster=cluster,
            operator=operator,
            resource_namespace=namespace,
            location=name,
            exists=known is not None,
            available=place.available,
            reason=place.reason or None,
            default=known.default if known else None,
            read_only=known.read_only if known else None,
            provider=known.provider if known else None,
            last_validation=known.last_validation if known else None,
            last_sync=known.last_sync if known else None,
            message=self._text(known.message) if known else None,
        )

    def _repository(self, key: PlaceKey, known: Repository) -> RepositoryRow:
        return RepositoryRow(
            cluster=key.cluster,
            operator=key.operator,
            resource_namespace=key.namespace,
            repository=key.name,
            ready=known.ready,
            location=known.location,
            last_maintenance=known.last_maintenance,
            message=self._text(known.message),
        )

    # Clusters ----------------------------------------------------------------------------------------------

    def clusters(
        self, verdicts: Iterable[Verdict], choice: Choice = _EVERYTHING, *, full: bool = True
    ) -> list[ClusterRow]:
        """Tell of the clusters, whose streams were judged; unless `full` only of resources that cannot be read."""
        states: dict[str, Counter[State]] = {}
        for verdict in verdicts:
            states.setdefault(verdict.key.cluster, Counter())[verdict.state] += 1
        rows = []
        for name, facts in sorted(self._store.clusters.items()):
            if name not in choice.labels.get("cluster", (name,)):
                continue
            feeds = [feed for known in self._store.installations(name) for feed in known.feeds]
            counts = states.get(name, Counter())
            rows.append(
                ClusterRow(
                    cluster=name,
                    title=self.title(name),
                    up=facts.up,
                    last_contact=max(
                        (feed.last_contact for feed in feeds if feed.last_contact is not None), default=None
                    ),
                    clock_skew=facts.clock_skew,
                    states={state: counts[state] for state in State},
                    operators=tuple(sorted({feed.key.operator for feed in feeds if feed.synced or feed.up})),
                    waiting=sum(not (feed.synced or feed.missing or feed.up is False) for feed in feeds),
                    resources=tuple(_resource(feed) for feed in feeds if full or feed.up is False),
                )
            )
        return rows

    def waiting(self) -> int:
        """Return how many resources that can be reached have not been listed yet."""
        return len(self._store.waiting())

    def _text(self, text: str | None) -> str | None:
        return tell(text) if self.texts and text else None


def _resource(feed: Feed) -> ResourceRow:
    return ResourceRow(
        operator=feed.key.operator,
        resource=feed.key.resource,
        scope=feed.key.scope,
        up=feed.up,
        served=not feed.missing,
        listed=feed.synced,
        objects=len(feed),
        last_contact=feed.last_contact,
        error=(tell(str(feed.error)) if feed.error else GONE) if feed.up is False else None,
    )


def _badness(volume: Volume) -> tuple[bool, bool, str]:
    return volume.outcome not in LOST, volume.outcome is Outcome.SUCCEEDED, volume.name
