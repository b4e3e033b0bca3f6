"""The clusters to watch, from all sources, and word of it when they become others."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Protocol

from backup_sentinel.errors import ProblemReason
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.model import Problem

from .precedence import Candidate, Clash, Rank, merge
from .shard import Shard

_log = logging.getLogger("backup_sentinel.fleet")

IMPLICIT = (ClusterSettings(),)
"""What a configuration without clusters means: the one this process runs in, without a name."""


class Source(Protocol):
    """Where clusters come from at run time."""

    def candidates(self) -> Sequence[Candidate]:
        """Return the clusters it names now."""

    async def settled(self) -> None:
        """Wait until it has answered for the first time, or could not."""

    async def run(self, changed: Callable[[], None]) -> None:
        """Follow what changes until cancelled; `changed` is called after each change."""


class Fleet:
    """The set of clusters by name.

    `configured` are the entries of the configuration; where it has none (`IMPLICIT`) they give way to those of the
    `environment`, and stay beside those of other `sources`. Of all that, `shard` watches its part. `problem` is told
    of each name that is taken already.

    Run `run` beside whoever reads `changes`; without other sources it ends at once.
    """

    def __init__(
        self,
        configured: Sequence[ClusterSettings],
        *,
        environment: Sequence[ClusterSettings] = (),
        sources: Sequence[Source] = (),
        shard: Shard | None = None,
        problem: Callable[[Problem], None] | None = None,
    ) -> None:
        self.shard = shard or Shard()
        self._configured = tuple(configured)
        self._environment = tuple(environment)
        self._sources = tuple(sources)
        self._problem = problem or (lambda _: None)
        self._clashes: set[Clash] = set()
        self._changed = asyncio.Event()
        self._members: dict[str, Candidate] = {}
        self._refresh(silent=True)

    @property
    def wanted(self) -> dict[str, ClusterSettings]:
        """The clusters to watch now, by name: configured ones first, then environment, then Secrets by age."""
        return {name: member.settings for name, member in self._members.items()}

    def configure(self, configured: Sequence[ClusterSettings]) -> None:
        """Replace the entries of the configuration, after it was read again."""
        self._configured = tuple(configured)
        self._refresh()

    async def changes(self) -> AsyncGenerator[dict[str, ClusterSettings], None]:
        """Yield the clusters to watch, by name: at once, and the whole set again whenever it has become another.

        A cluster has changed if its settings are no longer equal. Changes that come faster than they are taken are one.
        """
        last: dict[str, ClusterSettings] | None = None
        while True:
            changed, wanted = self._changed, self.wanted
            if wanted != last:
                last = wanted
                yield dict(wanted)
            else:
                await changed.wait()

    async def settled(self) -> None:
        """Wait until every source has answered for the first time, or could not; `run` must be running."""
        for source in self._sources:
            await source.settled()

    async def run(self) -> None:
        """Follow the sources until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for source in self._sources:
                tasks.create_task(source.run(self._refresh))

    def _refresh(self, *, silent: bool = False) -> None:
        before = self._members
        self._members, clashes = merge(self._candidates())
        self._tell_clashes(clashes)
        if self._members == before:
            return
        if not silent:
            self._tell_members(before)
        self._changed.set()
        self._changed = asyncio.Event()

    def _candidates(self) -> Iterator[Candidate]:
        configured = () if self._environment and self._configured == IMPLICIT else self._configured
        fixed = (
            (Rank.CONFIGURATION, configured, "configuration"),
            (Rank.ENVIRONMENT, self._environment, "environment"),
        )
        for rank, clusters, origin in fixed:
            for settings in clusters:
                if self.shard.owns(settings.name):
                    yield Candidate(settings=settings, rank=rank, origin=origin)
        for source in self._sources:
            for candidate in source.candidates():
                if self.shard.owns(candidate.settings.name):
                    yield candidate

    def _tell_clashes(self, clashes: Sequence[Clash]) -> None:
        for clash in clashes:
            if clash not in self._clashes:
                self._problem(Problem(ProblemReason.DUPLICATE, detail=f"the name is taken by {clash.winner}"))
                _log.warning(
                    "cluster is not watched: its name is taken",
                    extra={"cluster": clash.name, "source": clash.loser, "taken_by": clash.winner},
                )
        self._clashes = set(clashes)

    def _tell_members(self, before: dict[str, Candidate]) -> None:
        for name in before.keys() - self._members.keys():
            _log.info(
                "cluster removed",
                extra={"cluster": before[name].settings.title, "source": before[name].origin},
            )
        for name, member in self._members.items():
            if name not in before:
                _log.info("cluster added", extra={"cluster": member.settings.title, "source": member.origin})
            elif before[name].settings != member.settings:
                _log.info(
                    "cluster changed", extra={"cluster": member.settings.title, "source": member.origin}
                )
