"""What is shown agrees with a naive observer that forgets nothing, whatever order things and restarts come in.

Runs begin in one second, names are used again, watches break, the process ends with what was saved, or without.
"""

from collections import Counter
from copy import deepcopy
from statistics import median
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from backup_sentinel.export.cron import parse
from backup_sentinel.export.store import SavedCluster
from backup_sentinel.model import DECISIVE, FINISHED, OPEN, RESTORABLE, Outcome, Run
from export.archive.documents import Durable
from export.store.world import (
    DAY,
    FAILED,
    HOUR,
    MONDAY,
    PARTIAL,
    PENDING,
    RUNNING,
    SUCCEEDED,
    UNKNOWN,
    UNREACHABLE,
    key,
    run,
    schedule,
    short,
)

ENDS = [*sorted(DECISIVE), Outcome.CANCELLED]
SCHEDULES = ("daily", "")
CRON = "0 3 * * *"
GRACE = 900.0

COMPARED = {
    "last_attempt", "last_success", "last_partial", "last_failure", "last_recovery_point", "last_run_info", "running",
    "running_since", "pending_since", "restorable_runs", "existing_runs", "runs_total", "consecutive_failures",
    "last_success_size_bytes", "size_baseline_bytes", "schedule_deadline", "schedule_next_due",
}  # fmt: skip

Number = int
"""Of a run in the order of their creation: its identity, whatever it is called."""

Shown = dict[tuple[str, ...], float]


class Observer(msgspec.Struct):
    """Everything that was ever seen, by the number of the run."""

    last: dict[Number, Run] = {}
    decided: dict[Number, Run] = {}
    over: dict[Number, bool] = {}
    totals: dict[str, Counter[Outcome]] = msgspec.field(
        default_factory=lambda: {name: Counter() for name in SCHEDULES}
    )
    listed: bool = False

    def see(self, number: Number, seen: Run, *, history: bool) -> None:
        self.last[number] = seen
        if seen.outcome in DECISIVE:
            self.decided[number] = seen
        if seen.outcome in OPEN:
            self.over.setdefault(number, False)
        elif seen.outcome in FINISHED and not self.over.get(number):
            self._count(number, None if history and number not in self.over else seen.outcome)

    def lose(self, number: Number) -> None:
        if self.over.get(number) is False:
            self._count(number, UNKNOWN)

    def _count(self, number: Number, outcome: Outcome | None) -> None:
        self.over[number] = True
        if outcome is not None:
            self.totals[self.last[number].key.schedule][outcome] += 1

    def expect(self, name: str, alive: set[Number]) -> Shown:
        """Return what is to be shown of a schedule, and of runs without one."""
        decided = sorted((one for one in self.decided.values() if one.key.schedule == name), key=_rank)
        there = [self.last[number] for number in alive if self.last[number].key.schedule == name]
        mine = [one for one in self.last.values() if one.key.schedule == name]
        wanted: dict[tuple[str, ...], float | None] = {
            ("last_attempt",): max((_clock(one) for one in mine), default=None),
            ("last_success",): _newest(decided, SUCCEEDED),
            ("last_partial",): _newest(decided, PARTIAL),
            ("last_failure",): _newest(decided, FAILED),
            ("last_recovery_point",): _newest(
                [one for one in decided if not one.failed_volumes], *RESTORABLE
            ),
            ("running_since",): _oldest(there, RUNNING),
            ("pending_since",): _oldest(there, PENDING),
            ("running",): sum(one.outcome is RUNNING for one in there) if mine or name else None,
            ("restorable_runs",): sum(one.outcome in RESTORABLE for one in there) if mine or name else None,
        }
        wanted |= {("existing_runs", one): count for one, count in Counter(o.outcome for o in there).items()}
        wanted |= {("runs_total", outcome): total for outcome, total in self.totals[name].items()}
        if decided and decided[-1].outcome is not SUCCEEDED:
            wanted["last_run_info", decided[-1].name, decided[-1].outcome] = 1
        if name:
            wanted |= self._details(decided, wanted)
        return {family: value for family, value in wanted.items() if value is not None}

    def _details(
        self, decided: list[Run], wanted: dict[tuple[str, ...], float | None]
    ) -> dict[tuple[str, ...], float | None]:
        row = next((n for n, one in enumerate(reversed(decided)) if one.outcome is not FAILED), len(decided))
        good = [one.size for one in decided if one.outcome is SUCCEEDED]
        before = [size for size in good[-8:-1] if size is not None]
        slots = parse(CRON, "robfig", None)
        due = slots.after(wanted["last_recovery_point",] or MONDAY)
        deadline = slots.after(due) if due is not None else None
        return {
            ("consecutive_failures",): row if decided else None,
            ("last_success_size_bytes",): good[-1] if good else None,
            ("size_baseline_bytes",): median(before) if before else None,
            ("schedule_deadline",): deadline + GRACE if deadline is not None else None,
            ("schedule_next_due",): slots.after(wanted["last_attempt",] or MONDAY),
        }


def _clock(one: Run) -> float:
    return one.created or 0.0


def _rank(one: Run) -> tuple[float, str]:
    return _clock(one), one.name


def _newest(decided: list[Run], *outcomes: Outcome) -> float | None:
    return max((_clock(one) for one in decided if one.outcome in outcomes), default=None)


def _oldest(there: list[Run], outcome: Outcome) -> float | None:
    return min((_clock(one) for one in there if one.outcome is outcome), default=None)


class Recount(RuleBasedStateMachine):
    """A cluster, and a process that watches it."""

    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.now = MONDAY
        self.real: dict[Number, Run] = {}
        self.count = 0
        self.observer = Observer()
        self.saved = SavedCluster(version=1, cluster="prod"), Observer()
        self.begin_life()

    def begin_life(self) -> None:
        document, known = self.saved
        self.world, self.observer, self.connected = Durable(document, self.now), deepcopy(known), False

    @initialize(
        many=st.lists(st.tuples(st.sampled_from(SCHEDULES), st.sampled_from([*ENDS, RUNNING])), max_size=4)
    )
    def history(self, many: list[tuple[str, Outcome]]) -> None:
        for name, outcome in many:
            self.make(name, outcome, f"old-{self.count}")
        self.list_all()

    def make(self, name: str, outcome: Outcome, called: str, **more: Any) -> Number:
        self.count += 1
        self.real[self.count] = run(self.now, outcome, of=key(name), name=called, **more)
        return self.count

    def tell(self, number: Number) -> None:
        if self.connected:
            self.world.put(msgspec.structs.replace(self.real[number]))
            self.observer.see(number, self.real[number], history=False)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.world.now = self.now

    @rule(
        target=runs,
        name=st.sampled_from(SCHEDULES),
        outcome=st.sampled_from([PENDING, RUNNING, *ENDS]),
        gap=st.sampled_from([0.0, 0.0, 1.0, GRACE / 2, HOUR, DAY]),
        size=st.sampled_from([None, 5.0, 7.0]),
        letter=st.sampled_from("az"),
        lost=st.sampled_from([None, 1.0]),
    )
    def begins(
        self, name: str, outcome: Outcome, gap: float, size: float | None, letter: str, lost: float | None
    ) -> Number:
        self.pass_time(gap)
        more: dict[str, Any] = {"size": size} if outcome is SUCCEEDED else {}
        if outcome is PARTIAL:
            more["failed_volumes"] = lost
        number = self.make(name, outcome, f"{letter}-{self.count}", **more)
        self.tell(number)
        return number

    @rule(
        name=st.sampled_from(SCHEDULES),
        outcomes=st.lists(st.sampled_from([FAILED, FAILED, SUCCEEDED, PARTIAL]), min_size=2, max_size=4),
    )
    def several_begin_at_once(self, name: str, outcomes: list[Outcome]) -> None:
        self.pass_time(HOUR)
        for outcome in outcomes:
            self.tell(self.make(name, outcome, f"b-{self.count}"))

    @rule(number=runs, outcome=st.sampled_from([RUNNING, *ENDS]), gap=st.sampled_from([0.0, HOUR]))
    def goes_on(self, number: Number, outcome: Outcome, gap: float) -> None:
        if number in self.real and self.real[number].outcome in OPEN:
            self.pass_time(gap)
            self.real[number] = msgspec.structs.replace(self.real[number], outcome=outcome)
            self.tell(number)

    @rule(number=runs)
    def is_deleted(self, number: Number) -> None:
        if (gone := self.real.pop(number, None)) is not None and self.connected:
            self.world.drop(gone)
            self.observer.lose(number)

    @rule(target=runs, number=runs, outcome=st.sampled_from([RUNNING, *ENDS]))
    def is_made_anew(self, number: Number, outcome: Outcome) -> Any:
        """Of the same name, a moment after the former was deleted."""
        if number not in self.real:
            return multiple()
        former = self.real[number]
        self.is_deleted(number)
        self.pass_time(1.0)
        again = self.make(former.key.schedule, outcome, former.name)
        self.tell(again)
        return again

    @rule()
    def watches_break(self) -> None:
        self.connected = False
        for word in ("schedule", "location", "run"):
            self.world.store.outage(self.world.feed(word), UNREACHABLE)

    @rule(order=st.randoms(use_true_random=False))
    def is_listed(self, order: Any) -> None:
        self.list_all(order)

    def list_all(self, order: Any = None) -> None:
        there = list(self.real)
        if order is not None:
            order.shuffle(there)
        told = [msgspec.structs.replace(self.real[number]) for number in there]
        self.world.list("schedule", schedule())
        self.world.list("location")
        self.world.list("run", *told[: len(told) // 2], complete=False)
        self.world.list("run", *told[len(told) // 2 :], first=False)
        for number in there:
            self.observer.see(number, self.real[number], history=not self.observer.listed)
        for number in self.observer.over.keys() - self.real.keys():
            self.observer.lose(number)
        self.observer.listed = self.connected = True

    @rule()
    def is_saved(self) -> None:
        self.saved = self.world.save(), deepcopy(self.observer)

    @rule(crash=st.booleans())
    def restarts(self, crash: bool) -> None:
        if not crash:
            self.is_saved()
        self.begin_life()

    @rule()
    def takes_over_again_what_was_saved(self) -> None:
        """As when the settings of a cluster change."""
        self.world.store.remember(self.saved[0])

    @invariant()
    def agrees(self) -> None:
        if not self.connected:
            return
        self.world.store.saved(self.world.store.save("prod"))  # counters as they would be shown
        shown: dict[str, Shown] = {name: {} for name in SCHEDULES}
        for family, labels, value in self.world.scrape():
            known = dict(labels)
            if known.get("action") == "backup":
                more = tuple(known[label] for label in ("run", "outcome") if label in known)
                shown[known["schedule"]][short(family), *more] = value
        for name in SCHEDULES:
            wanted = self.observer.expect(name, set(self.real))
            found = {
                family: value
                for family, value in shown[name].items()
                if family[0] in COMPARED and (value or family[0] != "runs_total")
            }
            assert found == wanted, name


TestRecount = Recount.TestCase
TestRecount.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
