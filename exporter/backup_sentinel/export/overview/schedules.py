"""From verdicts about streams to rows."""

from backup_sentinel.export.store.recent import instant, recent
from backup_sentinel.model import Outcome

from .lens import Lens
from .places import place_of, tell_location
from .rows import STRIP, Mark, ScheduleDetail, ScheduleRow
from .runs import tell_run
from .verdicts import Verdict

MANY_RUNS = 200
"""How many of its newest runs are told of a schedule."""


def tell_schedule(lens: Lens, verdict: Verdict) -> ScheduleRow:
    """Tell of one stream."""
    stream, known = verdict.stream, verdict.known
    key, memory, schedule = stream.key, stream.memory, stream.schedule
    place = place_of(known, stream)
    success = memory.successes[-1] if memory.successes else None
    under_way = stream.oldest(Outcome.RUNNING) or stream.oldest(Outcome.PENDING)
    return ScheduleRow(
        cluster=key.cluster,
        operator=key.operator,
        resource_namespace=key.namespace,
        schedule=key.schedule,
        action=key.action,
        target=key.target,
        state=verdict.state,
        why=verdict.why,
        location=stream.location,
        location_available=place.available if place else None,
        location_reason=(place.reason or None) if place else None,
        cron=(" | ".join(schedule.crons) or None) if schedule else None,
        timezone=schedule.timezone if schedule else None,
        paused=schedule.paused if schedule else False,
        paused_since=stream.paused_since,
        created=stream.created,
        message=lens.text(schedule.message) if schedule else None,
        last_attempt=stream.last_attempt,
        last_success=stream.last_success,
        last_success_run=success.name[1] if success else None,
        last_partial=memory.last_partial,
        last_failure=memory.last_failure,
        last_recovery_point=stream.recovery,
        deadline=stream.deadline,
        max_age=stream.expectation.max_age,
        next_due=stream.next_due,
        last_restore_success=stream.last_restore_success,
        restore_test_max_age=stream.expectation.restore_test_max_age,
        failures_tolerated=stream.expectation.failures_tolerated,
        consecutive_failures=memory.consecutive_failures(),
        running=stream.existing.get(Outcome.RUNNING, 0),
        restorable=stream.restorable,
        newest_expiry=stream.stock.newest_expiry,
        size=success.size if success else None,
        size_baseline=memory.baseline(),
        newest=tell_run(lens, known, memory.newest) if memory.newest else None,
        under_way=tell_run(lens, known, under_way) if under_way else None,
        runs=tuple(
            Mark(name=run.name, outcome=run.outcome, at=instant(run))
            for run in reversed(recent(stream, STRIP, own=True))
        ),
    )


def tell_detail(lens: Lens, verdict: Verdict) -> ScheduleDetail:
    """Tell of one stream and its newest runs."""
    place = place_of(verdict.known, verdict.stream)
    return ScheduleDetail(
        time=lens.now,
        schedule=tell_schedule(lens, verdict),
        location=tell_location(lens, place) if place else None,
        runs_total=len(verdict.stream.runs),
        runs=tuple(tell_run(lens, verdict.known, run) for run in recent(verdict.stream, MANY_RUNS)),
    )
