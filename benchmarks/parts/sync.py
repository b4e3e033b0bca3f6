"""The first list of a real API server: a pager that keeps nothing, the exporter in pages and as a stream."""

from __future__ import annotations

import time

from benchmarks.machine import MEGABYTE, Usage, settled
from benchmarks.parts.row import Row, row
from benchmarks.subjects import SCHEDULES, Subject, apiserver, cluster, discard, exporter

ROUNDS = 3


def run(size: int) -> list[Row]:
    """Measure; each way `ROUNDS` times (large sizes once), in turn, since the machine is not ours alone."""
    floors: list[float] = []
    spent: dict[bool, list[tuple[float, Usage, float]]] = {False: [], True: []}
    with apiserver(size) as server:
        discard(server)
        for _ in range(ROUNDS if size <= 20_000 else 1):
            floors.append(discard(server)["wall"])
            for stream, rounds in spent.items():
                with exporter([cluster(server, watch_list=stream)]) as subject:
                    rounds.append(_first_sync(subject))
    floor = min(floors)
    rows = [row("discarding pager", "s", floor)]
    for stream, title in ((False, "in pages"), (True, "WatchList")):
        wall = min(taken for taken, _, _ in spent[stream])
        cpu = min(used.cpu for _, used, _ in spent[stream])
        used = min((used for _, used, _ in spent[stream]), key=lambda used: used.peak)
        goal = 0.80 if stream else 1.10
        rows += [
            row(f"first sync {title}, until the page shows it", "s", wall),
            row(f"first sync {title}, against the pager", "times", wall / floor, goal=goal),
            row(f"processor time, {title}", "s", cpu, goal=2.5 * size / 100_000),
            row(f"processor time for each object, {title}", "us", cpu / size * 1e6),
            row(f"resident when idle again, {title}", "MB", used.resident / MEGABYTE, goal=130),
            row(f"peak, {title}", "MB", used.peak / MEGABYTE, goal=1.3 * used.resident / MEGABYTE),
        ]
    rows.append(row("resident before anything is read", "MB", min(b for s in spent.values() for *_, b in s)))
    return rows


def _first_sync(subject: Subject) -> tuple[float, Usage, float]:
    began, before = time.perf_counter(), subject.usage
    subject.wait_ready()
    wall, cpu = time.perf_counter() - began, subject.usage.cpu - before.cpu
    settled(subject.pid)
    after = subject.usage
    subject.page(SCHEDULES)
    return wall, Usage(cpu, after.resident, after.peak), before.resident / MEGABYTE
