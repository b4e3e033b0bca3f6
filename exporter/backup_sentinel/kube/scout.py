"""Finds out which of many resources a cluster serves: one task waits for all that it does not.

Most operators are not installed in most clusters. A resource that is not there costs a look at a set every two minutes,
and no task, no connection and no request of its own.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from backup_sentinel.clock import Clock
from backup_sentinel.errors import ApiError

from .change import Missing, Outage
from .discovery import Discovery
from .resource import ResourceType, Served
from .timing import Backoff, Random, Timing, spread


class Scout:
    """Looks again and again, until all wanted resources are served."""

    def __init__(
        self, discovery: Discovery, *, clock: Clock, timing: Timing, rand: Random = random.random
    ) -> None:
        self._discovery = discovery
        self._clock = clock
        self._timing = timing
        self._random = rand
        self._backoff = Backoff(timing.first_pause, timing.longest_pause, rand)

    @property
    def max_silence(self) -> float:
        """How many seconds may pass between two looks while everything is well."""
        return 1.1 * self._timing.discovery + self._timing.longest_pause + self._timing.list_read

    async def look(
        self, wanted: Sequence[ResourceType]
    ) -> AsyncGenerator[tuple[int, Served | Missing | Outage], None]:
        """Yield what is found out, with the place in `wanted`; ends when everything was found to be served.

        What is served is told once, what is missing and what cannot be asked for at each look.
        """
        left = list(range(len(wanted)))
        while left:
            failures: list[ApiError] = []
            missing: list[int] = []
            async with aclosing(self._once(wanted, left)) as found:
                async for place, what in found:
                    if isinstance(what, Outage):
                        failures.append(what.error)
                    if not isinstance(what, Served):
                        missing.append(place)
                    yield place, what
            left = sorted(missing)
            if failures:
                await self._clock.sleep(self._backoff.pause(failures[0].retry_after))
            elif left:
                self._backoff.reset()
                await self._clock.sleep(spread(self._timing.discovery, self._random))

    async def _once(
        self, wanted: Sequence[ResourceType], places: Sequence[int]
    ) -> AsyncGenerator[tuple[int, Served | Missing | Outage], None]:
        """Look once; a group whose backend hangs holds up no other."""
        try:
            offered = await self._discovery.offer()
        except ApiError as error:
            for place in places:
                yield place, Outage(error)
            return
        asking: list[asyncio.Task[tuple[int, Served | Missing | Outage]]] = []
        for place in places:
            resource = wanted[place]
            names = {f"{resource.group}/{version}" for version in resource.versions}
            if resource.group and offered is not None and names.isdisjoint(offered):
                yield place, Missing()
            else:
                asking.append(asyncio.create_task(self._find(place, resource)))
        try:
            for done in asyncio.as_completed(asking):
                yield await done
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _find(self, place: int, resource: ResourceType) -> tuple[int, Served | Missing | Outage]:
        try:
            return place, await self._discovery.find(resource) or Missing()
        except ApiError as error:
            return place, Outage(error)
