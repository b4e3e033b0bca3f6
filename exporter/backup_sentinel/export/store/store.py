"""The state of all clusters. Readings of objects go in, changed subjects come out for whoever shows them."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import cache

from backup_sentinel.errors import ApiError, ProblemReason
from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.model import Event, Outcome, Record, Run, ScheduleKey

from .facts import ClusterFacts, NamespaceFacts, News, Reading
from .feed import NOBODY, Feed, FeedKey, identity
from .installation import Installation
from .marks import Marks, NamespaceKey, Scope
from .places import PlaceKey
from .recollection import take_over, write_down
from .saved import VERSION, SavedCluster, SavedStream, publish

_RUNS = frozenset({"run"})


class Store:
    """All that is known; every method leaves it consistent. `now` gives Unix seconds."""

    def __init__(self, settings: ExportSettings, now: Callable[[], float], *, durable: bool = False) -> None:
        self.durable = durable
        self.settings = settings
        self.marks = Marks()
        self.feeds: dict[FeedKey, Feed] = {}
        self.clusters: dict[str, ClusterFacts] = {}
        self.news: list[News] = []
        self._now = now
        self._installations: dict[str, dict[str, Installation]] = {}
        self._ticked: float | None = None

    def installations(self, cluster: str | None = None) -> list[Installation]:
        """Return what is known of each operator, in all clusters or in one."""
        names = self._installations if cluster is None else [cluster]
        return [known for name in names for known in self._installations.get(name, {}).values()]

    def feed(
        self,
        key: FeedKey,
        *,
        record: str,
        max_silence: float,
        also: Iterable[str] = (),
        words: tuple[str, ...] = (),
    ) -> Feed:
        """Return the feed of a resource, made when first asked for.

        Its objects give the record and `also` others; `words` are those that its events may tell of.
        """
        if key not in self.feeds:
            records = _kinds(record, *also)
            self.feeds[key] = Feed(key=key, records=records, max_silence=max_silence, words=words)
            self.clusters.setdefault(key.cluster, ClusterFacts(key.cluster))
            operators = self._installations.setdefault(key.cluster, {})
            if key.operator not in operators:
                operators[key.operator] = Installation(
                    key.cluster, key.operator, self.settings, self.marks, durable=self.durable
                )
                self._tell_of_restores(key.cluster, key.operator)
            operators[key.operator].feeds.append(self.feeds[key])
            self.marks.add(Scope.RESOURCE, key)
        return self.feeds[key]

    def remove_cluster(self, cluster: str) -> None:
        """Forget everything about a cluster that is no longer configured."""
        for key in [key for key in self.feeds if key.cluster == cluster]:
            del self.feeds[key]
            self.marks.add(Scope.RESOURCE, key)
        for known in self.installations(cluster):
            for scope, subject in known.subjects():
                self.marks.add(scope, subject)
        self._installations.pop(cluster, None)
        self.clusters.pop(cluster, None)
        self.marks.forget(cluster)
        self.marks.add(Scope.CLUSTER, cluster)

    # Memory over restarts ----------------------------------------------------------------------------------

    def save(self, cluster: str) -> SavedCluster:
        """Return what is to outlive the process; equal states give equal documents."""
        document = SavedCluster(version=VERSION, cluster=cluster)
        for _ in self.saving(document):
            pass
        return document

    def saving(self, document: SavedCluster) -> Iterator[list[SavedStream]]:
        """Fill an empty document of a cluster; yields the streams that were added, a few at a time."""
        return write_down(self.installations(document.cluster), document)

    def saved(self, document: SavedCluster) -> None:
        """Let counters show what has been saved."""
        for known in self.installations(document.cluster):
            for key in publish(known.streams, document):
                self.marks.add(Scope.STREAM, key)

    def recalled(self, cluster: str) -> bool:
        """Tell whether it is known what an earlier process saved of a cluster."""
        return all(known.streams.recalled for known in self.installations(cluster))

    def remember(self, document: SavedCluster) -> None:
        """Take over what an earlier process saved, or meanwhile another one; to be called when the feeds are there."""
        for _ in self.remembering(document):
            pass

    def remembering(self, document: SavedCluster) -> Iterator[None]:
        """Do what `remember` does, a millisecond at a time.

        Between two steps the store may be told of changes and looked at. Whoever begins has to go to the end, unless
        the cluster is removed.
        """
        return take_over(self.installations(document.cluster), document, self._now())

    # What a reflector tells --------------------------------------------------------------------------------

    def listed(self, feed: Feed, readings: Iterable[Reading], *, first: bool, complete: bool) -> None:
        """Take in a part of a listing; with `complete` everything it did not show is gone."""
        owner = self._owner(feed)
        if first:
            feed.begin()
        for reading in readings:
            self._read(feed, owner, reading, history=not feed.known)
        if complete:
            fresh = not feed.synced
            for _, records in feed.finish():
                self._withdraw(owner, records)
            self._settle(feed, owner)
            self.marks.lasting(feed.key.cluster)
            if fresh:
                owner.reconsider()
                owner.reconcile()
        self.contact(feed)

    def put(self, feed: Feed, reading: Reading) -> None:
        """Take in one new or changed object."""
        owner = self._owner(feed)
        self._read(feed, owner, reading, history=False)
        self._settle(feed, owner)
        self.contact(feed)

    def drop(self, feed: Feed, reading: Reading) -> None:
        """Take out an object that is gone."""
        self._withdraw(self._owner(feed), feed.pop(reading.namespace, reading.name))
        self.contact(feed)

    def contact(self, feed: Feed) -> None:
        """The server gave a sign of life about the feed's resource."""
        feed.last_contact = self._now()
        self.marks.add(Scope.RESOURCE, feed.key)
        if feed.up is not True:
            feed.up, feed.missing, feed.error = True, False, None
            self._reachability(feed)

    def outage(self, feed: Feed, error: ApiError) -> None:
        """The server did not answer, or not what was asked: what is known stays, and grows old."""
        feed.resume()
        first = feed.up is None
        feed.up, feed.missing, feed.error = False, False, error
        self.marks.add(Scope.RESOURCE, feed.key)
        self._reachability(feed)
        if first:
            self._owner(feed).reconcile()

    def missing(self, feed: Feed) -> None:
        """The resource is not served: ordinary if it never was, an outage once objects of it were known."""
        feed.resume()
        first = not feed.missing
        feed.up, feed.missing, feed.error = (False if feed.known else None), True, None
        self.marks.add(Scope.RESOURCE, feed.key)
        self._reachability(feed)
        if first:
            self._owner(feed).reconcile()

    def skew(self, cluster: str, seconds: float) -> None:
        """Tell by how many seconds the clock of an API server is ahead of ours."""
        facts = self.clusters.get(cluster)
        if facts is not None and facts.clock_skew != seconds:
            self.clusters[cluster] = facts._replace(clock_skew=seconds)
            self.marks.add(Scope.CLUSTER, cluster)

    def waiting(self) -> list[FeedKey]:
        """Return the resources that can be reached and have not been listed yet."""
        return [
            key for key, feed in self.feeds.items() if not (feed.synced or feed.missing or feed.up is False)
        ]

    def tick(self) -> None:
        """Let time pass."""
        now = self._now()
        for known in self.installations():
            known.tick(now)
        elapsed = now - self._ticked if self._ticked is not None else 0.0
        for cluster, facts in self.clusters.items():
            if facts.up is False and elapsed > 0:
                self.clusters[cluster] = facts._replace(blind=facts.blind + elapsed)
                self.marks.add(Scope.CLUSTER, cluster)
        self._ticked = now

    def refresh(self) -> None:
        """Bring every stream up to date, for who looks without taking marks."""
        for known in self.installations():
            for stream in known.streams.values():
                known.refresh(stream)

    def _owner(self, feed: Feed) -> Installation:
        return self._installations[feed.key.cluster][feed.key.operator]

    def _read(self, feed: Feed, owner: Installation, reading: Reading, *, history: bool) -> None:
        name = (reading.namespace, reading.name)
        fresh = feed.news(name, reading.problems) if reading.name else reading.problems
        if fresh:
            self.news.append(News(feed.key, *name, fresh))
        reasons = {problem.reason for problem in reading.problems}
        if ProblemReason.NO_IDENTITY in reasons or not reading.name:
            feed.anonymous = True
            return
        before = feed.get(*name)
        records = reading.records
        if not records and ProblemReason.UNDECODABLE in reasons:
            records = before
        if feed.records == _RUNS and before and records == before and not any(map(_restores, records)):
            feed.set(*name, before)  # listed again, and nothing has happened: nothing to show anew either
            return
        feed.set(*name, records)
        if before and records is not before:
            kept = {identity(record) for record in records}
            self._withdraw(owner, tuple(record for record in before if identity(record) not in kept))
        for record in records:
            if isinstance(record, Event):  # counted since the process began, whatever an earlier one knew
                history = not feed.synced
            owner.enter(record, history=history, now=self._now())
            if isinstance(record, Run):
                feed.touch(record.key)
                if record.of_run is not None:
                    self._restored(record)

    def _settle(self, feed: Feed, owner: Installation) -> None:
        owner.settle(feed.touched)
        feed.touched = NOBODY

    def _withdraw(self, owner: Installation, records: tuple[Record, ...]) -> None:
        for record in records:
            owner.withdraw(record, now=self._now())

    def _restored(self, restore: Run) -> None:
        if restore.outcome is not Outcome.SUCCEEDED or restore.of_run is None or restore.clock is None:
            return
        cluster = self.settings.restore_tests.get(restore.key.cluster, restore.key.cluster)
        tested = self._installations.get(cluster, {}).get(restore.key.operator)
        if tested is not None:
            tested.restored(restore.of_run, restore.clock, restore.namespace)

    def _tell_of_restores(self, cluster: str, operator: str) -> None:
        """A cluster that was added later is told of the restores elsewhere that tested its runs; they are not listed anew."""
        testers = [tester for tester, tested in self.settings.restore_tests.items() if tested == cluster]
        for known in (known for tester in testers for known in self.installations(tester)):
            if known.operator == operator:
                for run in (run for stream in known.streams.values() for run in stream.runs.values()):
                    self._restored(run)

    def _reachability(self, feed: Feed) -> None:
        cluster = feed.key.cluster
        feeds = [other for known in self.installations(cluster) for other in known.feeds]
        up = any(other.up for other in feeds) or (
            not any(other.away for other in feeds) and any(other.missing or other.answered for other in feeds)
        )
        facts = self.clusters[cluster]
        if facts.up is not up and (up or all(other.up is not None or other.missing for other in feeds)):
            self.clusters[cluster] = facts._replace(up=up)
            self.marks.add(Scope.CLUSTER, cluster)
        if "schedule" in feed.records:
            self._owner(feed).reconsider()

    # What others ask ---------------------------------------------------------------------------------------

    def subject(self, scope: Scope, key: Hashable) -> object | None:
        """Return the subject of a mark, brought up to date; None if it is gone."""
        if scope is Scope.CLUSTER:
            return self.clusters.get(str(key))
        if isinstance(key, FeedKey):
            return self.feeds.get(key)
        assert isinstance(key, ScheduleKey | PlaceKey | NamespaceKey)
        owner = self._installations.get(key.cluster, {}).get(key.operator)
        if owner is None:
            return None
        if isinstance(key, ScheduleKey):
            stream = owner.streams.get(key)
            if stream is None:
                return None
            owner.refresh(stream)
            return stream if owner.shows(stream) else None
        if isinstance(key, NamespaceKey):
            if not owner.uses(key.namespace):
                return None
            return NamespaceFacts(
                key,
                owner.expired(key.namespace),
                owner.failed_deletions(key.namespace),
                owner.told(key.namespace),
            )
        return owner.places.get(key) if scope is Scope.LOCATION else owner.repositories.get(key)


@cache
def _kinds(*records: str) -> frozenset[str]:
    """Return kinds of records as a set that all clusters share."""
    return frozenset(records)


def _restores(record: Record) -> bool:
    """Tell whether a record speaks of a run of another cluster, which may have come to be known meanwhile."""
    return isinstance(record, Run) and record.of_run is not None
