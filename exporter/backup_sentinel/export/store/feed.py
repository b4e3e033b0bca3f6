"""The objects of one resource in one cluster as they were last seen, and how well they can be seen.

An outage empties nothing. A listing replaces what it saw at once and what it did not see only when it is complete.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from backup_sentinel.errors import WHOLE_CLUSTER, ApiError, OutageReason
from backup_sentinel.model import Event, Problem, Record, Run, Schedule, ScheduleKey, Volume

ObjectName = tuple[str, str]
"""Namespace and name."""

REFUSALS = frozenset({OutageReason.FORBIDDEN, OutageReason.NOT_SERVED, OutageReason.EXPIRED})
"""Answers that are not what was asked for."""

Held = Record | tuple[Record, ...]
"""The records of one object; the only one without a tuple around it, which saves a tenth of what a Backup takes."""


def _pack(records: tuple[Record, ...]) -> Held:
    return records[0] if len(records) == 1 else records


def _unpack(held: Held) -> tuple[Record, ...]:
    return held if isinstance(held, tuple) else (held,)


class FeedKey(NamedTuple):
    """One resource of one operator in one cluster; `scope` is the one namespace it is limited to, or ""."""

    cluster: str
    operator: str
    resource: str
    scope: str = ""


class Tally(msgspec.Struct, gc=False):
    """How often something went well, and how often it did not."""

    success: int = 0
    error: int = 0

    def add(self, *, success: bool) -> None:
        """Count one more."""
        if success:
            self.success += 1
        else:
            self.error += 1


NOBODY: frozenset[ScheduleKey] = frozenset()
"""Stands for a set that nothing was put into: most of the resources of most clusters are not installed."""


class Feed(msgspec.Struct, kw_only=True):
    """State of one `FeedKey`. `records` are the kinds of records its objects give."""

    key: FeedKey
    records: frozenset[str]
    max_silence: float
    words: tuple[str, ...] = ()
    """What its events may tell of."""
    objects: dict[str, dict[str, Held]] = msgspec.field(default_factory=dict)
    unseen: dict[str, dict[str, Held]] | None = None
    anonymous: bool = False
    promises: bool = False
    """Some of its objects are schedules."""
    problems: dict[ObjectName, tuple[Problem, ...]] = msgspec.field(default_factory=dict)

    synced: bool = False
    """A complete listing has been seen at least once."""
    remembered: bool = False
    """The same in an earlier life of the process: what finished since then is news, not history."""
    up: bool | None = None
    missing: bool = False
    error: ApiError | None = None
    last_contact: float | None = None
    touched: set[ScheduleKey] | frozenset[ScheduleKey] = NOBODY
    """Streams with runs in a listing that has not come to its end."""
    lists: Tally = msgspec.field(default_factory=Tally)
    watches: Tally = msgspec.field(default_factory=Tally)
    events: int = 0

    @property
    def known(self) -> bool:
        """Whether its objects have been listed completely, in this life of the process or in an earlier one."""
        return self.synced or self.remembered

    def __len__(self) -> int:
        """Return the number of objects known."""
        held = sum(map(len, self.objects.values()))
        return held + (sum(map(len, self.unseen.values())) if self.unseen is not None else 0)

    def items(self) -> Iterator[tuple[ObjectName, tuple[Record, ...]]]:
        """Iterate over all objects known and their records."""
        for known in (self.objects, self.unseen or {}):
            for namespace, names in known.items():
                for name, held in names.items():
                    yield (namespace, name), _unpack(held)

    @property
    def away(self) -> bool:
        """Whether the last that was heard of the API server is that it cannot be reached."""
        return self.error is not None and self.error.reason in WHOLE_CLUSTER

    @property
    def answered(self) -> bool:
        """Whether the API server answered, though not with what was asked for."""
        return self.error is not None and self.error.reason in REFUSALS

    def touch(self, key: ScheduleKey) -> None:
        """Note that a stream has runs in this listing."""
        if isinstance(self.touched, frozenset):
            self.touched = set()
        self.touched.add(key)

    def begin(self) -> None:
        """Start a listing: what is not seen until `finish` is gone."""
        self.resume()
        self.unseen, self.objects, self.anonymous = self.objects, {}, False

    def resume(self) -> None:
        """Give up a listing that did not come to its end: everything known stays known."""
        if self.unseen is None:
            return
        for namespace, names in self.unseen.items():
            self.objects.setdefault(namespace, {}).update(names)
        self.unseen = None

    def finish(self) -> Iterator[tuple[ObjectName, tuple[Record, ...]]]:
        """End a listing; yield the objects that it did not show.

        If it showed an object whose name cannot be read, nothing is taken for gone: it may be any of them.
        """
        if self.anonymous:
            self.resume()
        gone, self.unseen = self.unseen or {}, None
        self.synced = True
        for namespace, names in gone.items():
            for name, held in names.items():
                self.problems.pop((namespace, name), None)
                yield (namespace, name), _unpack(held)

    def get(self, namespace: str, name: str) -> tuple[Record, ...]:
        """Return the records of an object; none if it is not known."""
        for known in (self.objects, self.unseen or {}):
            held = known.get(namespace, {}).get(name)
            if held is not None:
                return _unpack(held)
        return ()

    def namespaces(self) -> list[str]:
        """Return the namespaces in which objects are known, in order."""
        return sorted(self.objects.keys() | (self.unseen or {}).keys())

    def set(self, namespace: str, name: str, records: tuple[Record, ...]) -> None:
        """Remember the records of an object that was just seen."""
        for record in records:
            self.promises |= isinstance(record, Schedule)
        self._unsee(namespace, name)
        self.objects.setdefault(namespace, {})[name] = _pack(records)

    def recall(self, namespace: str, name: str, records: tuple[Record, ...]) -> bool:
        """Hold a schedule that was there in an earlier life, unless it has been seen by now; return whether it is held."""
        if self.synced or self.get(namespace, name):
            return False
        self.promises = True
        known = self.objects if self.unseen is None else self.unseen
        known.setdefault(namespace, {})[name] = _pack(records)
        return True

    def pop(self, namespace: str, name: str) -> tuple[Record, ...]:
        """Forget an object; return its records."""
        self.problems.pop((namespace, name), None)
        held = self.objects.get(namespace, {}).pop(name, None)
        return _unpack(held) if held is not None else self._unsee(namespace, name)

    def _unsee(self, namespace: str, name: str) -> tuple[Record, ...]:
        return _unpack(self.unseen.get(namespace, {}).pop(name, ())) if self.unseen is not None else ()

    def news(self, name: ObjectName, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
        """Remember the problems of an object; return those that it did not have before."""
        if not problems:
            self.problems.pop(name, None)
            return ()
        before = self.problems.get(name, ())
        self.problems[name] = problems
        return tuple(problem for problem in problems if problem not in before)


def identity(record: Record) -> object:
    """Return what tells the records of one object apart, and from those of another object of the same name."""
    match record:
        case Run():
            return Run, record.key, record.namespace, record.name, record.created
        case Schedule():
            return Schedule, record.key
        case Event():
            return Event, record.name, record.subject
        case Volume():
            return Volume, record.action, record.run, record.name
        case _:
            return type(record), record.name
