"""From streams to verdicts: which streams are looked at, and how bad each of them is."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from backup_sentinel.export.store import Stream
from backup_sentinel.export.store.installation import Installation
from backup_sentinel.model import ScheduleKey

from .choice import EVERYTHING, Choice
from .lens import Lens
from .state import RANK, State, judge


class Verdict(NamedTuple):
    """A stream, where it belongs, and how bad it is."""

    known: Installation
    stream: Stream
    state: State
    why: tuple[str, ...]

    @property
    def key(self) -> ScheduleKey:
        """The stream's identity."""
        return self.stream.key

    @property
    def order(self) -> tuple[object, ...]:
        """What sorts: the worst first, then the alphabet."""
        key = self.stream.key
        return (
            RANK[self.state], key.cluster, key.operator, key.namespace, key.schedule, key.action, key.target,
        )  # fmt: skip


def all_streams(lens: Lens, choice: Choice = EVERYTHING) -> Iterator[tuple[Installation, Stream]]:
    """Iterate over the streams that have the labels asked for, orphans (runs of schedules that are gone) included.

    The iterator may be left and taken up again while the store changes.
    """
    clusters = choice.labels.get("cluster")
    for known in lens.store.installations():
        if clusters is None or known.cluster in clusters:
            for stream in list(known.streams.values()):
                if choice.takes(stream.key):
                    yield known, stream


def streams(lens: Lens, choice: Choice = EVERYTHING) -> Iterator[tuple[Installation, Stream]]:
    """Iterate over the streams that verdicts are due for, as they were last brought up to date.

    Left out are orphans, and schedules whose targets tell more.
    """
    for known, stream in all_streams(lens, choice):
        if stream.live and not stream.spread:
            yield known, stream


def verdicts(lens: Lens, choice: Choice = EVERYTHING) -> Iterator[Verdict]:
    """Judge the streams that have the labels asked for, whatever their state."""
    for known, stream in streams(lens, choice):
        yield Verdict(known, stream, *judge(stream, lens.now))


def wanted(found: Iterable[Verdict], choice: Choice) -> list[Verdict]:
    """Return those whose state and newest outcome are asked for, the worst first."""
    chosen = [
        verdict
        for verdict in found
        if choice.takes_state(verdict.state)
        and choice.takes_outcome(newest.outcome if (newest := verdict.stream.memory.newest) else None)
    ]
    return sorted(chosen, key=lambda verdict: verdict.order)
