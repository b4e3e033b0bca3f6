"""Answers of the API server about one resource become readings: what each object means, and what is odd about it.

Ordinary objects are decoded and read in one go. Whatever is not ordinary, down to one field of one object among
thousands, is read again with care, so that no object is lost for the sake of another.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import msgspec
from msgspec import Raw, Struct

from backup_sentinel.errors import ProblemReason
from backup_sentinel.model import Problem, Record

from .body import PageError, decode, split
from .emit import Build, Keys
from .oddity import Patient, Refusal, Strict, show
from .prune import ODD, Row, Wanted, row_of

_ODD = (Refusal, LookupError, ValueError, TypeError, ArithmeticError, AttributeError)
_BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class ResourceType(Struct, frozen=True):
    """A resource of the Kubernetes API as a profile describes it.

    `versions` are in order of preference, `poll` is in seconds and None for resources that are watched. The server applies
    `selector` (labels) and `field_selector`. Only where `beside` is served this one is of interest.
    """

    group: str
    versions: tuple[str, ...]
    kind: str
    plural: str
    namespaced: bool = True
    aggregated: bool = False
    poll: float | None = None
    selector: str | None = None
    field_selector: str | None = None
    beside: "ResourceType | None" = None

    @property
    def name(self) -> str:
        """The name as in `kubectl get`: plural and group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def verbs(self) -> tuple[str, ...]:
        """The rights that reading takes."""
        return ("get", "list") if self.poll is not None else ("get", "list", "watch")


class Reading(Struct, gc=False):
    """One object: its identity, the records it means, and what could not be taken at its word.

    Name and namespace are "" where the object does not tell; then there is a problem that says so.
    """

    namespace: str
    name: str
    uid: str | None
    records: tuple[Record, ...]
    problems: tuple[Problem, ...] = ()


class Page(Struct):
    """One answer to a list request; `continue_token` is None on the last page, `remaining` a hint of the server."""

    items: Sequence[Reading]
    resource_version: str | None
    continue_token: str | None
    remaining: int | None


class Item(Struct):
    """One object of a watch or a get."""

    value: Reading
    resource_version: str | None


class Machine(Struct):
    """A compiled resource: shared by all clusters, without state."""

    type: ResourceType
    item: msgspec.json.Decoder[Any]
    wanted: tuple[Wanted, ...]
    extract: Callable[[Any], Row]
    version: Callable[[Any], str | None]
    fast: tuple[Build, ...]
    careful: tuple[Build, ...]


class Reader:
    """Reads one resource of one cluster."""

    def __init__(self, machine: Machine, cluster: str, operator: str, now: Callable[[], float]) -> None:
        self.type = machine.type
        self.operator = operator
        self.resource = machine.type.name
        self._machine = machine
        self._now = now
        self._keys = Keys(cluster, operator)
        self._only = machine.fast[0] if len(machine.fast) == 1 else None
        # Other API servers than Kubernetes' own may leave out the namespace.
        self._homed = machine.type.namespaced and not machine.type.aggregated

    def page(self, body: bytes) -> Page:
        """Read an answer to a list request; raise PageError where it is no list."""
        page = split(body)
        meta = page.metadata
        readings = _Readings(self, page.items or [], self._now())
        return Page(readings, meta.resource_version or None, meta.continue_ or None, meta.remaining)

    def readings(self, raws: Sequence[Raw], now: float) -> list[Reading]:
        """Read some objects of a list; never raises for what is in them."""
        decode, ear, found = self._machine.item.decode, Strict(now), []
        for raw in raws:
            try:
                found.append(self._ordinary(decode(raw), ear))
            except (*_BROKEN, *_ODD):
                found.append(self.read(bytes(raw), now)[0])
        return found

    def item(self, raw: Raw | bytes) -> Item:
        """Read one object; never raises for what is in it."""
        now = self._now()
        try:
            decoded = self._machine.item.decode(raw)
            return Item(self._ordinary(decoded, Strict(now)), self._machine.version(decoded))
        except (*_BROKEN, *_ODD):
            return Item(*self.read(bytes(raw), now))

    def read(self, raw: bytes, now: float) -> tuple[Reading, str | None]:
        """Read one object with care: each odd field becomes a problem, the others keep their value."""
        try:
            value = decode(raw)
        except ValueError as error:
            return _lost(ProblemReason.UNDECODABLE, f"{error}"[:200]), None
        return self.read_value(value, now)

    def read_value(self, value: Any, now: float) -> tuple[Reading, str | None]:
        """Read one plain object with care."""
        ear = Patient(now)
        if not isinstance(value, dict):
            return _lost(ProblemReason.UNDECODABLE, f"expected an object, got {show(value)}"), None
        row = row_of(self._machine.wanted, value, ear.odd)
        name, namespace, uid, version = (None if value is ODD else value for value in row[:4])
        row = (name, namespace, uid, version, *row[4:])
        if not name or (self._homed and not namespace):
            ear.odd(ProblemReason.NO_IDENTITY, "metadata", "no name" if not name else "no namespace")
            return Reading(namespace or "", name or "", uid, (), ear.problems), version
        records = tuple(record for build in self._machine.careful for record in build(row, ear, self._keys))
        return Reading(namespace or "", name, uid, records, ear.problems), version

    def _ordinary(self, decoded: Any, ear: Strict) -> Reading:
        """Read an ordinary object; raise one of `_ODD` where it is not."""
        row = self._machine.extract(decoded)
        name, namespace = row[0], row[1] or ""
        if not name or (not namespace and self._homed):
            raise Refusal
        if self._only is not None:
            return Reading(namespace, name, row[2], self._only(row, ear, self._keys))
        records = tuple(record for build in self._machine.fast for record in build(row, ear, self._keys))
        return Reading(namespace, name, row[2], records)


class _Readings(Sequence[Reading]):
    """The objects of a page, read when they are asked for, so that nobody has to wait for a whole page."""

    def __init__(self, reader: Reader, raws: list[Raw], now: float) -> None:
        self._reader = reader
        self._raws = raws
        self._now = now

    def __len__(self) -> int:
        return len(self._raws)

    def __iter__(self) -> Iterator[Reading]:
        return iter(self[:])

    @overload
    def __getitem__(self, at: int) -> Reading: ...
    @overload
    def __getitem__(self, at: slice) -> list[Reading]: ...
    def __getitem__(self, at: int | slice) -> Reading | list[Reading]:
        if isinstance(at, slice):
            return self._reader.readings(self._raws[at], self._now)
        return self._reader.readings([self._raws[at]], self._now)[0]


def _lost(reason: ProblemReason, detail: str) -> Reading:
    return Reading("", "", None, (), (Problem(reason, "", detail),))


__all__ = ["Item", "Machine", "Page", "PageError", "Reader", "Reading", "ResourceType"]
