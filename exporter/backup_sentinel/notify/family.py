"""Which runs belong together: one of a Kasten policy, and the actions that are its steps."""

from typing import NamedTuple

from backup_sentinel.export.store.installation import Installation
from backup_sentinel.model import Run

Place = tuple[str, str, str]
"""Namespace and name of the schedule, and name of the run that others are steps of."""


class Family(NamedTuple):
    """A run and the runs that are its steps; `lead` is None where its object is gone or was never seen."""

    lead: Run | None
    steps: tuple[Run, ...]

    @property
    def members(self) -> tuple[Run, ...]:
        """All of them, the lead first."""
        return self.steps if self.lead is None else (self.lead, *self.steps)


def has_steps(known: Installation) -> bool:
    """Tell whether an operator has runs that consist of others."""
    return any(run.part_of is not None for stream in known.streams.values() for run in stream.runs.values())


class Families:
    """All of one operator, as they are now."""

    def __init__(self, known: Installation) -> None:
        self._leads: dict[Place, Run] = {}
        self._steps: dict[Place, list[Run]] = {}
        for stream in known.streams.values():
            for run in stream.runs.values():
                if run.part_of is not None:
                    self._steps.setdefault(_place(run, run.part_of), []).append(run)
        if self._steps:
            for stream in known.streams.values():
                for run in stream.runs.values():
                    if run.part_of is None and (place := _place(run, run.name)) in self._steps:
                        self._leads[place] = run

    def of(self, run: Run) -> Family:
        """Return the family of a run, which may be alone."""
        if run.part_of is None:
            return Family(run, tuple(self._steps.get(_place(run, run.name), ())))
        place = _place(run, run.part_of)
        steps = self._steps.get(place, [])
        if run not in steps:  # its object is gone
            steps = [*steps, run]
        return Family(self._leads.get(place), tuple(steps))


def _place(run: Run, name: str) -> Place:
    return run.key.namespace, run.key.schedule, name
