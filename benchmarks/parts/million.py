"""Ten times as many Backups in one process, from the simulated server: what each further one costs."""

from __future__ import annotations

import time

from benchmarks.machine import MEGABYTE, settled
from benchmarks.parts.row import Row, row
from benchmarks.subjects import SCHEDULES, Farm, exporter


def run(size: int) -> list[Row]:
    """Measure `size` and ten times as many, over as many schedules, in pages and as a stream."""
    rows, resident = [], {}
    for stream, count in ((False, size), (False, 10 * size), (True, 10 * size)):
        with Farm(first=count, first_schedules=SCHEDULES, backups=1, schedules=1) as farm:
            [first] = farm.clusters(range(1))
            with exporter([{**first, "watch_list": stream}]) as subject:
                began, before = time.perf_counter(), subject.usage.cpu
                subject.wait_ready()
                wall, cpu = time.perf_counter() - began, subject.usage.cpu - before
                settled(subject.pid)
                used = subject.usage
        how = "WatchList" if stream else "in pages"
        resident[stream, count] = used.resident
        rows += [
            row(f"{count:,} Backups {how}: first sync", "s", wall),
            row(f"{count:,} Backups {how}: processor time for each", "us", cpu / count * 1e6),
            row(f"{count:,} Backups {how}: resident", "MB", used.resident / MEGABYTE),
            row(f"{count:,} Backups {how}: peak", "MB", used.peak / MEGABYTE),
        ]
    further = (resident[False, 10 * size] - resident[False, size]) / (9 * size)
    return [*rows, row("each further Backup, in pages", "bytes", further, goal=700)]
