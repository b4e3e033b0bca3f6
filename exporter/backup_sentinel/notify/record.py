"""What has been told, to whom, and up to when everything was looked at; as JSON texts by key, which people can read.

    sent      ids `{cluster}:{run}:{date}` of what every channel has, with the time; expire after seven days
    partly    ids of what some channels have and others refused, with the names of those that have it
    open      incidents that were told and are not over
    looked    by cluster: when the last complete look began

A key of the ConfigMap, or of the file, holds each of these.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from .incident import Told

LIFE = 7 * 86400.0
"""Seconds after which an entry is dropped."""

_ERA = 1e11
"""Unix seconds of the year 5138; a larger number counts milliseconds."""
_DATE = re.compile(r":(\d{4}-\d{2}-\d{2})$")


class CorruptRecordError(ValueError):
    """A text of the record is not what it should be; it names the key."""


class Record(msgspec.Struct):
    """The record in memory. Times in Unix seconds."""

    sent: dict[str, float] = {}
    partly: dict[str, tuple[str, ...]] = {}
    open: dict[str, Told] = {}
    looked: dict[str, float] = {}

    def has(self, identity: str, channel: str, begun: float = 0.0) -> bool:
        """Tell whether a channel has what an id stands for; what was told before it had begun was something else.

        An entry that does not say when it was told counts for the whole day.
        """
        if identity in self.sent:
            return self.finished(identity, begun) or self.sent[identity] == _day(identity)
        return channel in self.partly.get(identity, ())

    def finished(self, identity: str, begun: float = 0.0) -> bool:
        """Tell whether every channel has what an id stands for, since it had begun. Times are kept in whole seconds."""
        at = self.sent.get(identity)
        return at is not None and at + 1 > begun

    def mark(self, identity: str, channels: Iterable[str], now: float, *, everybody: bool) -> None:
        """Note that channels have something, or `everybody` who should."""
        if everybody:
            self.sent[identity] = now
            self.partly.pop(identity, None)
        elif found := dict.fromkeys((*self.partly.get(identity, ()), *channels)):
            self.partly[identity] = tuple(found)

    def prune(self, now: float, keep: Iterable[str] = ()) -> None:
        """Drop what is older than `LIFE`, but not what is known of the incidents `keep`."""
        kept = set(keep)
        for identity, at in list(self.sent.items()):
            if now - at > LIFE and name_of(identity) not in kept:
                del self.sent[identity]
        for identity in list(self.partly):
            day = _day(identity)
            if (day is None or now - day > LIFE + 86400) and name_of(identity) not in kept:
                del self.partly[identity]

    def thin(self) -> bool:
        """Drop the older half of what is open, or of what was sent where nothing is; return whether anything was left to drop."""
        if self.open:
            for place in _older(self.open, lambda place: self.open[place].starts_at):
                del self.open[place]
        elif self.sent:
            for identity in _older(self.sent, lambda identity: self.sent[identity]):
                del self.sent[identity]
        else:
            return False
        return True

    def clear(self, identities: Iterable[str]) -> list[str]:
        """Forget that what these ids stand for was told; return those that were there."""
        cleared = [name for name in dict.fromkeys(identities) if name in self.sent or name in self.partly]
        for identity in cleared:
            self.sent.pop(identity, None)
            self.partly.pop(identity, None)
        return cleared

    def merge(self, other: "Record") -> None:
        """Take over what another process has noted meanwhile; nothing that was told is forgotten."""
        for identity, at in other.sent.items():
            self.sent[identity] = max(at, self.sent.get(identity, at))
        for identity, channels in other.partly.items():
            self.mark(identity, channels, 0.0, everybody=False)
        for cluster, at in other.looked.items():
            self.looked[cluster] = max(at, self.looked.get(cluster, at))
        for slot, told in other.open.items():
            self.open.setdefault(slot, told)
        for identity in self.sent:
            self.partly.pop(identity, None)

    def texts(self) -> dict[str, str]:
        """Return the texts by key; equal records give equal texts."""
        moments = {
            "sent": {identity: _iso(at) for identity, at in self.sent.items()},
            "looked": {cluster: _iso(at) for cluster, at in self.looked.items()},
        }
        return {
            key: msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1).decode()
            for key, value in (*moments.items(), ("partly", self.partly), ("open", self.open))
        }

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> "Record":
        """Return the record of some texts; a key that is not there is empty. Raises CorruptRecordError."""
        record, broken = cls.salvage(texts)
        for key, why in broken.items():
            raise CorruptRecordError(f"`{key}`: {why}")
        return record

    @classmethod
    def salvage(cls, texts: Mapping[str, str]) -> tuple["Record", dict[str, str]]:
        """Return what some texts hold, and what is wrong with the keys that cannot be read, which are empty."""
        record, broken = cls(), {}
        for key, read in _READERS.items():
            try:
                setattr(record, key, read(texts.get(key, "")))
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                broken[key] = str(error)
        return record, broken


def entries(text: str) -> dict[str, float]:
    """Return the ids of a `sent` text with their times: a mapping of ids to times, or a list of ids.

    An id without a time of its own has that of its day; one without a day is left out. Raises ValueError.
    """
    found: Any = msgspec.json.decode(text) if text.strip() else {}
    if isinstance(found, dict) and isinstance(found.get("sent"), dict | list):
        found = found["sent"]
    if isinstance(found, list):
        found = dict.fromkeys(one for one in found if isinstance(one, str))
    if not isinstance(found, dict):
        raise ValueError("`sent` is neither a mapping nor a list")  # noqa: TRY004 - the text is wrong, not the program
    times = {}
    for identity, value in found.items():
        at, day = _moment(value), _day(identity)
        if day is not None:
            times[identity] = day if at is None else at
    return times


def identity(name: str, now: float) -> str:
    """Return the id under which an incident is told today, in UTC."""
    return f"{name}:{datetime.fromtimestamp(now, UTC).date().isoformat()}"


def name_of(identity: str) -> str:
    """Return an id without its day."""
    return identity.rpartition(":")[0]


def _json(text: str, kind: Any) -> Any:
    return msgspec.json.decode(text, type=kind) if text.strip() else {}


def _moments(text: str) -> dict[str, float]:
    found = _json(text, dict[str, str])
    return {name: at for name, one in found.items() if (at := _moment(one)) is not None}


def _moment(value: object) -> float | None:
    """Return Unix seconds of ISO 8601, seconds or milliseconds; None for what is no time of this era."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        at = float(value) / (1000 if value > _ERA else 1)
    else:
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None
        if moment is None:
            return None
        at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return at if 0 <= at <= _ERA else None


def _older(names: Iterable[str], order: Callable[[str], Any]) -> list[str]:
    found = sorted(names, key=order)
    return found[: (len(found) + 1) // 2]


def _day(identity: str) -> float | None:
    found = _DATE.search(identity)
    return _moment(found[1]) if found else None


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


_READERS: dict[str, Callable[[str], Any]] = {
    "sent": entries,
    "partly": lambda text: _json(text, dict[str, tuple[str, ...]]),
    "open": lambda text: _json(text, dict[str, Told]),
    "looked": _moments,
}
"""How the text of each key is read."""
