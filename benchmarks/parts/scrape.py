"""Scrapes while a whole list is read again and again and 1,000 watch events a second come in."""

from __future__ import annotations

import gzip
import http.client
import threading
import time
from statistics import median
from urllib.parse import urlsplit

from benchmarks.parts.row import Row, row
from benchmarks.subjects import SCHEDULES, Farm, Subject, exporter

SECONDS = 20.0
RATE = 1000
PAUSE = 0.04
STORMY = 10_000
PROBES = 15
LOST = 20.0
ATTEMPT = b'kube_backup_last_attempt_timestamp_seconds{cluster="c1"'


def run(size: int) -> list[Row]:
    """Measure: one cluster is listed all the time, events come from another one of 10,000 Backups."""
    with Farm(first=size, first_schedules=SCHEDULES, backups=STORMY, schedules=SCHEDULES) as farm:
        listed, watched = farm.clusters(range(2))
        with exporter([{**listed, "poll_interval": 0.5}, watched]) as subject:
            subject.wait_ready()
            calm, _ = _load(subject)
            farm.do("storm", rate=RATE)
            time.sleep(2)
            sent, before = farm.do("count")["events"], subject.usage.cpu
            loads, health = _load(subject)
            events, cpu = farm.do("count")["events"] - sent, subject.usage.cpu - before
            delays = [_delay(farm, subject) for _ in range(PROBES)]
            page = subject.get("/metrics")[1]
    streams = 2 * SCHEDULES
    return [
        row("scrape without the events, p99", "ms", _centile(calm, 99)),
        row("scrape, p50", "ms", median(loads)),
        row("scrape, p99", "ms", _centile(loads, 99), goal=10),
        row("scrape, longest", "ms", max(loads), goal=50),
        row("health, p99", "ms", _centile(health, 99)),
        row("health, longest", "ms", max(health), goal=50),
        row("body, each schedule", "kB", len(page) / streams / 1e3, goal=6),
        row("body", "kB", len(page) / 1e3),
        row("body, compressed", "kB", len(gzip.compress(page, 1)) / 1e3),
        row("events a second", "", events / SECONDS),
        row("from an event to a page that shows it, median", "ms", median(delays)),
        row("from an event to a page that shows it, longest", "ms", max(delays), goal=1000),
        row("processor time of all that together", "% of a core", cpu / SECONDS * 100),
    ]


def _load(subject: Subject) -> tuple[list[float], list[float]]:
    """Scrape, and look at the health, for some seconds; return how long each took, in milliseconds."""
    taken: dict[str, list[float]] = {"/metrics": [], "/-/healthy": []}
    until = time.monotonic() + SECONDS

    def ask(path: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(subject.url).netloc, timeout=10)
        while time.monotonic() < until:
            began = time.perf_counter()
            connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
            connection.getresponse().read()
            taken[path].append((time.perf_counter() - began) * 1e3)
            time.sleep(PAUSE)

    threads = [threading.Thread(target=ask, args=(path,)) for path in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken["/metrics"], taken["/-/healthy"]


def _delay(farm: Farm, subject: Subject) -> float:
    """Return the milliseconds from an event until a page shows it."""
    began = time.perf_counter()
    wanted = f"}} {farm.do('probe')['started']:.0f}\n".encode()
    while time.perf_counter() - began < LOST:
        page = subject.get("/metrics")[1]
        if any(line.startswith(ATTEMPT) and line.endswith(wanted) for line in page.splitlines(keepends=True)):
            return (time.perf_counter() - began) * 1e3
        time.sleep(PAUSE)
    raise TimeoutError("no page shows an event")


def _centile(values: list[float], centile: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * centile // 100)]
