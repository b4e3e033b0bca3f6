"""Everything that is known of one operator in one cluster. All joins between its kinds of objects happen here."""

from collections.abc import Iterable, Iterator

import msgspec

from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.model import (
    Deletion,
    Location,
    Outcome,
    Record,
    Repository,
    Run,
    Schedule,
    ScheduleKey,
    Volume,
)

from .feed import Feed
from .marks import Marks, NamespaceKey, Scope
from .places import Place, PlaceKey, place_key
from .promise import latest
from .saved import SavedFeed, SavedStream, ledger_of, merge_streams, restore, save_feed, save_stream
from .stream import Stream
from .volumes import Volumes


class Installation:
    """One operator in one cluster. Times are Unix seconds."""

    def __init__(
        self, cluster: str, operator: str, settings: ExportSettings, marks: Marks, *, durable: bool = False
    ) -> None:
        self.cluster = cluster
        self.operator = operator
        self.durable = durable
        self.recalled = False
        """It is known what an earlier process saved; until then nothing is counted in public, if it is durable."""
        self.feeds: list[Feed] = []
        self.streams: dict[ScheduleKey, Stream] = {}
        self.places: dict[PlaceKey, Place] = {}
        self.repositories: dict[PlaceKey, Repository] = {}
        self.volumes = Volumes()
        self._settings = settings
        self._marks = marks
        self._namespaces: dict[str, set[ScheduleKey]] = {}
        self._failed_deletions: dict[str, set[str]] = {}
        self._restored: dict[str, float] = {}
        self._defaults: dict[str, str] = {}
        self._targets: dict[ScheduleKey, set[ScheduleKey]] = {}
        self._references_changed = True

    # Records -----------------------------------------------------------------------------------------------

    def enter(self, record: Record, *, history: bool, now: float) -> None:
        """Take in a new or changed record; `history` says that it was there before anything was watched."""
        match record:
            case Run():
                self._enter_run(record, history=history)
            case Schedule():
                stream = self._stream(record.key)
                stream.promise(record, self._settings, now)
                self._promised(stream)
            case Location():
                self._place(place_key(record), record)
            case Repository():
                self.repositories[place_key(record)] = record
                self._marks.add(Scope.REPOSITORY, place_key(record))
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
                    self._marks.stream(record.key)
            case Schedule():
                if (stream := self.streams.get(record.key)) is not None:
                    stream.withdraw(now)
                    self._promised(stream)
            case Location():
                self._place(place_key(record), None)
            case Repository():
                self.repositories.pop(place_key(record), None)
                self._marks.add(Scope.REPOSITORY, place_key(record))
            case Volume():
                run = self.find_run(record.run, namespace=record.namespace, action=record.action)
                self.volumes.drop(record, keep=run is not None)
            case Deletion():
                self._deletion(record, failed=False)

    def settle(self, touched: Iterable[ScheduleKey]) -> None:
        """Close the books on the runs of these streams: nothing older will turn up."""
        for key in touched:
            if key in self.streams:
                self.streams[key].ledger.close()

    def _stream(self, key: ScheduleKey) -> Stream:
        stream = self.streams.get(key)
        if stream is None:
            stream = self.streams[key] = Stream(key=key, unscheduled=self._unscheduled(key.namespace))
            if self.durable:
                stream.ledger.shown = dict(stream.ledger.totals) if self.recalled else {}
            stream.targets = len(self._targets.get(key, ()))
            self._namespaces.setdefault(key.namespace, set()).add(key)
            if key.target:
                self._targets.setdefault(_base(key), set()).add(key)
                self._recount(key)
        return stream

    def _promised(self, stream: Stream) -> None:
        """The schedule of a stream came, changed or went; it speaks for the targets of the stream too."""
        self._references_changed = True
        self._marks.stream(stream.key)
        for key in self._targets.get(stream.key, ()):
            self.streams[key].follow(stream)
            self._marks.stream(key)

    def _recount(self, target: ScheduleKey) -> None:
        """A target came or went."""
        base = self.streams.get(_base(target))
        if base is None:
            return
        base.targets = len(self._targets.get(base.key, ()))
        self._marks.stream(base.key)
        if target in self.streams:
            self.streams[target].follow(base)

    def _enter_run(self, run: Run, *, history: bool) -> None:
        stream = self._stream(run.key)
        stream.enter(run, history=history)
        if self._restored and run.key.action != "restore" and run.name in self._restored:
            stream.last_restore_success = latest([stream.last_restore_success, self._restored.pop(run.name)])
        if run.outcome is Outcome.SUCCEEDED and run.size is None:
            stream.unweighed.add((run.namespace, run.name))
        self._marks.stream(run.key)

    def _moved(self, volume: Volume) -> None:
        """The volume of a run came, changed or went; they are added up once, however many there are."""
        run = self.find_run(volume.run, namespace=volume.namespace, action=volume.action)
        if run is not None:
            self.streams[run.key].unweighed.add((run.namespace, run.name))
            self._marks.stream(run.key)

    def _weigh(self, stream: Stream) -> None:
        for name in stream.unweighed:
            run = stream.runs.get(name)
            if run is None or run.outcome is not Outcome.SUCCEEDED or run.size is not None:
                continue
            if (size := self.volumes.size(run)) is not None:
                stream.memory.resize(name, size)
        stream.unweighed.clear()

    def restored(self, name: str, clock: float, namespace: str) -> None:
        """A restore of the run of that name succeeded; remembered until such a run is seen.

        If several runs have that name it is the one in the namespace of the restore.
        """
        run = self.find_run(name, namespace=namespace) or self.find_run(name)
        if run is None:
            self._restored[name] = max(clock, self._restored.get(name, clock))
            return
        stream = self.streams[run.key]
        stream.last_restore_success = latest([stream.last_restore_success, clock])
        self._marks.stream(run.key)

    def find_run(self, name: str, *, namespace: str | None = None, action: str | None = None) -> Run | None:
        """Return the run that an object of that name stands for; without an action anything but a restore."""
        for feed in self.feeds:
            if feed.record != "run":
                continue
            for held in feed.namespaces() if namespace is None else (namespace,):
                for record in feed.get(held, name):
                    if isinstance(record, Run) and (
                        record.key.action == action if action is not None else record.key.action != "restore"
                    ):
                        return record
        return None

    def _deletion(self, deletion: Deletion, *, failed: bool) -> None:
        names = self._failed_deletions.setdefault(deletion.namespace, set())
        if failed:
            names.add(deletion.name)
        else:
            names.discard(deletion.name)
        self._marks.add(Scope.NAMESPACE, NamespaceKey(self.cluster, self.operator, deletion.namespace))

    def _place(self, key: PlaceKey, location: Location | None) -> None:
        if location is None:
            self.places.pop(key, None)
        else:
            self.places[key] = Place(key=key, location=location)
        self._references_changed = True
        self._marks.add(Scope.LOCATION, key)
        names = [place.key.name for place in self.places.values() if place.serves(key.namespace)]
        if names and self._defaults.get(key.namespace) != min(names):
            self._defaults[key.namespace] = min(names)
            for stream in self._namespaces.get(key.namespace, ()):
                self._marks.stream(stream)

    def shows(self, stream: Stream) -> bool:
        """Tell whether all labels of a stream are known; they may not change with what is listed later."""
        if not stream.key.schedule or stream.location is not None:
            return True
        feeds = self._covering("location", stream.key.namespace)
        return all(feed.known or feed.missing or feed.up is False for feed in feeds)

    # Time --------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Let time pass: expiries, tombstones, and locations that are named and do not exist."""
        for stream in list(self.streams.values()):
            if stream.stock.settle(stream.runs.values(), now):
                self._marks.stream(stream.key)
            if stream.key.schedule:
                self._bury(stream, now)
        if self._references_changed:
            self._references_changed = False
            self._imagine_places()

    def _bury(self, stream: Stream, now: float) -> None:
        """Forget a stream whose schedule is gone for long, or a target that nothing is left of for as long."""
        key, long_ago = stream.key, now - self._settings.tombstone_seconds
        if stream.schedule is not None:
            if not key.target or stream.runs or (stream.memory.last_attempt or 0.0) > long_ago:
                return
        elif not self._synced("schedule", key.namespace):
            return
        if stream.deleted is not None and stream.deleted <= long_ago:
            stream.deleted = None
            self._marks.stream(key)
        if stream.deleted is None and not stream.runs:
            del self.streams[key]
            self._namespaces[key.namespace].discard(key)
            self._marks.stream(key)
            if key.target:
                self._targets[_base(key)].discard(key)
                self._recount(key)

    def _imagine_places(self) -> None:
        wanted = {
            PlaceKey(self.cluster, self.operator, key.namespace, stream.schedule.location)
            for key, stream in self.streams.items()
            if stream.schedule is not None
            and stream.schedule.location is not None
            and self._synced("location", key.namespace)
        }
        idle = {key for key, place in self.places.items() if place.location is None and key not in wanted}
        for key in idle:
            del self.places[key]
        new = wanted - self.places.keys()
        self.places.update({key: Place(key=key) for key in new})
        for key in idle | new:
            self._marks.add(Scope.LOCATION, key)

    # Memory ------------------------------------------------------------------------------------------------

    def remember(self, saved: Iterable[SavedStream], feeds: Iterable[SavedFeed], now: float) -> None:
        """Take over what an earlier process saved: its schedules count as known until a list does not show them.

        That may come late, and again from another process that saves the same. What has been seen stays seen.
        """
        first, self.recalled = not self.recalled, True
        told = {stream.key: stream for stream in saved}
        for key in [*told, *(self.streams if first else ())]:
            self._recall(self._stream(key), told.get(key), first=first)
        if first:
            known = {(feed.key.resource, feed.key.scope): feed for feed in self.feeds}
            for listed in feeds:
                if (feed := known.get((listed.resource, listed.scope))) is not None:
                    self._expect(feed, listed, now)
        for stream in list(self.streams.values()):
            if stream.schedule is not None and not stream.key.target:
                stream.promise(stream.schedule, self._settings, now)
                self._promised(stream)
        if first:
            self._recount_runs()
            self.reconcile()

    def _recall(self, stream: Stream, told: SavedStream | None, *, first: bool) -> None:
        """Put what was saved of a stream under what has been seen of it."""
        seen, books = save_stream(self.refresh(stream)), stream.ledger
        merged = merge_streams(seen, told) if told is not None else seen
        restore(stream, merged)
        if first:
            stream.ledger = ledger_of(told or SavedStream(key=stream.key))
            stream.ledger.take_over(books)
            stream.open = {(run.namespace, run.name): run for run in merged.running} | stream.open
        else:
            stream.ledger = ledger_of(merged)
            stream.ledger.shown = books.shown
        if not self.durable:
            stream.ledger.shown = None
        self._marks.stream(stream.key)

    def _expect(self, feed: Feed, listed: SavedFeed, now: float) -> None:
        """Hold the schedules that a resource promised until it is listed; those it does not show any more are gone."""
        feed.remembered = True
        for known in listed.objects:
            held = feed.recall(known.namespace, known.name, tuple(known.schedules))
            for schedule in known.schedules:
                stream = self._stream(schedule.key)
                if held or (feed.synced and stream.schedule is None and stream.deleted is None):
                    stream.promise(schedule, self._settings, now)
                    if not held:
                        stream.withdraw(now)
                    self._promised(stream)

    def _recount_runs(self) -> None:
        """Enter the runs that were seen before it was known what an earlier process had counted."""
        for feed in self.feeds:
            runs = (record for _, records in feed.items() for record in records if isinstance(record, Run))
            for run in runs:
                if not run.synced:
                    self.streams[run.key].ledger.see(run, history=not feed.remembered)
        if all(feed.synced for feed in self.feeds if feed.record == "run"):
            self.settle(list(self.streams))

    def save(self) -> tuple[list[SavedFeed], list[SavedStream]]:
        """Return what is to outlive the process."""
        feeds = [save_feed(feed) for feed in self.feeds if feed.known]
        return feeds, [save_stream(self.refresh(stream)) for stream in self.streams.values()]

    def reconcile(self) -> None:
        """Where all runs have been listed, those that were open when the process ended and are gone ended as unknown."""
        accounted = {namespace: self._accounted("run", namespace) for namespace in self._namespaces}
        for stream in self.streams.values():
            if stream.memory.partials:
                self._marks.stream(stream.key)
            if not accounted[stream.key.namespace]:
                continue
            moved = not stream.listed
            for name in stream.open.keys() - stream.runs.keys():
                del stream.open[name]
                moved = True
            if stream.ledger.open and stream.ledger.reconcile(stream.runs.values()):
                moved = True
            if moved:
                self._marks.stream(stream.key)

    def _accounted(self, record: str, namespace: str) -> bool:
        """Tell whether all records of a kind that could ever be seen in a namespace have been listed."""
        return all(
            feed.synced or (not feed.remembered and (feed.up is False or feed.missing))
            for feed in self._covering(record, namespace)
        )

    def _lost(self, run: Run) -> int:
        """Return how many volumes of a run have no data in it; at least one is in doubt until volumes were listed."""
        return self.volumes.lost(run) if self._accounted("volume", run.namespace) else 1

    # Feeds -------------------------------------------------------------------------------------------------

    def reconsider(self) -> None:
        """A feed was listed for the first time, or could not be: what follows from knowing it may change."""
        self._references_changed = True
        unscheduled = {namespace: self._unscheduled(namespace) for namespace in self._namespaces}
        for stream in self.streams.values():
            if stream.unscheduled is not unscheduled[stream.key.namespace]:
                stream.unscheduled = not stream.unscheduled
                self._marks.stream(stream.key)
            elif not stream.listed:
                self._marks.stream(stream.key)

    def _unscheduled(self, namespace: str) -> bool:
        """Tell whether the schedules of a namespace cannot be read and never could."""
        feeds = self._covering("schedule", namespace)
        return bool(feeds) and all(
            feed.up is False and not (feed.synced or feed.remembered) for feed in feeds
        )

    def _synced(self, record: str, namespace: str | None = None) -> bool:
        """Tell whether all feeds that show a kind of record (in a namespace) have been listed, and there is one."""
        feeds = self._covering(record, namespace)
        return bool(feeds) and all(feed.synced for feed in feeds)

    def _covering(self, record: str, namespace: str | None) -> list[Feed]:
        feeds = [feed for feed in self.feeds if feed.record == record]
        return feeds if namespace is None else [feed for feed in feeds if feed.key.scope in {"", namespace}]

    def refresh(self, stream: Stream) -> Stream:
        """Bring up to date what a stream knows of the volumes of its newest run."""
        self._weigh(stream)
        stream.stock.recover(stream.runs.values())
        newest = stream.memory.newest
        if newest is None:
            stream.volumes = ()
        elif (sums := self.volumes.sums(newest)) or (newest.namespace, newest.name) in stream.runs:
            stream.volumes = sums
        stream.listed = self._accounted("run", stream.key.namespace)
        stream.grounded = stream.listed or any(
            feed.remembered for feed in self._covering("run", stream.key.namespace)
        )
        stream.default_location = self._defaults.get(stream.key.namespace, stream.default_location)
        stream.deadline = stream.due_by(self._lost)
        stream.recovery = stream.recovery_point(self._lost)
        return stream

    def expired(self, namespace: str) -> int:
        """Return how many runs of a namespace have expired and still exist."""
        return sum(self.streams[key].stock.expired for key in self._namespaces.get(namespace, ()))

    def failed_deletions(self, namespace: str) -> int:
        """Return how many requests to delete a run of a namespace ended with errors."""
        return len(self._failed_deletions.get(namespace, ()))

    def uses(self, namespace: str) -> bool:
        """Tell whether anything is known in a namespace."""
        return bool(self._namespaces.get(namespace) or self._failed_deletions.get(namespace))

    def subjects(self) -> Iterator[tuple[Scope, object]]:
        """Iterate over all subjects."""
        yield from ((Scope.STREAM, key) for key in self.streams)
        yield from ((Scope.LOCATION, key) for key in self.places)
        yield from ((Scope.REPOSITORY, key) for key in self.repositories)
        for namespace in self._namespaces.keys() | self._failed_deletions.keys():
            yield Scope.NAMESPACE, NamespaceKey(self.cluster, self.operator, namespace)


def _base(target: ScheduleKey) -> ScheduleKey:
    """Return the key of the schedule that a target belongs to."""
    return msgspec.structs.replace(target, target="")
