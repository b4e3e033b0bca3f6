"""Everything that is known of one operator in one cluster. All joins between its kinds of objects happen here."""

from collections.abc import Collection, Iterable, Iterator

import msgspec

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
from .feed import Feed
from .happenings import Happenings
from .marks import Marks, NamespaceKey, Scope
from .places import Place, PlaceKey, place_key
from .promise import latest
from .restores import Restores
from .saved import SavedFeed, SavedStream, ledger_of, restore, save_feed, save_stream
from .stream import Stream
from .union import merge_streams
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
        self._coverage = Coverage(self.feeds)
        self.streams: dict[ScheduleKey, Stream] = {}
        self.places: dict[PlaceKey, Place] = {}
        self.repositories: dict[PlaceKey, Repository] = {}
        self.volumes = Volumes()
        self._settings = settings
        self._marks = marks
        self._namespaces: dict[str, set[ScheduleKey]] = {}
        self._failed_deletions: dict[str, set[str]] = {}
        self._restores = Restores()
        self._defaults: dict[str, str] = {}
        self._targets: dict[ScheduleKey, set[ScheduleKey]] = {}
        self._references_changed = True
        self._presets: dict[tuple[str, str], Preset] = {}
        self._happenings = Happenings()

    # Records -----------------------------------------------------------------------------------------------

    def enter(self, record: Record, *, history: bool, now: float) -> None:
        """Take in a new or changed record; `history` says that it was there before anything was watched."""
        match record:
            case Run():
                self._enter_run(record, history=history)
            case Schedule():
                stream = self._stream(record.key)
                stream.promise(self._timed(record, stream), self._settings, now)
                self._promised(stream)
            case Preset() | Event():
                self._hear(record, history=history, now=now)
            case Location():
                self._explain(record)
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
            case Preset() | Event():
                self._unhear(record)
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

    def settle(self, touched: Collection[ScheduleKey]) -> None:
        """Close the books on the runs of these streams: nothing older will turn up."""
        if touched:
            self._marks.lasting(self.cluster)
        for key in touched:
            if key in self.streams:
                self.streams[key].ledger.close()

    def _stream(self, key: ScheduleKey) -> Stream:
        stream = self.streams.get(key)
        if stream is None:
            stream = self.streams[key] = Stream(
                key=key, unscheduled=self._coverage.unscheduled(key.namespace)
            )
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

    def _hear(self, record: Preset | Event, *, history: bool, now: float) -> None:
        """Take in what only speaks of others."""
        if isinstance(record, Preset):
            self._presets[record.namespace, record.name] = record
            self._preset(record, now)
        else:
            self._happenings.put(record, history=history)
            self._tell(record)

    def _unhear(self, record: Preset | Event) -> None:
        """Take out what only spoke of others; schedules keep the promise they had."""
        if isinstance(record, Preset):
            self._presets.pop((record.namespace, record.name), None)
        else:
            self._happenings.drop(record)

    def _timed(self, schedule: Schedule, stream: Stream) -> Schedule:
        """Return the schedule with the times of its preset; as long as that is not known, with those it had."""
        if schedule.preset is None or schedule.crons:
            return schedule
        preset = self._presets.get((schedule.preset_namespace or schedule.key.namespace, schedule.preset))
        if preset is not None:
            return msgspec.structs.replace(
                schedule, crons=preset.crons, dialect=preset.dialect, timezone=preset.timezone
            )
        crons, timezone = stream.rhythm or ((), None)
        return msgspec.structs.replace(schedule, crons=crons, timezone=timezone)

    def _preset(self, preset: Preset, now: float) -> None:
        """A preset came or changed: the schedules that refer to it are due at its times."""
        for stream in list(self.streams.values()):
            schedule = stream.schedule
            if (
                schedule is not None
                and not stream.key.target
                and schedule.preset == preset.name
                and (schedule.preset_namespace or stream.key.namespace) == preset.namespace
            ):
                stream.promise(
                    self._timed(msgspec.structs.replace(schedule, crons=()), stream), self._settings, now
                )
                self._promised(stream)

    def _explain(self, record: Run | Location) -> None:
        """Give a failure that says nothing the text of the event that told of it."""
        failed = record.outcome is Outcome.FAILED if isinstance(record, Run) else record.available is False
        if failed and not record.message and (text := self._happenings.text(record)):
            record.message = text
            if record.reason in {None, FailureReason.UNKNOWN}:
                record.reason = classify(text)

    def _tell(self, event: Event) -> None:
        """An event came, perhaps after what it tells of."""
        self._marks.add(Scope.NAMESPACE, NamespaceKey(self.cluster, self.operator, event.namespace))
        run = self.find_run(event.subject, namespace=event.namespace) or self.find_run(
            event.subject, namespace=event.namespace, action="restore"
        )
        if run is not None and not run.message:
            self._explain(run)
            self._marks.stream(run.key)
        place = self.places.get(PlaceKey(self.cluster, self.operator, event.namespace, event.subject))
        if place is not None and place.location is not None and not place.location.message:
            self._explain(place.location)
            self._marks.add(Scope.LOCATION, place.key)

    def told(self, namespace: str) -> dict[str, int]:
        """Return how often events told of each word in a namespace, since the process began; 0 for those not told."""
        words = {word: 0 for feed in self._coverage.of("event", namespace) for word in feed.words}
        return words | self._happenings.totals.get(namespace, {})

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
        self._explain(run)
        stream.enter(run, history=history)
        if self._restores and run.key.action != "restore":
            stream.last_restore_success = latest([stream.last_restore_success, self._restores.pop(run.name)])
        if run.outcome is Outcome.SUCCEEDED and run.size is None and self.volumes.size(run) is not None:
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
        """A restore of the run of that name succeeded; remembered until such a run is seen, or newer ones crowd it out.

        If several runs have that name it is the one in the namespace of the restore.
        """
        run = self.find_run(name, namespace=namespace) or self.find_run(name)
        if run is None:
            self._restores.put(name, clock)
            return
        stream = self.streams[run.key]
        stream.last_restore_success = latest([stream.last_restore_success, clock])
        self._marks.stream(run.key)

    def find_run(self, name: str, *, namespace: str | None = None, action: str | None = None) -> Run | None:
        """Return the run that an object of that name stands for; without an action anything but a restore."""
        for feed in self.feeds:
            if "run" not in feed.records:
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
        feeds = self._coverage.of("location", stream.key.namespace)
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
        elif not self._coverage.synced("schedule", key.namespace):
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
            and self._coverage.synced("location", key.namespace)
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
        feeds = list(feeds)
        # Nobody has counted before: then the books are right as they are.
        begun = first and not feeds and not told
        for key in [*told, *(self.streams if first else ())]:
            self._recall(self._stream(key), told.get(key), first=first, begun=begun)
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
        self._marks.lasting(self.cluster)

    def _recall(self, stream: Stream, told: SavedStream | None, *, first: bool, begun: bool) -> None:
        """Put what was saved of a stream under what has been seen of it."""
        seen, books = save_stream(self.refresh(stream)), stream.ledger
        merged = merge_streams(seen, told) if told is not None else seen
        restore(stream, merged)
        if begun:
            books.shown = ledger_of(SavedStream(key=stream.key)).shown
        elif first:
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
                    stream.promise(self._timed(schedule, stream), self._settings, now)
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
        if all(feed.synced for feed in self.feeds if "run" in feed.records):
            self.settle(list(self.streams))

    def save_feeds(self) -> list[SavedFeed]:
        """Return what is to outlive the process of the resources."""
        return [save_feed(feed) for feed in self.feeds if feed.known]

    def save_stream(self, key: ScheduleKey) -> SavedStream | None:
        """Return what is to outlive the process of a stream; None if it is gone."""
        stream = self.streams.get(key)
        return None if stream is None else save_stream(self.refresh(stream))

    def reconcile(self) -> None:
        """Where all runs have been listed, those that were open when the process ended and are gone ended as unknown."""
        accounted = {namespace: self._coverage.accounted("run", namespace) for namespace in self._namespaces}
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

    def _lost(self, run: Run) -> int:
        """Return how many volumes of a run have no data in it; at least one is in doubt until volumes were listed."""
        return self.volumes.lost(run) if self._coverage.accounted("volume", run.namespace) else 1

    # Feeds -------------------------------------------------------------------------------------------------

    def reconsider(self) -> None:
        """A feed was listed for the first time, or could not be: what follows from knowing it may change."""
        self._references_changed = True
        unscheduled = {namespace: self._coverage.unscheduled(namespace) for namespace in self._namespaces}
        for stream in self.streams.values():
            if stream.unscheduled is not unscheduled[stream.key.namespace]:
                stream.unscheduled = not stream.unscheduled
                self._marks.stream(stream.key)
            elif not stream.listed:
                self._marks.stream(stream.key)

    def refresh(self, stream: Stream) -> Stream:
        """Bring up to date what a stream knows of the volumes of its newest run."""
        self._weigh(stream)
        stream.stock.recover(stream.runs.values())
        newest = stream.memory.newest
        if newest is None:
            stream.volumes = ()
        elif (sums := self.volumes.sums(newest)) or (newest.namespace, newest.name) in stream.runs:
            stream.volumes = sums
        stream.listed = self._coverage.accounted("run", stream.key.namespace)
        stream.grounded = stream.listed or any(
            feed.remembered for feed in self._coverage.of("run", stream.key.namespace)
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
