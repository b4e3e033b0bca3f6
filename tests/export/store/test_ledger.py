"""The books of a stream agree with a naive copy that remembers every run for ever."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from backup_sentinel.export.store.ledger import CROWD, MARGIN
from backup_sentinel.model import FINISHED, OPEN, Outcome, Run
from export.store.world import HOUR, UNKNOWN, World, run, schedule

OPENING = st.sampled_from(sorted(OPEN))
ENDING = st.sampled_from(sorted(FINISHED))


@dataclass(eq=False)
class Real:
    """A run as it is in the cluster; `deleted` objects are kept for events that still have to come."""

    created: float
    name: str
    outcome: Outcome
    deleted: bool = False

    def told(self) -> Run:
        return run(self.created, self.outcome, name=self.name)


class Watching(RuleBasedStateMachine):
    """A cluster in which runs begin, end and vanish, and a watch that breaks, comes late and lists anew.

    The reference keeps one state for each object it has ever been shown, by identity.
    """

    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.put(schedule())
        self.real: list[Real] = []
        self.shown: dict[int, str] = {}
        self.totals: Counter[Outcome] = Counter()
        self.before: dict[Any, float] = {}
        self.connected = True
        self.late: list[Real] = []

    @initialize(many=st.integers(0, 2), open_=st.booleans())
    def history(self, many: int, open_: bool) -> None:
        for number in range(many * (CROWD // 2 + 1)):
            self.real.append(Real(self._tick(), f"old-{number}", Outcome.SUCCEEDED))
        if open_:
            self.real.append(Real(self._tick(), "old-open", Outcome.RUNNING))
        for one in self.real:
            self.shown[id(one)] = "open" if one.outcome in OPEN else "done"
        self._list(self.real)

    def _tick(self, seconds: float = HOUR) -> float:
        self.world.now += seconds
        return self.world.now

    # The cluster -------------------------------------------------------------------------------------------

    @rule(
        target=runs,
        outcome=OPENING | ENDING,
        gap=st.sampled_from([1.0, MARGIN / 2, HOUR, 40 * HOUR]),
        late=st.booleans(),
    )
    def begin(self, outcome: Outcome, gap: float, late: bool) -> Real:
        self._deliver()
        one = Real(self._tick(gap), f"run-{len(self.real)}", outcome)
        self.real.append(one)
        if late and self.connected:
            self.late.append(one)
        else:
            self._show(one)
        return one

    @rule(one=runs, outcome=ENDING)
    def end(self, one: Real, outcome: Outcome) -> None:
        if not one.deleted and one.outcome in OPEN:
            one.outcome = outcome
            self._show(one)

    @rule(one=runs)
    def phase_nobody_knows(self, one: Real) -> None:
        if self.connected and not one.deleted and one.outcome in OPEN and self.shown.get(id(one)) == "open":
            self.world.put(run(one.created, UNKNOWN, name=one.name))

    @rule(one=runs)
    def delete(self, one: Real) -> None:
        if one.deleted or one in self.late:
            return
        one.deleted = True
        if self.connected:
            self.world.drop(one.told())
            self._gone(one)

    @rule(target=runs, one=runs)
    def same_name_again(self, one: Real) -> Any:
        if any(other.name == one.name and not other.deleted for other in self.real):
            return multiple()
        self._deliver()
        again = Real(self._tick(), one.name, Outcome.RUNNING)
        self.real.append(again)
        self._show(again)
        return again

    # The watch ---------------------------------------------------------------------------------------------

    @rule()
    def lose_connection(self) -> None:
        self._deliver()
        self.connected = False

    @rule(order=st.randoms(use_true_random=False), broken=st.booleans())
    def list_anew(self, order: Any, broken: bool) -> None:
        self._deliver()
        self.connected = True
        there = [one for one in self.real if not one.deleted]
        order.shuffle(there)
        if broken:
            half = there[: len(there) // 2]
            self.world.list("run", *(one.told() for one in half), complete=False)
            for one in half:
                self._note(one)
        self._list(there)
        for one in there:
            self._note(one)
        for one in self.real:
            if one.deleted:
                self._gone(one)

    def _list(self, there: list[Real]) -> None:
        half = len(there) // 2
        self.world.list("run", *(one.told() for one in there[:half]), complete=False)
        self.world.list("run", *(one.told() for one in there[half:]), first=False)

    def _deliver(self) -> None:
        """Bring what is late: out of order, but within the margin."""
        late, self.late = self.late, []
        for one in reversed(late):
            if not one.deleted:
                self._show(one)

    def _show(self, one: Real) -> None:
        if self.connected and one not in self.late:
            self.world.put(one.told())
            self._note(one)

    # The reference -----------------------------------------------------------------------------------------

    def _note(self, one: Real) -> None:
        if one.outcome in OPEN:
            self.shown.setdefault(id(one), "open")
        elif self.shown.get(id(one)) != "done":
            self.shown[id(one)] = "done"
            self.totals[one.outcome] += 1

    def _gone(self, one: Real) -> None:
        if self.shown.get(id(one)) == "open":
            self.shown[id(one)] = "done"
            self.totals[UNKNOWN] += 1

    @invariant()
    def agrees(self) -> None:
        found = {
            Outcome(dict(labels)["outcome"]): total
            for labels, total in self.world.found("runs_total").items()
        }
        assert {outcome: total for outcome, total in found.items() if total} == dict(self.totals)
        assert all(total >= self.before.get(outcome, 0) for outcome, total in found.items())
        self.before = dict(found)

    @invariant()
    def remembers_little(self) -> None:
        for known in self.world.store.installations():
            for stream in known.streams.values():
                assert len(stream.ledger.counted) <= CROWD + 40
                assert len(stream.ledger.open) <= len(stream.runs)


TestWatching = Watching.TestCase
TestWatching.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
