"""What people want to know of each stream, as plain rows: for the page, the API and the terminal.

The verdicts follow the alert rules (`rules/`), so that a page and a pager never disagree for long.
"""

from enum import StrEnum

import msgspec

from backup_sentinel.export.store import Store, Stream
from backup_sentinel.model import Outcome

AD_HOC_MEMORY = 86400.0
"""Seconds for which a failed ad-hoc run is held against it: nothing will ever make up for it."""


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


class Overview(msgspec.Struct, kw_only=True):
    """Everything, worst first; `time` is when it was looked at."""

    time: float
    version: str
    clusters: list[ClusterRow]
    schedules: list[Row]

    @property
    def state(self) -> State:
        """The worst state of any stream, a cluster that does not answer included."""
        worst = min((row.state for row in self.schedules), key=RANK.__getitem__, default=State.OK)
        return State.CRITICAL if any(cluster.up is False for cluster in self.clusters) else worst


def judge(stream: Stream, now: float) -> tuple[State, tuple[str, ...]]:
    """Return the state of a stream that was just brought up to date, and short reasons for people."""
    critical, warning = _outcomes(stream) if stream.key.schedule else _ad_hoc(stream, now)
    schedule, until = stream.schedule, stream.running_deadline
    if until is not None and until <= now:
        warning.append("a run is stalled")
    if schedule is not None:
        quiet = schedule.paused or (until is not None and until > now)
        if not quiet and stream.deadline is not None and stream.deadline < now:
            critical.append(
                "no recovery point in time" if stream.recovery is not None else "no success is known"
            )
        if stream.flaw is not None or schedule.valid is False:
            warning.append(
                f"the schedule is invalid: {stream.flaw or schedule.message or 'the operator refuses it'}"
            )
    if critical:
        return State.CRITICAL, (*critical, *warning)
    if warning:
        return State.WARNING, tuple(warning)
    return (State.PAUSED, ("paused",)) if schedule is not None and schedule.paused else (State.OK, ())


def _outcomes(stream: Stream) -> tuple[list[str], list[str]]:
    """Judge a schedule by its newest decisive run."""
    memory = stream.memory
    success, partial, failure = (
        at or 0.0 for at in (stream.last_success, memory.last_partial, memory.last_failure)
    )
    if failure > max(success, partial):
        count = memory.consecutive_failures()
        text = "the last run failed" if count < 2 else f"the last {count} runs failed"
        return ([text], []) if count >= stream.expectation.failures_tolerated else ([], [text])
    return [], ["the last run failed in part"] if partial > success else []


def _ad_hoc(stream: Stream, now: float) -> tuple[list[str], list[str]]:
    """Judge runs without a schedule each by itself, for a day."""
    noun = "restore" if stream.key.action == "restore" else "ad-hoc run"
    failure, partial = stream.memory.last_failure, stream.memory.last_partial
    critical = [f"a {noun} failed"] if failure is not None and now - failure < AD_HOC_MEMORY else []
    warning = [f"a {noun} failed in part"] if partial is not None and now - partial < AD_HOC_MEMORY else []
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


def survey(store: Store, now: float, version: str) -> Overview:
    """Look at everything; orphans (runs of schedules that are gone) are left out."""
    rows = [
        _row(known.refresh(stream), now)
        for known in store.installations()
        for stream in known.streams.values()
        if stream.live
    ]
    rows.sort(
        key=lambda row: (RANK[row.state], row.cluster, row.operator, row.namespace, row.schedule, row.action)
    )
    clusters = []
    for name, facts in sorted(store.clusters.items()):
        feeds = [feed for known in store.installations(name) for feed in known.feeds]
        states = [row.state for row in rows if row.cluster == name]
        clusters.append(
            ClusterRow(
                cluster=name,
                up=facts.up,
                states={state: states.count(state) for state in State},
                outages={feed.key.resource: str(feed.error) for feed in feeds if feed.error is not None},
                last_contact=max((f.last_contact for f in feeds if f.last_contact is not None), default=None),
            )
        )
    return Overview(time=now, version=version, clusters=clusters, schedules=rows)
