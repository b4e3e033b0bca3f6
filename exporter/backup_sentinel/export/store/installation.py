"""Everything that is known of one operator in one cluster. All joins between its kinds of objects happen here."""

from collections.abc import Collection, Iterator

from backup_sentinel.cause.reason import classify
from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.model import (
    Deletion,
    Event,
    FailureReason,
    Location,
    Outcome,
    Preset,
    Record,
    Repository,
    Run,
    Schedule,
    ScheduleKey,
    Volume,
)

from .coverage import Coverage
from .deletions import Deletions
from .feed import Feed
from .happenings import Happenings
from .marks import Marks, NamespaceKey, Scope
from .places import PlaceKey, Places, place_key
from .presets import Presets, referring
from .promise import latest
from .restores import Restores
from .stream import Stream
from .streams import Streams
from .volumes import Volumes


class Installation:
    """One operator in one cluster. Times are Unix seconds."""

    def __init__(
        self, cluster: str, operator: str, settings: ExportSettings, marks: Marks, *, durable: bool = False
    ) -> None:
        self.cluster = cluster
        self.operator = operator
        self.feeds: list[Feed] = []
        self.coverage = Coverage(self.feeds)
        self.streams = Streams(self.coverage, marks, durable=durable)
        self.places = Places(marks)
        self.repositories: dict[PlaceKey, Repository] = {}
        self.volumes = Volumes()
        self.marks = marks
        self._settings = settings
        self._deletions = Deletions()
        self._restores = Restores()
        self._presets = Presets()
        self._happenings = Happenings()

    # Records -----------------------------------------------------------------------------------------------

    def enter(self, record: Record, *, history: bool, now: float) -> None:
        """Take in a new or changed record; `history` says that it was there before anything was watched."""
        match record:
            case Run():
                self._enter_run(record, history=history)
            case Schedule():
                self.promise(record, now)
            case Preset() | Event():
                self._hear(record, history=history, now=now)
            case Location():
                self._explain(record)
                self._place(place_key(record), record)
            case Repository():
                self.repositories[place_key(record)] = record
                self.marks.add(Scope.REPOSITORY, place_key(record))
            case Volume():
                self.volumes.put(record)
                self._moved(record)
            case Deletion():
                self._deletion(record, failed=record.failed)

    def withdraw(self, record: Record, *, now: float) -> None:
        """Take out a record whose object is gone, or tells it no longer."""
        match record:
            case Run():
                if (stream := self.streams.get(record.key)) is not None:
                    self._weigh(stream)
                    stream.leave((record.namespace, record.name), self.volumes.lost(record))
                    self.volumes.release(record)
                    self.marks.stream(record.key)
            case Schedule():
                if (stream := self.streams.get(record.key)) is not None:
                    stream.withdraw(now)
                    self._promised(stream)
            case Preset() | Event():
                self._unhear(record)
            case Location():
                self._place(place_key(record), None)
            case Repository():
                self.repositories.pop(place_key(record), None)
                self.marks.add(Scope.REPOSITORY, place_key(record))
            case Volume():
                run = self.coverage.find_run(record.run, namespace=record.namespace, action=record.action)
                self.volumes.drop(record, keep=run is not None)
            case Deletion():
                self._deletion(record, failed=False)

    def promise(self, schedule: Schedule, now: float) -> Stream:
        """Take in a schedule, with the times of its preset; return its stream."""
        stream = self.streams.make(schedule.key)
        stream.promise(self._presets.timed(schedule, stream), self._settings, now)
        self._promised(stream)
        return stream

    def settle(self, touched: Collection[ScheduleKey]) -> None:
        """Close the books on the runs of these streams: nothing older will turn up."""
        if touched:
            self.marks.lasting(self.cluster)
        for key in touched:
            if key in self.streams:
                self.streams[key].ledger.close()

    def _promised(self, stream: Stream) -> None:
        self.places.stale = True
        self.streams.promised(stream)

    def _hear(self, record: Preset | Event, *, history: bool, now: float) -> None:
        """Take in what only speaks of others."""
        if isinstance(record, Preset):
            self._presets.put(record)
            for schedule in list(referring(record, self.streams.values())):
                self.promise(schedule, now)
        else:
            self._happenings.put(record, history=history)
            self._tell(record)

    def _unhear(self, record: Preset | Event) -> None:
        if isinstance(record, Preset):
            self._presets.drop(record)
        else:
            self._happenings.drop(record)

    def _explain(self, record: Run | Location) -> None:
        """Give a failure that says nothing the text of the event that told of it."""
        failed = record.outcome is Outcome.FAILED if isinstance(record, Run) else record.available is False
        if failed and not record.message and (text := self._happenings.text(record)):
            record.message = text
            if record.reason in {None, FailureReason.UNKNOWN}:
                record.reason = classify(text)

    def _tell(self, event: Event) -> None:
        """An event came, perhaps after what it tells of."""
        self.marks.add(Scope.NAMESPACE, NamespaceKey(self.cluster, self.operator, event.namespace))
        run = self.coverage.find_run(event.subject, namespace=event.namespace) or self.coverage.find_run(
            event.subject, namespace=event.namespace, action="restore"
        )
        if run is not None and not run.message:
            self._explain(run)
            self.marks.stream(run.key)
        place = self.places.get(PlaceKey(self.cluster, self.operator, event.namespace, event.subject))
        if place is not None and place.location is not None and not place.location.message:
            self._explain(place.location)
            self.marks.add(Scope.LOCATION, place.key)

    def _enter_run(self, run: Run, *, history: bool) -> None:
        stream = self.streams.get(run.key)
        if stream is None:
            stream = self.streams.make(run.key)
        self._explain(run)
        stream.enter(run, history=history)
        if self._restores and run.key.action != "restore":
            stream.last_restore_success = latest([stream.last_restore_success, self._restores.pop(run.name)])
        if run.outcome is Outcome.SUCCEEDED and run.size is None and self.volumes.size(run) is not None:
            stream.unweighed.add((run.namespace, run.name))
        self.marks.stream(run.key)

    def _moved(self, volume: Volume) -> None:
        """The volume of a run came, changed or went; they are added up once, however many there are."""
        run = self.coverage.find_run(volume.run, namespace=volume.namespace, action=volume.action)
        if run is not None:
            self.streams[run.key].unweighed.add((run.namespace, run.name))
            self.marks.stream(run.key)

    def _weigh(self, stream: Stream) -> None:
        for name in stream.unweighed:
            run = stream.runs.get(name)
            if run is None or run.outcome is not Outcome.SUCCEEDED or run.size is not None:
                continue
            if (size := self.volumes.size(run)) is not None:
                stream.memory.resize(run, size)
        stream.unweighed.clear()

    def restored(self, name: str, clock: float, namespace: str) -> None:
        """A restore of the run of that name succeeded; remembered until such a run is seen, or newer ones crowd it out.

        If several runs have that name it is the one in the namespace of the restore.
        """
        run = self.coverage.find_run(name, namespace=namespace) or self.coverage.find_run(name)
        if run is None:
            self._restores.put(name, clock)
            return
        stream = self.streams[run.key]
        stream.last_restore_success = latest([stream.last_restore_success, clock])
        self.marks.stream(run.key)

    def _deletion(self, deletion: Deletion, *, failed: bool) -> None:
        self._deletions.enter(deletion, failed=failed)
        self.marks.add(Scope.NAMESPACE, NamespaceKey(self.cluster, self.operator, deletion.namespace))

    def _place(self, key: PlaceKey, location: Location | None) -> None:
        if self.places.set(key, location):
            for stream in self.streams.of(key.namespace):
                self.marks.stream(stream)

    # Time, and what feeds let one know ---------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Let time pass: expiries, tombstones, and locations that are named and do not exist."""
        long_ago = now - self._settings.tombstone_seconds
        for stream in list(self.streams.values()):
            if stream.stock.settle(stream.runs.values(), now):
                self.marks.stream(stream.key)
            self.streams.bury(stream, long_ago)
        if self.places.stale:
            self.places.imagine(
                PlaceKey(self.cluster, self.operator, key.namespace, stream.schedule.location)
                for key, stream in self.streams.items()
                if stream.schedule is not None
                and stream.schedule.location is not None
                and self.coverage.synced("location", key.namespace)
            )

    def reconcile(self) -> None:
        """Where all runs have been listed, those that were open when the process ended and are gone ended as unknown."""
        self.streams.reconcile()

    def reconsider(self) -> None:
        """A feed was listed for the first time, or could not be: what follows from knowing it may change."""
        self.places.stale = True
        self.streams.reconsider()

    def refresh(self, stream: Stream) -> Stream:
        """Bring up to date what a stream knows of the volumes of its newest run."""
        self._weigh(stream)
        stream.stock.recover(stream.runs.values())
        newest = stream.memory.newest
        if newest is None:
            stream.volumes = ()
        elif (sums := self.volumes.sums(newest)) or (newest.namespace, newest.name) in stream.runs:
            stream.volumes = sums
        stream.listed = self.coverage.accounted("run", stream.key.namespace)
        stream.grounded = stream.listed or (
            self.streams.recalled
            and any(feed.remembered for feed in self.coverage.of("run", stream.key.namespace))
        )
        stream.default_location = self.places.default(stream.key.namespace, stream.default_location)
        stream.deadline = stream.due_by(self._lost)
        stream.recovery = stream.recovery_point(self._lost)
        return stream

    def _lost(self, run: Run) -> int:
        """Return how many volumes of a run have no data in it; at least one is in doubt until volumes were listed."""
        return self.volumes.lost(run) if self.coverage.accounted("volume", run.namespace) else 1

    # What others ask ---------------------------------------------------------------------------------------

    def shows(self, stream: Stream) -> bool:
        """Tell whether all labels of a stream are known; they may not change with what is listed later."""
        if not stream.key.schedule or stream.location is not None:
            return True
        return all(
            feed.synced or feed.missing or feed.up is False or (feed.remembered and self.streams.recalled)
            for feed in self.coverage.of("location", stream.key.namespace)
        )

    def told(self, namespace: str) -> dict[str, int]:
        """Return how often events told of each word in a namespace, since the process began; 0 for those not told."""
        words = {word: 0 for feed in self.coverage.of("event", namespace) for word in feed.words}
        return words | self._happenings.totals.get(namespace, {})

    def expired(self, namespace: str) -> int:
        """Return how many runs of a namespace have expired and still exist."""
        return sum(self.streams[key].stock.expired for key in self.streams.of(namespace))

    def failed_deletions(self, namespace: str) -> int:
        """Return how many requests to delete a run of a namespace ended with errors."""
        return self._deletions.failed(namespace)

    def uses(self, namespace: str) -> bool:
        """Tell whether anything is known in a namespace."""
        return bool(self.streams.of(namespace)) or self._deletions.failed(namespace) > 0

    def subjects(self) -> Iterator[tuple[Scope, object]]:
        """Iterate over all subjects."""
        yield from ((Scope.STREAM, key) for key in self.streams)
        yield from ((Scope.LOCATION, key) for key in self.places)
        yield from ((Scope.REPOSITORY, key) for key in self.repositories)
        for namespace in {*self.streams.namespaces, *self._deletions.namespaces}:
            yield Scope.NAMESPACE, NamespaceKey(self.cluster, self.operator, namespace)
