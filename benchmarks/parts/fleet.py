"""Many clusters in one process: what they cost when nothing happens, and what an event costs when much happens."""

from __future__ import annotations

import time

from benchmarks.machine import MEGABYTE, settled
from benchmarks.parts.row import Row, row
from benchmarks.subjects import Farm, exporter

COUNTS = (1, 10, 100, 500)
BACKUPS, SCHEDULES = 20, 2
RATE = 1000
SECONDS = 8.0


def run(size: int) -> list[Row]:
    """Measure streams of one resource each, so that 500 clusters are 500 streams."""
    del size
    rows = []
    for tls in (False, True):
        kind = "TLS" if tls else "plain"
        small = {"first": BACKUPS, "first_schedules": SCHEDULES, "backups": BACKUPS, "schedules": SCHEDULES}
        with Farm(tls=tls, resources="backups", **small) as farm:
            base = 0.0
            for count in COUNTS:
                with exporter(farm.clusters(range(count))) as subject:
                    subject.wait_ready()
                    settled(subject.pid, limit=0.2)
                    resident, before = subject.usage.resident / MEGABYTE, subject.usage.cpu
                    time.sleep(SECONDS)
                    idle = (subject.usage.cpu - before) / SECONDS
                    base = base or resident
                    last = count == COUNTS[-1]
                    rows += [
                        row(f"{count} clusters, {kind}: resident", "MB", resident),
                        row(
                            f"{count} clusters, {kind}: idle",
                            "% of a core",
                            idle * 100,
                            goal=5 if last else None,
                        ),
                    ]
                    if last:
                        rows.append(
                            row(f"{count} clusters, {kind}: over one", "MB", resident - base, goal=50)
                        )
                        farm.do("storm", rate=RATE)
                        time.sleep(2)
                        sent, before = farm.do("count")["events"], subject.usage.cpu
                        time.sleep(SECONDS)
                        events, cpu = farm.do("count")["events"] - sent, subject.usage.cpu - before
                        rows.append(row(f"events a second, {kind}", "", events / SECONDS))
                        rows.append(
                            row(
                                f"processor time of an event, {kind}, pages included",
                                "us",
                                (cpu - idle * SECONDS) / events * 1e6,
                                goal=100 if tls else 60,
                            )
                        )
    return rows
