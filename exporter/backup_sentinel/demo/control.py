"""The demo's stage hands: an API server for each cluster of a story, ticks that move it on, and a way to hurry it."""

import asyncio
from typing import Any, Self

from .apiserver import SimulatedApiServer
from .story import Story
from .times import rfc3339

_MOST = 1000


class Control:
    """Serves the clusters of a story and plays it; `async with` starts and stops the servers.

    `servers` are the API servers by the name of their cluster, with addresses once started.
    """

    def __init__(self, story: Story) -> None:
        self.story = story
        self.servers = {name: SimulatedApiServer(cluster) for name, cluster in story.clusters.items()}
        self._aligning: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the servers, each on a free port of 127.0.0.1."""
        for server in self.servers.values():
            await server.start()
        await self.align()

    async def stop(self) -> None:
        """Stop the servers and end their streams."""
        for task in list(self._aligning):
            await task
        for server in self.servers.values():
            await server.stop()

    async def run(self) -> None:
        """Play the story for ever, one step each tick; cancel to end."""
        while True:
            await self.story.clock.sleep(self.story.tick)
            self.advance()

    def advance(self, n: int = 1) -> dict[str, Any]:
        """Move the story on by `n` steps (1 to 1000) and tell what changed; ValueError for another number.

        This is what `POST /api/v1/test/generate-mock-data` does. `changes` are sentences in the order of events.
        """
        if not 1 <= n <= _MOST:
            raise ValueError(f"the number of steps must be between 1 and {_MOST}, not {n}")
        changes = [line for _ in range(n) for line in self.story.step()]
        if any(server.listening != server.cluster.reachable for server in self.servers.values()):
            task = asyncio.get_running_loop().create_task(self.align())
            self._aligning.add(task)
            task.add_done_callback(self._aligning.discard)
        return {
            "story": self.story.file.name,
            "steps": n,
            "time": rfc3339(self.story.stage.now),
            "changes": changes,
            "clusters": {name: _summary(server) for name, server in self.servers.items()},
        }

    async def align(self) -> None:
        """Take down the servers of clusters that are out of reach in the story, and bring the others back."""
        for server in self.servers.values():
            await (server.up() if server.cluster.reachable else server.down())


def _summary(server: SimulatedApiServer) -> dict[str, Any]:
    counts = {
        kind.name: len(server.cluster.shelf(kind).items) for kind in server.cluster.types if kind.custom
    }
    return {
        "reachable": server.cluster.reachable,
        "objects": {name: count for name, count in counts.items() if count},
    }
