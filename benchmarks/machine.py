"""What a process used up, and on what machine that was."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import NamedTuple

MEGABYTE = 1e6
_TICKS = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """Processor time in seconds, resident memory now and at its peak in bytes."""

    cpu: float
    resident: float
    peak: float


def usage(pid: int) -> Usage:
    """Return what a process has used so far."""
    folder = Path("/proc", str(pid))
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return Usage(
        cpu=(int(fields[11]) + int(fields[12])) / _TICKS,
        resident=int(status["VmRSS"].split()[0]) * 1024,
        peak=int(status["VmHWM"].split()[0]) * 1024,
    )


def settled(pid: int, *, quiet: float = 1.0, limit: float = 0.05) -> None:
    """Wait until a process has used less than `limit` seconds of processor time in `quiet` seconds."""
    before = usage(pid).cpu
    while True:
        time.sleep(quiet)
        now = usage(pid).cpu
        if now - before < limit:
            return
        before = now


def description() -> str:
    """Return one line about the machine."""
    cpus = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{len(cpus)} x {cpus[0] if cpus else platform.machine()}, {memory:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )
