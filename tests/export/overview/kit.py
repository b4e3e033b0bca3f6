"""Looks at a world as the status page does."""

from typing import Any

from backup_sentinel.export.overview import (
    Choice,
    Lens,
    Overview,
    ScheduleRow,
    State,
    at_once,
    survey,
)
from export.store.world import (
    DAY,
    MONDAY,
    World,
    at,
)

OK, WARNING, CRITICAL, PAUSED = State.OK, State.WARNING, State.CRITICAL, State.PAUSED
TUESDAY = MONDAY + DAY
LAST, NEXT = at("2026-03-02 03:00"), at("2026-03-03 03:00")


def look(world: World, *, texts: bool = False, **choice: Any) -> Overview:
    world.store.tick()
    world.store.refresh()
    return at_once(survey(Lens(world.store, world.now, texts=texts), "1.2.3", Choice(**choice)))


def only(world: World) -> ScheduleRow:
    [row] = look(world).schedules
    return row


def names(world: World, **choice: Any) -> list[str]:
    return [row.schedule for row in look(world, **choice).schedules]
