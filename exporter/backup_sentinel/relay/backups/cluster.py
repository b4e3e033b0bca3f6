"""Reads clusters, by way of what the wiring hands over."""

import asyncio
from collections.abc import Sequence

import msgspec

from backup_sentinel.errors import EnrichmentError
from backup_sentinel.relay.reach import ClusterSettings, choose

from .rows import Detail
from .wish import Look, Seen, Wish

_LOOKING = 0.8
"""Part of the time after which a look tells what it has seen so far."""


class ClusterSource:
    """Reads clusters, once for all wishes about one operator."""

    def __init__(self, clusters: Sequence[ClusterSettings], look: Look) -> None:
        self._clusters = clusters
        self._look = look

    async def see(self, wishes: Sequence[Wish], patience: float) -> Seen:
        """Return what the clusters say."""
        places: dict[tuple[str, str], list[int]] = {}
        for index, wish in enumerate(wishes):
            places.setdefault((wish.stream["cluster"], wish.stream["operator"]), []).append(index)
        looks = [
            self._see_place(name, operator, [wishes[index] for index in indexes], patience * _LOOKING)
            for (name, operator), indexes in places.items()
        ]
        details: list[Detail | None] = [None] * len(wishes)
        notes: dict[str, None] = {}
        for indexes, seen in zip(places.values(), await asyncio.gather(*looks), strict=True):
            notes.update(dict.fromkeys(seen.notes))
            for index, detail in zip(indexes, seen.details, strict=True):
                details[index] = detail
        return Seen(details, tuple(notes))

    async def close(self) -> None:
        """Nothing is open."""

    async def _see_place(self, name: str, operator: str, wishes: Sequence[Wish], patience: float) -> Seen:
        """Look at one cluster; what is in the way there keeps nobody from looking at others."""
        try:
            cluster = choose(self._clusters, name)
            known = [wish._replace(stream={**wish.stream, "cluster": cluster.name}) for wish in wishes]
            answers, troubles = await self._look(cluster, operator, known, patience)
        except EnrichmentError as error:
            return Seen([None] * len(wishes), (str(error),))
        return Seen(
            [None if answer is None else msgspec.json.decode(answer, type=Detail) for answer in answers],
            troubles,
        )
