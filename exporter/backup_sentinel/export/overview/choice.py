"""Which rows somebody asks for: parameters of a query, each of which may be given several times."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Self, TypeVar

import msgspec

from backup_sentinel.errors import SentinelError
from backup_sentinel.model import Outcome, ScheduleKey

from .state import State

LABELS = ("cluster", "operator", "resource_namespace", "schedule", "action", "target")
"""The labels of a stream, which are the parameters that choose among streams."""

PROBLEM = "problem"
"""Stands for all states that need a look."""

_Kind = TypeVar("_Kind", bound=StrEnum)
_PROBLEMS = frozenset({State.WARNING, State.CRITICAL})


class ChoiceError(SentinelError):
    """A parameter cannot be understood; the text says which and what is possible."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A stream is chosen if each label that is mentioned has one of the values given for it."""

    labels: dict[str, frozenset[str]] = {}
    states: frozenset[State] = frozenset()
    outcomes: frozenset[Outcome] = frozenset()
    part: str = ""
    """In lower case; the schedule, namespace or target must contain it."""

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]], *, ignore: Iterable[str] = ()) -> Self:
        """Read parameters; those named in `ignore` mean something else. Raises ChoiceError."""
        labels: dict[str, set[str]] = {}
        states: set[State] = set()
        outcomes: set[Outcome] = set()
        part = ""
        passed = frozenset(ignore)
        for name, value in parameters:
            if name in LABELS:
                labels.setdefault(name, set()).add(value)
            elif name == "state" and value == PROBLEM:
                states |= _PROBLEMS
            elif name == "state":
                states.add(_member(State, name, value, PROBLEM))
            elif name == "outcome":
                outcomes.add(_member(Outcome, name, value))
            elif name == "q":
                part = value.casefold()
            elif name not in passed:
                known = ", ".join([*LABELS, "state", "outcome", "q", *sorted(passed)])
                raise ChoiceError(f"the parameter `{name[:40]}` is not known; known are {known}")
        return cls(
            labels={name: frozenset(values) for name, values in labels.items()},
            states=frozenset(states),
            outcomes=frozenset(outcomes),
            part=part,
        )

    def takes(self, key: ScheduleKey) -> bool:
        """Tell whether a stream has the labels."""
        if self.part and not any(
            self.part in text.casefold() for text in (key.schedule, key.namespace, key.target)
        ):
            return False
        return all(
            (key.namespace if name == "resource_namespace" else getattr(key, name)) in values
            for name, values in self.labels.items()
        )

    @property
    def narrow(self) -> bool:
        """Whether only some streams of a place are asked for."""
        return bool(self.part) or any(name in self.labels for name in LABELS[3:])

    def takes_state(self, state: State) -> bool:
        """Tell whether a state is asked for."""
        return not self.states or state in self.states

    def takes_outcome(self, outcome: Outcome | None) -> bool:
        """Tell whether an outcome is asked for; None, that of no run, is not if any is."""
        return not self.outcomes or outcome in self.outcomes

    def takes_place(self, cluster: str, operator: str, namespace: str) -> bool:
        """Tell whether a location or repository is in a place that is asked for."""
        if not self.labels:
            return True
        known = {"cluster": cluster, "operator": operator, "resource_namespace": namespace}
        return all(value in self.labels.get(name, (value,)) for name, value in known.items())

    def one(self, label: str) -> str:
        """Return the value that was given for a label, "" without any; of several the first in order."""
        return min(self.labels.get(label, ("",)))


EVERYTHING = Choice()


def _member(kind: type[_Kind], name: str, value: str, *more: str) -> _Kind:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join([*(member.value for member in kind), *more])
        raise ChoiceError(f"`{value[:40]}` is no {name}; write one of {known}") from None
