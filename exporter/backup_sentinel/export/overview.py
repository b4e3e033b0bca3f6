"""What people want to know of each stream, as plain rows: for the page, the API and the terminal.

The verdicts follow the alert rules (`rules/`), so that a page and a pager never disagree for long.
"""

from collections import Counter, defaultdict
from enum import StrEnum

import msgspec

from backup_sentinel.export.store import Feed, Store, Stream
from backup_sentinel.model import Outcome, Schedule

AD_HOC_MEMORY = 86400.0
"""Seconds for which a failed ad-hoc run is held against it: nothing will ever make up for it."""

SMALL, LEAST_BASELINE = 0.5, 1e8
"""A size below this part of its baseline is conspicuous, if the baseline has at least so many bytes."""

GONE = "no longer served"
"""What is said of a resource that the API server knew before."""


class State(StrEnum):
    """How bad it is; the order is that of badness."""

    OK = "ok"
    PAUSED = "paused"
    WARNING = "warning"
    CRITICAL = "critical"


RANK = {State.CRITICAL: 0, State.WARNING: 1, State.PAUSED: 2, State.OK: 3}


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One stream. Times in Unix seconds, durations in seconds, sizes in bytes; what is not known is left out."""

    cluster: str
    operator: str
    namespace: str
    schedule: str
    action: str
    target: str = ""
    location: str = ""
    state: State
    why: tuple[str, ...] = ()
    cron: str = ""
    timezone: str = ""
    paused: bool = False
    running: int = 0
    last_attempt: float | None = None
    last_success: float | None = None
    last_partial: float | None = None
    last_failure: float | None = None
    last_recovery_point: float | None = None
    deadline: float | None = None
    next_due: float | None = None
    consecutive_failures: int = 0
    restorable: int = 0
    size: float | None = None
    duration: float | None = None
    newest_run: str = ""
    newest_outcome: Outcome | None = None
    newest_reason: str = ""


class ClusterRow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One cluster: whether it answers, how many streams are in which state, and which resources cannot be read."""

    cluster: str
    up: bool | None
    states: dict[State, int]
    outages: dict[str, str] = {}
    last_contact: float | None = None

    def troubles(self) -> dict[str, list[str]]:
        """Return the resources that cannot be read by what is in the way."""
        troubles: dict[str, list[str]] = {}
        for resource, error in self.outages.items():
            troubles.setdefault(error, []).append(resource)
        return troubles


class Overview(msgspec.Struct, kw_only=True):
    """Everything, worst first; `time` is when it was looked at."""

    time: float
    version: str
    clusters: list[ClusterRow]
    schedules: list[Row]

    @property
    def state(self) -> State:
        """The worst state of any stream, clusters that do not answer and resources that cannot be read included."""
        states = [row.state for row in self.schedules]
        states += [State.CRITICAL for cluster in self.clusters if cluster.up is False]
        states += [State.WARNING for cluster in self.clusters if cluster.outages]
        return min(states, key=RANK.__getitem__, default=State.OK)


def judge(stream: Stream, now: float) -> tuple[State, tuple[str, ...]]:
    """Return the state of a stream that was just brought up to date, and short reasons for people."""
    critical, warning = _outcomes(stream) if stream.key.schedule else _ad_hoc(stream, now)
    schedule, until = stream.schedule, stream.running_deadline
    if until is not None and until < now:
        warning.append("a run is stalled")
    if schedule is not None:
        if not schedule.paused:
            broken, late = _promises(stream, schedule, now, waits=until is not None and until > now)
            critical += broken
            warning += late
        critical += _leftovers(stream)
        warning += _tests(stream, now)
    if critical:
        return State.CRITICAL, (*critical, *warning)
    if warning:
        return State.WARNING, tuple(warning)
    return (State.PAUSED, ("paused",)) if schedule is not None and schedule.paused else (State.OK, ())


def _promises(stream: Stream, schedule: Schedule, now: float, *, waits: bool) -> tuple[list[str], list[str]]:
    """Judge what is owed by a schedule that is not paused; `waits` says that a run is under way."""
    critical, warning = [], []
    if stream.flaw is not None or schedule.valid is False:
        critical.append(
            f"the schedule is invalid: {stream.flaw or schedule.message or 'the operator refuses it'}"
        )
    if not waits and stream.deadline is not None and stream.deadline < now:
        critical.append("no recovery point in time" if stream.recovery is not None else "no success is known")
    due = stream.next_due
    if not waits and due is not None and due + stream.expectation.start_grace < now:
        warning.append("no run began when it was due")
    return critical, warning


def _leftovers(stream: Stream) -> list[str]:
    """Judge whether anything is left to restore."""
    keeps = stream.key.action not in {"check", "prune", "restore"} and stream.recovery is not None
    return ["no run is left that could be restored"] if keeps and not stream.stock.restorable else []


def _tests(stream: Stream, now: float) -> list[str]:
    """Judge what is known of the worth of the backups: restore tests and sizes."""
    warning = []
    tested, age = stream.last_restore_success, stream.expectation.restore_test_max_age
    since = tested if tested is not None else stream.created
    if age is not None and since is not None and now - since > age:
        warning.append(
            "the last restore test is too old" if tested is not None else "never tested by a restore"
        )
    successes, baseline = stream.memory.successes, stream.memory.baseline()
    size = successes[-1].size if successes else None
    if size is not None and baseline is not None and size < SMALL * baseline and baseline > LEAST_BASELINE:
        warning.append("the backup is much smaller than before")
    return warning


def _outcomes(stream: Stream) -> tuple[list[str], list[str]]:
    """Judge a schedule by its newest decisive run; failures that are tolerated are none."""
    memory = stream.memory
    success, partial, failure = (
        at or 0.0 for at in (stream.last_success, memory.last_partial, memory.last_failure)
    )
    if failure > max(success, partial):
        count = memory.consecutive_failures()
        text = "the last run failed" if count < 2 else f"the last {count} runs failed"
        return ([text], []) if count >= stream.expectation.failures_tolerated else ([], [])
    return [], ["the last run failed in part"] if partial > success else []


def _ad_hoc(stream: Stream, now: float) -> tuple[list[str], list[str]]:
    """Judge runs without a schedule each by itself, for a day."""
    noun = "a restore" if stream.key.action == "restore" else "an ad-hoc run"
    failure, partial = stream.memory.last_failure, stream.memory.last_partial
    critical = [f"{noun} failed"] if failure is not None and now - failure < AD_HOC_MEMORY else []
    warning = [f"{noun} failed in part"] if partial is not None and now - partial < AD_HOC_MEMORY else []
    return critical, warning


def _row(stream: Stream, now: float) -> Row:
    key, memory, schedule, newest = stream.key, stream.memory, stream.schedule, stream.memory.newest
    state, why = judge(stream, now)
    took = newest.ended - newest.started if newest and newest.started is not None and newest.ended else None
    return Row(
        cluster=key.cluster,
        operator=key.operator,
        namespace=key.namespace,
        schedule=key.schedule,
        action=key.action,
        target=key.target,
        location=stream.location or "",
        state=state,
        why=why,
        cron=" | ".join(schedule.crons) if schedule else "",
        timezone=(schedule.timezone or "") if schedule else "",
        paused=schedule.paused if schedule else False,
        running=stream.existing.get(Outcome.RUNNING, 0),
        last_attempt=stream.last_attempt,
        last_success=stream.last_success,
        last_partial=memory.last_partial,
        last_failure=memory.last_failure,
        last_recovery_point=stream.recovery,
        deadline=stream.deadline,
        next_due=stream.next_due,
        consecutive_failures=memory.consecutive_failures(),
        restorable=stream.stock.restorable,
        size=memory.successes[-1].size if memory.successes else None,
        duration=took,
        newest_run=newest.name if newest else "",
        newest_outcome=newest.outcome if newest else None,
        newest_reason=(newest.reason or "") if newest and newest.outcome is not Outcome.SUCCEEDED else "",
    )


def _name(feed: Feed) -> str:
    return f"{feed.key.resource} in {feed.key.scope}" if feed.key.scope else feed.key.resource


def survey(store: Store, now: float, version: str) -> Overview:
    """Look at everything as it was last brought up to date, but orphans (runs of schedules that are gone), and schedules whose targets tell more."""
    rows = [
        _row(stream, now)
        for known in store.installations()
        for stream in known.streams.values()
        if stream.live and not stream.spread
    ]
    rows.sort(
        key=lambda row: (
            RANK[row.state], row.cluster, row.operator, row.namespace, row.schedule, row.action, row.target,
        )
    )  # fmt: skip
    states: dict[str, Counter[State]] = defaultdict(Counter)
    for row in rows:
        states[row.cluster][row.state] += 1
    clusters = []
    for name, facts in sorted(store.clusters.items()):
        feeds = [feed for known in store.installations(name) for feed in known.feeds]
        clusters.append(
            ClusterRow(
                cluster=name,
                up=facts.up,
                states={state: states[name][state] for state in State},
                outages={_name(feed): str(feed.error or GONE) for feed in feeds if feed.up is False},
                last_contact=max((f.last_contact for f in feeds if f.last_contact is not None), default=None),
            )
        )
    return Overview(time=now, version=version, clusters=clusters, schedules=rows)
