"""The values that templates may name, and how they are written."""

import hashlib
import time
from typing import Any

import msgspec

from backup_sentinel.demo.manifest import suffix_of, uid_of
from backup_sentinel.demo.scene import Location, Run, Schedule, Volume
from backup_sentinel.demo.times import go_duration, rfc3339, seconds_of

_STYLES = {"ctime": "%a %b %e %H:%M:%S %Y", "stamp": "%Y%m%d%H%M%S", "go": "%Y-%m-%d %H:%M:%S +0000 UTC"}


class Moment(float):
    """An instant, written as Kubernetes does; `+5s` before a style moves it, styles are `ctime`, `stamp`, `go`."""

    def __str__(self) -> str:
        return rfc3339(self)

    def __format__(self, style: str) -> str:
        offset, _, name = style.rpartition(" ") if " " in style else ("", "", style)
        if name.startswith(("+", "-")):
            offset, name = name, ""
        at = self + (seconds_of(offset) if offset else 0.0)
        return time.strftime(_STYLES[name], time.gmtime(at)) if name else rfc3339(at)


class Span(float):
    """A duration, written as Go does; the style `s` is seconds with a fraction."""

    def __str__(self) -> str:
        return go_duration(self)

    def __format__(self, style: str) -> str:
        return f"{float(self):.1f}" if style == "s" else go_duration(self)


class ToldRun(msgspec.Struct, frozen=True):
    """A run: sizes in bytes, `part` is how much of it is done in per cent, `id` sixteen hexadecimal digits."""

    name: str
    id: str
    suffix: str
    created: Moment
    started: Moment | None
    ended: Moment | None
    expires: Moment | None
    duration: Span | None
    message: str
    part: int
    size: int
    sent: int
    done: int
    items: int
    warnings: int
    of_run: str
    of_id: str


class ToldVolume(msgspec.Struct, frozen=True):
    """A volume in a run: sizes in bytes, `id` is that of its part in the run, `claim_id` its own."""

    name: str
    namespace: str
    id: str
    suffix: str
    claim_id: str
    size: int
    sent: int


class ToldSchedule(msgspec.Struct, frozen=True):
    """A schedule: `minute`, `hour` and `weekday` are None where the cron gives no single one; `due` is its next slot."""

    name: str
    cron: str
    minute: int | None
    hour: int | None
    weekday: int | None
    created: Moment
    attempt: Moment | None
    due: Moment | None
    invalid: str
    location: str
    paused: bool


class ToldLocation(msgspec.Struct, frozen=True):
    """A location: `changed` is when it last came or went, `seen` when it was last looked at."""

    name: str
    bucket: str
    message: str
    changed: Moment
    seen: Moment


def id_of(*parts: str) -> str:
    """Return sixteen hexadecimal digits, the same whenever the same object is made."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:16]


def tell_run(run: Run, message: str) -> ToldRun:
    """Return what templates may say of a run at its station."""
    size, sent = sum(volume.size for volume in run.volumes), sum(volume.incremental for volume in run.volumes)
    part = 100 * run.station // max(1, len(run.stations) - 1)
    over = None if run.ended is None or run.started is None else run.ended - run.started
    here = (run.site.cluster.name, run.site.namespace)
    return ToldRun(
        name=run.name,
        id=id_of(*here, run.name),
        suffix=suffix_of(*here, run.name),
        created=Moment(run.created),
        started=_moment(run.started),
        ended=_moment(run.ended),
        expires=_moment(run.expires),
        duration=None if over is None else Span(over),
        message=message,
        part=part,
        size=size,
        sent=sent,
        done=size * part // 100,
        items=run.items,
        warnings=run.warnings,
        of_run=run.of_run,
        of_id=id_of(*here, run.of_run),
    )


def tell_volume(run: Run, volume: Volume) -> ToldVolume:
    """Return what templates may say of a volume in a run."""
    here = (run.site.cluster.name, run.site.namespace)
    return ToldVolume(
        name=volume.name,
        namespace=volume.namespace,
        id=id_of(*here, run.name, volume.namespace, volume.name),
        suffix=suffix_of(*here, run.name, volume.namespace, volume.name),
        claim_id=uid_of(here[0], volume.namespace, volume.name, "claim"),
        size=volume.size,
        sent=volume.incremental,
    )


def tell_schedule(schedule: Schedule) -> ToldSchedule:
    """Return what templates may say of a schedule."""
    fields: list[Any] = [int(field) if field.isdigit() else None for field in schedule.cron.split()]
    minute, hour, _, _, weekday = fields if len(fields) == 5 else [None] * 5
    return ToldSchedule(
        name=schedule.spec.name,
        cron=schedule.cron,
        minute=minute,
        hour=hour,
        weekday=weekday,
        created=Moment(schedule.created),
        attempt=_moment(schedule.last_attempt),
        due=_moment(schedule.due),
        invalid=schedule.invalid,
        location=schedule.spec.location,
        paused=schedule.paused,
    )


def tell_location(location: Location, created: float, now: float) -> ToldLocation:
    """Return what templates may say of a location, which is looked at each minute."""
    return ToldLocation(
        name=location.spec.name,
        bucket=location.spec.bucket,
        message=location.message,
        changed=Moment(location.changed),
        seen=Moment(max(created, now - now % 60)),
    )


def _moment(seconds: float | None) -> Moment | None:
    return None if seconds is None else Moment(seconds)
