"""Instants, durations and sizes as stories write them and as Kubernetes writes them; a clock that is moved by hand."""

import asyncio
import re
import time
from datetime import UTC, datetime

from backup_sentinel.clock import Clock

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZES |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_SIZES |= {f"{unit}B": factor for unit, factor in list(_SIZES.items()) if unit.endswith("i")}


class ManualClock(Clock):
    """A clock that stands still until `move` is called; sleepers wake when their time has come."""

    def __init__(self, start: float) -> None:
        self._now = start
        self._moved = asyncio.Event()

    def now(self) -> float:
        """Return the time it was moved to, Unix seconds."""
        return self._now

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved so far."""
        end = self._now + seconds
        while self._now < end:
            await self._moved.wait()


def rfc3339(seconds: float) -> str:
    """Return an instant as Kubernetes writes it, in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def instant(text: str | datetime) -> float:
    """Read an RFC 3339 instant; ValueError if it is none."""
    read = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def seconds_of(text: str) -> float:
    """Read a duration such as `90s`, `-26h`, `+1h30m` or `30d`; ValueError if it is none."""
    body = text.strip().lstrip("+-")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        raise ValueError(f"not a duration: {text!r}")
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -total if text.strip().startswith("-") else total


def go_duration(seconds: float) -> str:
    """Return a duration as Go prints it, `720h0m0s`."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def bytes_of(text: str) -> int:
    """Read a size such as `40Gi`, `40GiB` or `1.5TB`; ValueError if it is none."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKMGT]?i?B?)", text.strip())
    if not found or found[2] not in _SIZES:
        raise ValueError(f"not a size: {text!r}")
    return int(float(found[1]) * _SIZES[found[2]])
