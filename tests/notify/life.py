"""Looks that follow one another at a store under a clock that the test turns, without clusters and channels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from backup_sentinel.model import Run
from backup_sentinel.notify.desk import Desk
from backup_sentinel.notify.incident import Incident
from backup_sentinel.notify.looking import complete
from backup_sentinel.notify.record import Record
from backup_sentinel.notify.settings import Change, NotifySettings
from export.store.world import FAILED, HOUR, MINUTE, MONDAY, UNREACHABLE, World, run, schedule

CHANNELS = ("mail", "chat")
WEEKLY = "0 3 * * 1"
HOURLY = "0 * * * *"


class Step(NamedTuple):
    """What happens until the next look, and at it."""

    hours: float
    failures: tuple[float, ...]
    """When runs failed, as parts of the time."""
    down: frozenset[str]
    """Channels that refuse."""
    away: bool
    """Whether the cluster does not answer."""


class Life:
    """Looks that follow one another; between them nothing is left but the texts of the record."""

    def __init__(self, **notify: object) -> None:
        self.world = World()
        self.world.now = MONDAY + 4 * HOUR
        self.settings = NotifySettings(**{"states": (Change.FAILED,), **notify})  # type: ignore[arg-type]
        self.runs: list[Run] = []
        self.told: list[tuple[str, str, str]] = []
        """Channel, incident and UTC day of all that was taken."""
        self.saved: dict[str, str] = {}
        self.world.list("schedule", schedule(WEEKLY))
        self.world.list("run")

    def live(self, step: Step) -> None:
        began = self.world.now
        self.world.now += step.hours * HOUR
        for part in step.failures:
            ended = began + part * step.hours * HOUR
            self.runs.append(run(ended - MINUTE, FAILED, ended=ended, name=f"run-{len(self.runs)}"))
        if step.away:
            for feed in self.world.store.feeds.values():
                self.world.store.outage(feed, UNREACHABLE)
        else:
            self.world.list("schedule", schedule(WEEKLY))
            self.world.list("run", *self.runs)
        self.look(step.down)

    def look(self, down: frozenset[str] = frozenset()) -> None:
        now, store = self.world.now, self.world.store
        store.tick()
        store.refresh()
        record = Record.read(self.saved)
        desk = Desk(self.settings, record, now)
        desk.look(store, {})
        day = datetime.fromtimestamp(now, UTC).date().isoformat()
        for channel in CHANNELS:
            due = desk.due(channel)
            if channel not in down:
                self.told += [(channel, incident.name, day) for incident in due]
                desk.settle(due, [channel], CHANNELS)
        if not down:
            desk.finish(complete(store), now)
        self.saved = record.texts()

    def names(self, channel: str) -> list[str]:
        return [name for one, name, _ in self.told if one == channel]


class Looks:
    """One channel that takes everything; what it was told is there look by look."""

    def __init__(self, *schedules: Any, **settings: Any) -> None:
        self.world = World()
        self.world.now = MONDAY + 4 * HOUR
        self.schedules = schedules or (schedule("0 3 * * 1"),)
        self.settings = NotifySettings(**settings)
        self.saved: dict[str, str] = {}

    def look(self, *runs: Run, after: float = 0.0) -> list[Incident]:
        """Return what was told after so many seconds."""
        world = self.world
        world.now += after
        world.list("schedule", *self.schedules)
        world.list("run", *runs)
        world.store.tick()
        world.store.refresh()
        desk = Desk(self.settings, Record.read(self.saved), world.now)
        desk.look(world.store, {})
        told = desk.due("mail")
        desk.settle(told, ["mail"], ["mail"])
        desk.finish(["prod"], world.now)
        self.saved = desk.record.texts()
        return told

    @property
    def record(self) -> Record:
        return Record.read(self.saved)
