"""Documents of stores that have seen something."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from backup_sentinel.export.settings import ExportSettings
from backup_sentinel.export.store import SavedCluster, Store
from backup_sentinel.model import Outcome, Run, Schedule
from export.store.world import DAY, HOUR, MONDAY, Told, World, key, run, schedule


class Durable(World):
    """A world whose store is saved; `archived` is what the last process left."""

    def __init__(self, archived: SavedCluster | None = None, now: float = MONDAY) -> None:
        super().__init__()
        self.now = now
        self.store = Store(ExportSettings(), lambda: self.now, durable=True)
        for word in ("schedule", "location", "run"):
            self.feed(word)
        self.store.remember(archived or SavedCluster(version=1, cluster="prod"))

    def save(self) -> SavedCluster:
        """Save, and let counters show it."""
        document = msgspec.json.decode(msgspec.json.encode(self.store.save("prod")), type=SavedCluster)
        self.store.saved(document)
        return document

    def totals(self) -> dict[str, float]:
        return {dict(labels)["outcome"]: value for labels, value in self.found("runs_total").items() if value}


def document(cluster: str = "prod", schedules: int = 1, *, counted: int = 1) -> SavedCluster:
    """Return the memory of a cluster whose schedules ran daily for a month, `counted` times while they were watched."""
    world = World()
    world.store = Store(ExportSettings(), lambda: world.now, durable=True)
    for word in ("schedule", "location", "run"):
        world.feed(word, cluster=cluster)
    world.store.remember(SavedCluster(version=1, cluster=cluster))
    keys = [key(f"team-{number % 40}-nightly-{number}", cluster=cluster) for number in range(schedules)]
    promised: list[Schedule] = [
        schedule(of=of, location="default", target_namespaces=("shop",)) for of in keys
    ]
    ran: list[Run] = []
    for number, of in enumerate(keys):
        for day in range(30):
            outcome = Outcome.FAILED if (number + day) % 9 == 0 else Outcome.SUCCEEDED
            began = MONDAY + day * DAY + number
            more: dict[str, Any] = {
                "ended": began + 600,
                "expires": began + 30 * DAY,
                "size": 1e9 + number * 7919,
            }
            message = "error putting object: api error AccessDenied" if outcome is Outcome.FAILED else None
            ran.append(run(began, outcome, of=of, items=400.0, message=message, location="default", **more))
    world.now = MONDAY + 31 * DAY
    world.start(*promised, *ran, cluster=cluster)
    for number in range(counted):
        for of in keys:
            world.put(run(world.now + number * HOUR, of=of, ended=world.now + number * HOUR + 60))
    return world.store.save(cluster)


def told(name: str, *schedules: Schedule) -> Told:
    """Return what a profile makes of one object that promises several schedules."""
    return Told(schedules[0].key.namespace, name, schedules)


async def until(condition: Callable[[], object], what: str, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is in another party's hands
            await asyncio.sleep(0.005)
