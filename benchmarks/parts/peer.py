"""kube-state-metrics with custom resource state, on the same objects of the same server as the exporter."""

from __future__ import annotations

import time
import urllib.request
from statistics import median

from benchmarks.machine import MEGABYTE, settled, usage
from benchmarks.parts.row import Row, row
from benchmarks.subjects import SCHEDULES, StateMetrics, apiserver, cluster, discard, exporter


def run(size: int) -> list[Row]:
    """Measure both, one after the other."""
    with apiserver(size) as server:
        discard(server)
        with exporter([cluster(server)]) as subject:
            began = time.perf_counter()
            subject.wait_ready()
            wall = time.perf_counter() - began
            settled(subject.pid)
            ours, page = subject.usage, subject.page(SCHEDULES)
            before = subject.usage.cpu
            waits = [_scrape(f"{subject.url}/metrics") for _ in range(SCRAPES)]
            scrape = (subject.usage.cpu - before) / SCRAPES
        with StateMetrics(server) as peer:
            taken = _sync(peer)
            theirs = usage(peer.pid)
            before = theirs.cpu
            their_waits = [_scrape(peer.url) for _ in range(THEIR_SCRAPES)]
            their_scrape = (usage(peer.pid).cpu - before) / THEIR_SCRAPES
            body = urllib.request.urlopen(peer.url, timeout=60).read()
    return [
        row("exporter: whole processor time to the first page", "s", ours.cpu),
        row("kube-state-metrics: whole processor time until idle", "s", theirs.cpu),
        row("kube-state-metrics, against the exporter", "times", theirs.cpu / ours.cpu),
        row("exporter: first page after it listens", "s", wall),
        row("kube-state-metrics: start until idle", "s", taken),
        row("exporter: peak", "MB", ours.peak / MEGABYTE),
        row("kube-state-metrics: peak", "MB", theirs.peak / MEGABYTE),
        row("exporter: scrape", "kB", len(page) / 1e3),
        row("kube-state-metrics: scrape", "kB", len(body) / 1e3),
        row("exporter: a scrape takes", "ms", median(waits)),
        row("kube-state-metrics: a scrape takes", "ms", median(their_waits)),
        row("exporter: processor time of a scrape", "ms", scrape * 1e3),
        row("kube-state-metrics: processor time of a scrape", "ms", their_scrape * 1e3),
    ]


SCRAPES, THEIR_SCRAPES = 20, 3


def _scrape(url: str) -> float:
    """Return how many milliseconds a scrape takes, compressed where the other side does that."""
    began = time.perf_counter()
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    urllib.request.urlopen(request, timeout=60).read()
    return (time.perf_counter() - began) * 1e3


def _sync(peer: StateMetrics) -> float:
    """Wait until it has read everything: it is busy, and then it is not."""
    began, last, before = time.perf_counter(), 0.0, 0.0
    while last < QUIET or before < BUSY:
        time.sleep(STEP)
        now = usage(peer.pid).cpu
        last = last + STEP if now - before < 0.2 * STEP else 0.0
        before = now
        if time.perf_counter() - began > 240:
            raise TimeoutError("kube-state-metrics does not come to rest")
    return time.perf_counter() - began - last


STEP, QUIET, BUSY = 0.25, 3.0, 0.5
