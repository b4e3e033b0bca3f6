"""The page, the alert rules and notify say the same of a schedule, look by look, whatever its runs do.

The rules are those of `rules/KubeBackup*/rule.yaml`, read as comparisons of the metrics of one moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from backup_sentinel.export.overview.state import judge
from backup_sentinel.model import Outcome, Run
from export.store.world import (
    DAY,
    FAILED,
    HOUR,
    MINUTE,
    MONDAY,
    PARTIAL,
    RUNNING,
    SUCCEEDED,
    run,
    schedule,
    short,
)
from notify.life import HOURLY, Looks

PROMISES: list[dict[str, Any]] = [{"cron": HOURLY}, {"cron": "0 3 * * *"}, {"cron": "", "max_age": 2 * HOUR}]
OUTCOMES = [SUCCEEDED, SUCCEEDED, PARTIAL, FAILED, FAILED, RUNNING, Outcome.CANCELLED]
PATIENCE = 900.0
"""Seconds after a deadline within which a run may begin that is waited for, as the rules say."""


def firing(looks: Looks) -> set[str]:
    """Return what the rules say: failed, partial, late, missed, stalled."""
    never = float("-inf")
    seen = {short(name): value for name, _, value in looks.world.scrape()}
    now = looks.world.now
    failure, partial, success = (seen.get(f"last_{one}", never) for one in ("failure", "partial", "success"))
    few = seen.get("consecutive_failures", 1) < seen.get("schedule_failures_tolerated", 0)
    until, deadline = seen.get("running_deadline", never), seen.get("schedule_deadline", float("inf"))
    in_time = until > now and seen.get("running_since", never) - deadline <= PATIENCE
    due = seen.get("schedule_next_due", float("inf")) + seen.get("schedule_start_grace_seconds", 0.0)
    found = {
        "failed": failure > never and failure >= max(success, partial) and not few,
        "partial": partial > never and partial >= max(success, failure),
        "late": now > deadline and not in_time,
        "missed": now > due and until <= now,
        "stalled": never < until < now,
    }
    if found["failed"]:
        found["partial"] = False  # which the failure inhibits
    return {name for name, fires in found.items() if fires}


def shown(looks: Looks) -> set[str]:
    """Return the same as the page says it."""
    words = {
        "run failed": "failed",
        "runs failed": "failed",
        "failed in part": "partial",
        "in time": "late",
        "success is known": "late",
        "was due": "missed",
        "is stalled": "stalled",
    }
    [stream] = [one for known in looks.world.store.installations() for one in known.streams.values()]
    _, why = judge(stream, looks.world.now)
    return {name for text in why for end, name in words.items() if text.endswith(end)}


def lives(random: Random, looks: Looks) -> Iterator[list[Run]]:
    """Turn the clock, and yield the runs that there are then; several may begin in one second."""
    runs: dict[str, Run] = {}
    count = 0
    for _ in range(random.randint(1, 8)):
        began, step = looks.world.now, random.choice([5 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR])
        now = looks.world.now = began + step
        for _ in range(random.choice([0, 1, 1, 2, 3])):
            count += 1
            name = random.choice([f"run-{count:03}", f"job-{900 - count:03}"])
            at, outcome = (
                float(int(began + random.choice([0, 0.3, 0.5, 0.9]) * step)),
                random.choice(OUTCOMES),
            )
            ended = None if outcome is RUNNING else min(now, at + random.choice([0, 60, 300]))
            runs[name] = run(at, outcome, name=name, ended=ended)
        for name, one in list(runs.items()):
            if one.outcome is RUNNING and random.random() < 0.5:
                ending = random.choice([SUCCEEDED, FAILED, PARTIAL])
                runs[name] = run(one.created or 0.0, ending, name=name, ended=now - 1)
            elif random.random() < 0.05:
                del runs[name]
        yield list(runs.values())


@pytest.mark.parametrize("seed", range(150))
def test_page_rules_and_notify_agree(seed: int) -> None:
    random = Random(seed)
    tolerated = random.choice([1, 1, 2, 3])
    looks = Looks(schedule(failures_tolerated=tolerated, **random.choice(PROMISES)), lookback="2d")
    looks.world.now = MONDAY + 3 * DAY
    told: set[str] = set()
    for runs in lives(random, looks):
        for one in looks.look(*runs):
            slot = f"{one.change.value} {one.run}"
            told = told | {slot} if one.over is None else told - {slot}
        rules = firing(looks)
        assert shown(looks) == rules
        kinds = {slot.partition(" ")[0] for slot in told}
        assert kinds >= {"failed"} & rules
        assert kinds >= ({"overdue"} if "late" in rules else set())
        if tolerated == 1:
            assert "failed" in rules or "failed" not in kinds
