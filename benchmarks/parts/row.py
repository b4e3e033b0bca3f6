"""A line of the table."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One measured value; `goal` is the most that it may be, `least` the least."""

    what: str
    unit: str
    value: float
    goal: float | None = None
    least: float | None = None

    @property
    def text(self) -> str:
        """The value as people read it."""
        return _number(self.value)

    @property
    def wanted(self) -> str:
        """The goal and whether it is met."""
        if self.least is not None:
            return f"at least {_number(self.least)}: {'met' if self.value >= self.least else '**not met**'}"
        if self.goal is None:
            return ""
        return f"at most {_number(self.goal)}: {'met' if self.value <= self.goal else '**not met**'}"


def row(what: str, unit: str, value: float, goal: float | None = None, *, least: float | None = None) -> Row:
    """Return a line."""
    return Row(what, unit, value, goal, least)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
