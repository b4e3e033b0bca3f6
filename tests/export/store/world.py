"""A store under a clock that the test turns, told of objects and looked at as a scrape would see it."""

from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from backup_sentinel.errors import ApiError, OutageReason, ProblemReason
from backup_sentinel.export.exposition import FAMILIES
from backup_sentinel.export.exposition.labels import identify
from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.export.store import Feed, FeedKey, Scope, Store
from backup_sentinel.model import (
    Deletion,
    Event,
    Location,
    Outcome,
    Preset,
    Problem,
    Record,
    Repository,
    Run,
    Schedule,
    ScheduleKey,
    Volume,
)

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
GIB = 2.0**30
SUCCEEDED, PARTIAL, FAILED = Outcome.SUCCEEDED, Outcome.PARTIAL, Outcome.FAILED
PENDING, RUNNING, UNKNOWN = Outcome.PENDING, Outcome.RUNNING, Outcome.UNKNOWN

UNREACHABLE = ApiError("connection refused", reason=OutageReason.UNREACHABLE)
FORBIDDEN = ApiError("forbidden", reason=OutageReason.FORBIDDEN, status=403)

WORDS: dict[type, str] = {
    Run: "run",
    Schedule: "schedule",
    Location: "location",
    Repository: "repository",
    Volume: "volume",
    Deletion: "deletion",
    Preset: "preset",
    Event: "event",
}


def at(text: str) -> float:
    """Return `2026-03-02 03:00`, in UTC, as Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


MONDAY = at("2026-03-02 00:00")


class Told(NamedTuple):
    """What a profile would make of one object."""

    namespace: str
    name: str
    records: tuple[Record, ...] = ()
    problems: tuple[Problem, ...] = ()


UNNAMED = Told("", "", problems=(Problem(ProblemReason.NO_IDENTITY, "metadata"),))


def told(record: Record) -> Told:
    return Told(
        record.key.namespace if isinstance(record, Schedule) else record.namespace, record.name, (record,)
    )


def key(schedule: str = "daily", **parts: str) -> ScheduleKey:
    known = {"cluster": "prod", "operator": "velero", "namespace": "velero", "action": "backup"}
    return ScheduleKey(schedule=schedule, **(known | parts))


def run(created: float, outcome: Outcome = SUCCEEDED, *, of: ScheduleKey | None = None, **more: Any) -> Run:
    """Return a run that started when its object was created, named after that second."""
    of = of or key()
    known: dict[str, Any] = {
        "key": of,
        "namespace": of.namespace,
        "name": f"{of.schedule or of.action}-{created:.0f}",
        "outcome": outcome,
        "created": created,
        "started": None if outcome is PENDING else created,
        "clock": created,
    }
    return Run(**(known | more))


def copied(created: float, started: float, **more: Any) -> Run:
    """Return a success that ran elsewhere; its object was made from what a bucket holds."""
    known: dict[str, Any] = {"started": started, "ended": started + MINUTE, "synced_copies": True}
    return run(created, **(known | more))


def restore(created: float, of_run: str, outcome: Outcome = SUCCEEDED, **more: Any) -> Run:
    where = {part: more.pop(part) for part in ("cluster", "namespace") if part in more}
    return run(created, outcome, of=key("", action="restore", **where), of_run=of_run, **more)


def schedule(cron: str = "0 3 * * *", *, of: ScheduleKey | None = None, **more: Any) -> Schedule:
    of = of or key()
    known: dict[str, Any] = {
        "key": of,
        "name": of.schedule if of.action == "backup" else f"{of.schedule}-{of.action}",
        "crons": (cron,) if cron else (),
        "dialect": "robfig",
        "created": MONDAY,
    }
    return Schedule(**(known | more))


def location(name: str = "default", **more: Any) -> Location:
    known: dict[str, Any] = {
        "cluster": "prod",
        "operator": "velero",
        "namespace": "velero",
        "available": True,
    }
    return Location(name=name, **(known | more))


def volume(of: Run, name: str = "data", outcome: Outcome = SUCCEEDED, **more: Any) -> Volume:
    return Volume(
        cluster=of.key.cluster,
        operator=of.key.operator,
        action=of.key.action,
        namespace=of.namespace,
        run=of.name,
        **({"name": f"{of.name}-{name}", "outcome": outcome, "target_namespace": "shop"} | more),
    )


Labels = tuple[tuple[str, str], ...]


class World:
    """A store, its clock, and what a scrape would show.

    Only subjects that the store has marked as changed are looked at again, as the renderer does.
    """

    def __init__(self, **settings: Any) -> None:
        self.now = MONDAY
        self.store = Store(ExportSettings(**settings), lambda: self.now)
        self._subjects: dict[tuple[Scope, Hashable], object] = {}

    # What is told to the store -----------------------------------------------------------------------------

    def feed(
        self, record: str = "run", *, cluster: str = "prod", operator: str = "velero", scope: str = ""
    ) -> Feed:
        feed = FeedKey(cluster, operator, f"{record}s", scope)
        return self.store.feed(feed, record=record, max_silence=600.0)

    def feed_of(self, record: Record) -> Feed:
        source = record.key if isinstance(record, Run | Schedule) else record
        word = WORDS[type(record)]
        if isinstance(record, Run) and record.key.action != "backup":
            word = record.key.action
        known = FeedKey(source.cluster, source.operator, f"{word}s")
        return self.store.feed(known, record=WORDS[type(record)], max_silence=600.0)

    def list(
        self, feed: Feed | str, *objects: Record | Told, first: bool = True, complete: bool = True
    ) -> None:
        """Tell of a part of a listing; without more said, of a whole one."""
        feed = self.feed(feed) if isinstance(feed, str) else feed
        readings = [record if isinstance(record, Told) else told(record) for record in objects]
        self.store.listed(feed, readings, first=first, complete=complete)

    def start(self, *records: Record, cluster: str = "prod") -> None:
        """Tell of everything that is there at the start: schedules first, as it happens to be."""
        for word in ("schedule", "location", "run"):
            mine = [record for record in records if WORDS[type(record)] == word]
            self.list(self.feed(word, cluster=cluster), *mine)
        others = [record for record in records if WORDS[type(record)] not in {"schedule", "location", "run"}]
        for feed in {id(feed): feed for feed in map(self.feed_of, others)}.values():
            self.list(feed, *(record for record in others if self.feed_of(record) is feed))

    def put(self, *records: Record) -> None:
        for record in records:
            self.store.put(self.feed_of(record), told(record))

    def drop(self, *records: Record) -> None:
        for record in records:
            self.store.drop(self.feed_of(record), told(record))

    # What is seen ------------------------------------------------------------------------------------------

    def scrape(self) -> Iterable[tuple[str, Labels, float]]:
        """Yield name, labels and value of each sample."""
        self.store.tick()
        for scope in Scope:
            for name in self.store.marks.take(scope):
                subject = self.store.subject(scope, name)
                if subject is None:
                    self._subjects.pop((scope, name), None)
                else:
                    self._subjects[scope, name] = subject
        for family in FAMILIES:
            for (scope, _), subject in self._subjects.items():
                if scope is not family.scope:
                    continue
                labels = identify(subject)
                one = [((), family.read(subject))] if family.read is not None else []
                for extra, value in [*one, *(family.read_many(subject) if family.read_many else ())]:
                    if value is not None:
                        yield family.name, labels + extra, float(value)

    def found(self, family: str, **wanted: str) -> dict[Labels, float]:
        """Return the samples of a family that have these labels; "" stands for a label that is not there."""
        return {
            labels: value
            for name, labels, value in self.scrape()
            if name == full(family) and all(dict(labels).get(n, "") == v for n, v in wanted.items())
        }

    def value(self, family: str, **wanted: str) -> float | None:
        """Return the one sample of a family that has these labels; None if there is none."""
        found = self.found(family, **wanted)
        assert len(found) < 2, found
        return next(iter(found.values()), None)

    def families(self, **wanted: str) -> set[str]:
        """Return the short names of all families that have a sample with these labels."""
        return {
            short(name)
            for name, labels, _ in self.scrape()
            if all(dict(labels).get(n, "") == v for n, v in wanted.items())
        }


def short(name: str) -> str:
    """Return the name of a family without its prefix and without the unit of instants."""
    return name.removeprefix("kube_backup_").removesuffix("_timestamp_seconds")


_NAMES = {short(family.name): family.name for family in FAMILIES} | {f.name: f.name for f in FAMILIES}


def full(name: str) -> str:
    """Return the whole name of a family."""
    return _NAMES[name]
