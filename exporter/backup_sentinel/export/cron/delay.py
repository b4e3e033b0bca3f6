"""Slots that do not look at a calendar: so long after the run before, or by hand only."""

from math import floor

import msgspec

from .base import HORIZON


class Every(msgspec.Struct, frozen=True):
    """A slot so many whole seconds after the run before, whose own fraction of a second does not count.

    Source: robfig/cron v3, constantdelay.go: Next. The zone plays no part.
    """

    text: str
    timezone: str
    delay: int
    width: float = 0.0

    def after(self, instant: float) -> float | None:
        """Return the slot that follows a run at `instant`, both in Unix seconds."""
        return float(floor(instant) + self.delay) if abs(instant) < HORIZON else None

    def describe(self) -> str:
        """Return the schedule in words."""
        return f"Every {self.delay} s, counted from the run before"


class Never(msgspec.Struct, frozen=True):
    """A schedule whose runs are started by hand."""

    text: str
    timezone: str
    width: float = 0.0

    def after(self, instant: float) -> float | None:  # noqa: ARG002 - the answer is the same for each
        """Return None for each `instant`."""
        return None

    def describe(self) -> str:
        """Return the schedule in words."""
        return "Never by itself"
