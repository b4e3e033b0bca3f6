"""The runs of a stream as somebody wants to see them: from the objects that exist, so that looking costs no memory."""

from heapq import nlargest

from backup_sentinel.model import Run

from .memory import RunName
from .stream import Stream


def instant(run: Run) -> float | None:
    """Return the instant that orders a run among others, as far as one is known."""
    for known in (run.clock, run.started, run.created):
        if known is not None:
            return known
    return None


def recent(stream: Stream, count: int, *, own: bool = False) -> list[Run]:
    """Return at most so many of the newest runs that are known, newest first; with `own` none that were copied.

    The newest decisive run is among them also where its object is gone.
    """
    runs = [run for run in stream.runs.values() if not (own and run.synced)]
    newest = stream.memory.newest
    if newest is not None and (newest.namespace, newest.name) not in stream.runs:
        runs.append(newest)
    return nlargest(count, runs, key=_order)


def find(stream: Stream, namespace: str, name: str) -> Run | None:
    """Return a run by the namespace and name of its object; None if it is not known any more."""
    wanted: RunName = (namespace, name)
    newest = stream.memory.newest
    if newest is not None and (newest.namespace, newest.name) == wanted and wanted not in stream.runs:
        return newest
    return stream.runs.get(wanted)


def _order(run: Run) -> tuple[float, str, str]:
    at = instant(run)
    return at if at is not None else float("-inf"), run.namespace, run.name
