"""What every dialect shares: the error, the shape of a parsed schedule, and the record of a dialect."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec

from backup_sentinel.errors import SentinelError

# Instants further from 1970 than this (years 69 to 3871) have no slot: no object of a cluster means them,
# and the arithmetic of dates must not run over its own end.
HORIZON = 6e10

_SHOWN = 40


class ScheduleError(SentinelError, ValueError):
    """A schedule cannot be read by its dialect.

    The text is one sentence: what is wrong, a colon, and what would be right.
    """


class Slots(Protocol):
    """The slots of one schedule: what its operator would call the times it is due.

    `text` is the schedule as it was written, `timezone` the name of the zone whose wall clock counts.
    """

    @property
    def text(self) -> str:
        """Return the schedule as it was written."""

    @property
    def timezone(self) -> str:
        """Return the name of the zone whose wall clock counts, "UTC" by default."""

    @property
    def width(self) -> float:
        """Return how many seconds after a slot its run may begin; 0 where the slot is the instant."""

    def after(self, instant: float) -> float | None:
        """Return the first slot strictly after `instant`, both in Unix seconds; None: there is none.

        None also for an instant that is not a number or beyond `HORIZON`. Never raises.
        """

    def describe(self) -> str:
        """Return the schedule in words, for people; the wording is no interface."""


class Dialect(msgspec.Struct, frozen=True):
    """One way to write schedules.

    `read(text, zone)` gives the slots or raises ScheduleError; `zone` is the zone of the operator, or of
    the object where that has a field for it. A zone inside the text wins.
    """

    name: str
    summary: str
    read: Callable[[str, ZoneInfo], Slots]


def shown(text: str) -> str:
    """Return `text` quoted, printable and not too long, for a message."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")


def nearest(wrong: str, known: list[str]) -> str | None:
    """Return which of `known` was probably meant by `wrong`: equal but for case, same last part, or alike."""
    folded = wrong.casefold()
    for candidate in known:
        if candidate.casefold() == folded:
            return candidate
    for candidate in known:
        if candidate.casefold().rpartition("/")[2] == folded:
            return candidate
    return next(iter(get_close_matches(wrong, known, n=1)), None)
