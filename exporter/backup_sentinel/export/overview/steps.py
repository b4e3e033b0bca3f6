"""Work on many streams, with a pause after each: whoever drives it may let others run in between, or not."""

import asyncio
import time
from collections.abc import Generator
from heapq import nlargest
from typing import TypeVar

from backup_sentinel.export.store.installation import Installation
from backup_sentinel.export.store.recent import instant
from backup_sentinel.model import Run

from .choice import EVERYTHING, Choice
from .clusters import tell_clusters
from .lens import Lens
from .places import FEW_PLACES, tell_locations, tell_repositories, unavailable, unready
from .rows import Overview, RunList, RunRow, ScheduleRow, worst
from .runs import newest, tell_run
from .schedules import tell_schedule
from .sight import ClusterRow
from .state import State
from .verdicts import Verdict, all_streams, verdicts, wanted

TURN = 0.001
"""Seconds of work after which others have their turn."""

_Result = TypeVar("_Result")
Steps = Generator[None, None, _Result]


def at_once(steps: Steps[_Result]) -> _Result:
    """Do all steps and return what came of them."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result


async def by_turns(steps: Steps[_Result]) -> _Result:
    """The same, but let the event loop turn whenever it has waited for `TURN` seconds."""
    began = time.perf_counter()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result
        if time.perf_counter() - began > TURN:
            await asyncio.sleep(0)
            began = time.perf_counter()


def survey(
    lens: Lens,
    version: str,
    choice: Choice = EVERYTHING,
    *,
    offset: int = 0,
    limit: int | None = None,
    full: bool = False,
) -> Steps[Overview]:
    """Tell of the clusters, and of the streams that are asked for: from `offset` on at most `limit`, or all.

    With `full` all resources of the clusters are told of, else those that cannot be read.
    """
    judged: list[Verdict] = []
    for verdict in verdicts(lens, choice):
        judged.append(verdict)
        yield
    chosen = wanted(judged, choice)
    yield
    clusters: list[ClusterRow] = []
    for cluster in tell_clusters(lens, judged, choice, full=full):
        clusters.append(cluster)
        yield
    locations, repositories = unavailable(lens, choice, judged), unready(lens, choice)
    yield
    rows: list[ScheduleRow] = []
    for verdict in chosen[offset : None if limit is None else offset + limit]:
        rows.append(tell_schedule(lens, verdict))
        yield
    return Overview(
        time=lens.now,
        version=version,
        state=worst(
            [
                *(cluster.state for cluster in clusters),
                *(verdict.state for verdict in chosen),
                *((State.CRITICAL,) if locations else ()),
                *((State.WARNING,) if repositories else ()),
            ]
        ),
        total=len(chosen),
        offset=offset,
        clusters=tuple(clusters),
        locations_unavailable=len(locations),
        repositories_unready=len(repositories),
        locations=tell_locations(lens, locations[:FEW_PLACES]),
        repositories=tell_repositories(lens, repositories[:FEW_PLACES]),
        schedules=tuple(rows),
    )


def tell_runs(lens: Lens, choice: Choice, *, offset: int, limit: int) -> Steps[RunList]:
    """Tell of the runs that are asked for, newest first: from `offset` on at most `limit`."""
    total, found = 0, list[tuple[Installation, Run]]()
    for known, stream in all_streams(lens, choice):
        count, runs = newest(stream, offset + limit, choice)
        total += count
        found += [(known, run) for run in runs]
        if len(found) > 4 * (offset + limit):
            found = nlargest(offset + limit, found, key=_order)
        yield
    rows: list[RunRow] = []
    for known, run in nlargest(offset + limit, found, key=_order)[offset:]:
        rows.append(tell_run(lens, known, run))
        yield
    return RunList(time=lens.now, total=total, offset=offset, runs=tuple(rows))


def _order(found: tuple[Installation, Run]) -> tuple[float, str, str, str]:
    known, run = found
    at = instant(run)
    return at if at is not None else float("-inf"), known.cluster, run.namespace, run.name
