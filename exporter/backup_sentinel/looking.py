"""One look at clusters: everything is read once, and told as the exporter would tell it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from .cause.message import tell
from .clock import Clock
from .config import Config
from .errors import ApiError, DocumentError, EnrichmentError, OutageReason
from .export.overview import MANY_VOLUMES, Choice, Lens, find_runs, tell_detail, tell_run, verdicts
from .export.pipeline import Pipeline
from .export.profile import Profile
from .export.store import Store
from .kube.settings import ClusterSettings
from .relay.backups import Wish
from .service import profiles
from .telemetry import Telemetry

STEP = 0.05
"""Seconds between two looks whether everything is read."""
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


class Lookout:
    """Looks at clusters for the relay's enrichers. Profiles are compiled when an operator is first asked about."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or Clock()
        self._profiles: dict[str, list[Profile]] = {}

    async def __call__(
        self, cluster: ClusterSettings, operator: str, wishes: Sequence[Wish], patience: float
    ) -> tuple[list[bytes | None], tuple[str, ...]]:
        """Return the API's answer to `/schedule` for each wish, and what was in the way.

        Raises EnrichmentError for an operator that no profile describes.
        """
        pipeline = Pipeline(
            [msgspec.structs.replace(cluster, poll_interval=ONCE)],
            self._known(operator),
            self._config.export,
            telemetry=Telemetry(export=False),
            clock=self._clock,
        )
        async with looking(pipeline, patience):
            lens = Lens(pipeline.store, pipeline.clock.now(), texts=True, titles=pipeline.titles)
            return [_answer(lens, wish) for wish in wishes], _troubles(pipeline.store)

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
    choice = Choice.parse(wish.stream.items())
    found = list(verdicts(lens, choice))
    if len(found) == 1:
        return msgspec.json.encode(tell_detail(lens, found[0]))
    runs = list(find_runs(lens, choice, None, wish.run)) if wish.run else []
    if len(runs) == 1:
        return msgspec.json.encode({"runs": [tell_run(lens, *runs[0], volumes=MANY_VOLUMES)]})
    return None


def _troubles(store: Store) -> tuple[str, ...]:
    found: Mapping[str, None] = dict.fromkeys(
        tell(str(feed.error)) or "a resource cannot be read"
        for feed in store.feeds.values()
        if feed.up is False and feed.error is not None
    )
    return tuple(found)
