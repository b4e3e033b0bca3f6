"""What an operator told of with Kubernetes Events: counted, and kept as the text of failures that have none of their own."""

from collections import Counter
from collections.abc import Iterable

from backup_sentinel.model import Event, Location, Outcome, Run

NEAR = 600.0
"""Seconds between a failure and the event that tells of it."""


class Happenings:
    """The events of one operator in one cluster. Counters begin at 0 with the process: events live for an hour."""

    def __init__(self) -> None:
        self.totals: dict[str, Counter[str]] = {}
        """How often each word was told, by namespace."""
        self._told: dict[tuple[str, str], dict[str, Event]] = {}
        self._counted: dict[tuple[str, str], int] = {}

    def put(self, event: Event, *, history: bool) -> None:
        """Take in a new or changed event; what was there before anything was watched is not counted."""
        times = int(event.times or 1)
        more = times - self._counted.get((event.namespace, event.name), 0)
        self._counted[event.namespace, event.name] = times
        totals = self.totals.setdefault(event.namespace, Counter())
        totals[event.word] += max(0, more) if not history else 0
        if event.outcome is Outcome.FAILED and event.message:
            self._told.setdefault((event.namespace, event.subject), {})[event.name] = event

    def drop(self, event: Event) -> None:
        """Forget an event; the server forgets them after an hour."""
        self._counted.pop((event.namespace, event.name), None)
        told = self._told.get((event.namespace, event.subject), {})
        told.pop(event.name, None)
        if not told:
            self._told.pop((event.namespace, event.subject), None)

    def text(self, record: Run | Location) -> str | None:
        """Return what was told of a failed run, or of a location that is not available; None where nothing was."""
        told = self._told.get((record.namespace, record.name))
        if told is None:
            return None
        if isinstance(record, Run):
            return _newest(event for event in told.values() if _tells(event, record))
        return _newest(told.values()) if record.available is False else None


def _tells(event: Event, run: Run) -> bool:
    """Tell whether an event is about this run, and not about another one of the same object."""
    if run.outcome is not Outcome.FAILED or event.at is None:
        return run.outcome is Outcome.FAILED
    ended = run.ended if run.ended is not None else run.clock
    return ended is None or abs(event.at - ended) <= NEAR


def _newest(events: Iterable[Event]) -> str | None:
    known = sorted(events, key=lambda event: (event.at or 0.0, event.name))
    return known[-1].message if known else None
