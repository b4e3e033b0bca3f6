"""What does not fit, while an object is read: refused on the fast way, written down on the careful one.

The fast way reads ordinary objects only and stops at the first oddity; such an object is then read again, carefully,
so that each odd field becomes a problem and all others keep their value.
"""

from typing import Protocol

from msgspec import json

from backup_sentinel.cause.secret import redact
from backup_sentinel.errors import ProblemReason
from backup_sentinel.model import Problem

AHEAD = 300.0
"""Seconds that a clock in the cluster may run before ours."""


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """The object is not ordinary; read it carefully."""


class Ear(Protocol):
    """Hears of oddities; `limit` is the latest instant that can have happened, `heard` counts."""

    limit: float
    heard: int

    def odd(self, reason: ProblemReason, path: str, detail: str) -> None:
        """Hear of one."""


class Strict:
    """The ear of the fast way."""

    __slots__ = ("limit",)
    heard = 0

    def __init__(self, now: float) -> None:
        self.limit = now + AHEAD

    def odd(self, reason: ProblemReason, path: str, detail: str) -> None:  # noqa: ARG002 - an Ear
        """Stop."""
        raise Refusal


class Patient:
    """The ear of the careful way: one problem for each reason and path."""

    def __init__(self, now: float) -> None:
        self.limit = now + AHEAD
        self.heard = 0
        self._problems: dict[tuple[ProblemReason, str], Problem] = {}

    def odd(self, reason: ProblemReason, path: str, detail: str) -> None:
        """Write it down."""
        self.heard += 1
        self._problems.setdefault((reason, path), Problem(reason, path, detail))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was heard, in order."""
        return tuple(self._problems.values())


def show(value: object) -> str:
    """Write a value of an object for people: text quoted, all short and without secrets."""
    if isinstance(value, bool | int | float):
        return json.encode(value).decode()
    text = redact(str(value)[:200])
    return repr(text if len(text) <= 40 else text[:37] + "...")
