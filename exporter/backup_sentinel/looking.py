"""One look at clusters: everything is read once, and told as the exporter would tell it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import msgspec

from .cause.message import tell
from .clock import Clock
from .config import Config
from .errors import ApiError, DocumentError, EnrichmentError, OutageReason
from .export.overview import (
    MANY_VOLUMES,
    Choice,
    Lens,
    find_locations,
    find_runs,
    tell_detail,
    tell_locations,
    tell_run,
    verdicts,
)
from .export.pipeline import Pipeline
from .export.profile import Profile
from .export.store import Store
from .kube.settings import ClusterSettings
from .relay.backups import Wish
from .service import profiles
from .telemetry import Telemetry

STEP = 0.05
"""Seconds between two looks whether everything is read."""
FRESH = 5.0
"""Seconds for which a look is good enough for others."""
FEW = 3
"""Resources that are named where all of them have the same trouble."""
ONCE = 3600.0
"""Seconds between two lists of one look, which is over long before: nothing is watched."""


@contextlib.asynccontextmanager
async def looking(pipeline: Pipeline, patience: float) -> AsyncIterator[None]:
    """Let a pipeline read everything once; what is not read after so many seconds counts as an outage."""
    watching = asyncio.create_task(pipeline.watch())
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    try:
        while pipeline.store.waiting() and loop.time() < deadline:
            done, _ = await asyncio.wait([watching], timeout=STEP)
            for task in done:
                task.result()
        for key in pipeline.store.waiting():
            error = ApiError(f"not read within {patience:g} s", reason=OutageReason.TIMEOUT)
            pipeline.store.outage(pipeline.store.feeds[key], error)
        pipeline.store.tick()
        pipeline.store.refresh()
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


class Sight(NamedTuple):
    """What one look has seen, and what was in the way."""

    lens: Lens
    troubles: tuple[str, ...]


class Lookout:
    """Looks at clusters for the relay's enrichers. Profiles are compiled when an operator is first asked about.

    Those who ask at the same time, or within `fresh` seconds of a look, share it: alerts come in groups.
    """

    def __init__(self, config: Config, clock: Clock | None = None, *, fresh: float = FRESH) -> None:
        self._config = config
        self._clock = clock or Clock()
        self._fresh = fresh
        self._profiles: dict[str, list[Profile]] = {}
        self._looks: dict[tuple[ClusterSettings, str], asyncio.Task[Sight]] = {}

    async def __call__(
        self, cluster: ClusterSettings, operator: str, wishes: Sequence[Wish], patience: float
    ) -> tuple[list[bytes | None], tuple[str, ...]]:
        """Return the API's answer to `/schedule` for each wish, and what was in the way.

        Raises EnrichmentError for an operator that no profile describes.
        """
        sight = await self._share(cluster, operator, patience)
        return [_answer(sight.lens, wish) for wish in wishes], sight.troubles

    async def _share(self, cluster: ClusterSettings, operator: str, patience: float) -> Sight:
        key = cluster, operator
        task = self._looks.get(key)
        if task is None:
            task = asyncio.create_task(self._look(cluster, operator, patience), name=f"look {operator}")
            self._looks[key] = task
            task.add_done_callback(lambda done: self._age(key, done))
        return await asyncio.shield(task)  # one who gives up takes it away from nobody

    def _age(self, key: tuple[ClusterSettings, str], done: asyncio.Task[Sight]) -> None:
        """Forget a look after a while, and one that failed, or did not see everything, at once."""
        failed = done.cancelled() or done.exception() is not None or bool(done.result().troubles)
        if failed or not self._fresh:
            del self._looks[key]
        else:
            asyncio.get_running_loop().call_later(self._fresh, self._looks.pop, key)

    async def _look(self, cluster: ClusterSettings, operator: str, patience: float) -> Sight:
        pipeline = Pipeline(
            [msgspec.structs.replace(cluster, poll_interval=ONCE)],
            await asyncio.to_thread(self._known, operator),
            self._config.export,
            telemetry=Telemetry(export=False),
            clock=self._clock,
        )
        async with looking(pipeline, patience):
            lens = Lens(pipeline.store, pipeline.clock.now(), texts=True, titles=pipeline.titles)
            return Sight(lens, _troubles(pipeline.store))

    def _known(self, operator: str) -> list[Profile]:
        if operator not in self._profiles:
            # Selectors of other operators would be unknown; the pipeline has them all.
            wanted = msgspec.structs.replace(self._config.export, operators=(operator,), selectors={})
            try:
                self._profiles[operator] = profiles(msgspec.structs.replace(self._config, export=wanted))
            except DocumentError as error:
                raise EnrichmentError(str(error)) from None
        return self._profiles[operator]


def _answer(lens: Lens, wish: Wish) -> bytes | None:
    """Return what is known of a stream; of one whose schedule is gone, the run."""
    if wish.location:
        rows = tell_locations(lens, find_locations(lens, Choice.parse(wish.place.items())))
        known = next((row for row in rows if row.location == wish.location), None)
        return msgspec.json.encode({"location": known}) if known is not None else None
    choice = Choice.parse(wish.stream.items())
    found = list(verdicts(lens, choice))
    if len(found) == 1:
        return msgspec.json.encode(tell_detail(lens, found[0]))
    runs = list(find_runs(lens, choice, None, wish.run)) if wish.run else []
    if len(runs) == 1:
        return msgspec.json.encode({"runs": [tell_run(lens, *runs[0], volumes=MANY_VOLUMES)]})
    return None


def _troubles(store: Store) -> tuple[str, ...]:
    """Return what was in the way, each error once, with the resources it is about unless these are many."""
    found: dict[str, list[str]] = {}
    for feed in store.feeds.values():
        if feed.up is False and feed.error is not None:
            found.setdefault(tell(str(feed.error)) or "cannot be read", []).append(feed.key.resource)
    return tuple(
        f"{', '.join(resources)}: {error}" if len(resources) <= FEW else error
        for error, resources in found.items()
    )
