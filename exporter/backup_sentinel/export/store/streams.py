"""The streams of one operator in one cluster: which belong together, and how long each is told of."""

from collections.abc import Collection

import msgspec

from backup_sentinel.model import ScheduleKey

from .coverage import Coverage
from .marks import Marks
from .stream import Stream


class Streams(dict[ScheduleKey, Stream]):
    """Streams by key, in the order in which they were first spoken of. Times are Unix seconds.

    `durable` says that counters are saved. `recalled` says that it is known what an earlier process saved; until then
    nothing is counted in public, if it is durable. `recalling` says that this is being found out right now.
    """

    def __init__(self, coverage: Coverage, marks: Marks, *, durable: bool) -> None:
        super().__init__()
        self.durable = durable
        self.recalled = False
        self.recalling = False
        self._coverage = coverage
        self._marks = marks
        self._namespaces: dict[str, set[ScheduleKey]] = {}
        self._targets: dict[ScheduleKey, set[ScheduleKey]] = {}

    def make(self, key: ScheduleKey) -> Stream:
        """Return the stream of a key, made when first asked for."""
        stream = self.get(key)
        if stream is None:
            stream = self[key] = Stream(key=key, unscheduled=self._coverage.unscheduled(key.namespace))
            if self.durable:
                stream.ledger.shown = dict(stream.ledger.totals) if self.recalled else {}
            stream.targets = len(self._targets.get(key, ()))
            self._namespaces.setdefault(key.namespace, set()).add(key)
            if key.target:
                self._targets.setdefault(base_of(key), set()).add(key)
                self._recount(key)
        return stream

    def of(self, namespace: str) -> Collection[ScheduleKey]:
        """Return the streams of a namespace."""
        return self._namespaces.get(namespace, ())

    @property
    def namespaces(self) -> list[str]:
        """The namespaces in which there are streams, or were."""
        return list(self._namespaces)

    def promised(self, stream: Stream) -> None:
        """The schedule of a stream came, changed or went; it speaks for the targets of the stream too."""
        self._marks.stream(stream.key)
        for key in self._targets.get(stream.key, ()):
            self[key].follow(stream)
            self._marks.stream(key)

    def bury(self, stream: Stream, long_ago: float) -> None:
        """Forget a stream that nothing has come of since an instant."""
        key = stream.key
        if not self._outlived(stream, long_ago):
            return
        if stream.deleted is not None and stream.deleted <= long_ago:
            stream.deleted = None
            self._marks.stream(key)
        if stream.deleted is None and not stream.runs:
            del self[key]
            self._namespaces[key.namespace].discard(key)
            self._marks.stream(key)
            if key.target:
                self._targets[base_of(key)].discard(key)
                self._recount(key)

    def _outlived(self, stream: Stream, long_ago: float) -> bool:
        """Tell whether the schedule is gone; or, of a target and of runs by hand, whether all runs are, and for long."""
        key = stream.key
        if key.schedule and stream.schedule is None:
            return not self.recalling and self._coverage.synced("schedule", key.namespace)
        if stream.runs or (stream.memory.last_attempt or 0.0) > long_ago:
            return False
        if key.schedule:
            return bool(key.target)
        return not self.recalling and self._coverage.accounted("run", key.namespace)

    def reconcile(self) -> None:
        """Where all runs have been listed, those that were open when the process ended and are gone ended as unknown."""
        accounted = {namespace: self._coverage.accounted("run", namespace) for namespace in self._namespaces}
        for stream in self.values():
            if stream.memory.partials:
                self._marks.stream(stream.key)
            if not accounted[stream.key.namespace]:
                continue
            moved = not stream.listed
            for name in stream.open.keys() - stream.runs.keys():
                del stream.open[name]
                moved = True
            if stream.ledger.open and stream.ledger.reconcile(stream.runs.values()):
                moved = True
            if moved:
                self._marks.stream(stream.key)

    def reconsider(self) -> None:
        """A feed was listed for the first time, or could not be: what follows from knowing it may change."""
        unscheduled = {namespace: self._coverage.unscheduled(namespace) for namespace in self._namespaces}
        for stream in self.values():
            if stream.unscheduled is not unscheduled[stream.key.namespace]:
                stream.unscheduled = not stream.unscheduled
                self._marks.stream(stream.key)
            elif not stream.listed:
                self._marks.stream(stream.key)

    def _recount(self, target: ScheduleKey) -> None:
        """A target came or went."""
        base = self.get(base_of(target))
        if base is None:
            return
        base.targets = len(self._targets.get(base.key, ()))
        self._marks.stream(base.key)
        if target in self:
            self[target].follow(base)


def base_of(target: ScheduleKey) -> ScheduleKey:
    """Return the key of the schedule that a target belongs to."""
    return msgspec.structs.replace(target, target="")
