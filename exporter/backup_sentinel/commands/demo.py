"""Run the whole product on this machine, with simulated clusters whose backups fail and recover."""

import argparse
import asyncio
import secrets
import sys
from typing import Any

import msgspec

from backup_sentinel import app
from backup_sentinel.config import Config, WebSettings
from backup_sentinel.demo.control import Control
from backup_sentinel.demo.story import Story
from backup_sentinel.demo.storyfile import load_story
from backup_sentinel.kube.settings import ClusterSettings

from .settings import add_common, load_config

ADVANCE = "/api/v1/test/generate-mock-data"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=True, log_format="text")
    parser.set_defaults(log_level="warning")
    parser.add_argument(
        "--story", default="fleet", help="name of a shipped story, or a file (default: fleet)"
    )
    parser.add_argument(
        "--seed", type=int, help="number from which all chance follows (default: the story's)"
    )
    parser.add_argument(
        "--tick", metavar="DURATION", help="time between two beats, such as 2s (default: the story's)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal; return the exit code. Raises DocumentError, ListenError."""
    config = load_config(arguments)
    if config.web.listen == WebSettings().listen:  # nobody else is to reach a demo by default
        config = msgspec.structs.replace(
            config, web=msgspec.structs.replace(config.web, listen="127.0.0.1:9950")
        )
    file = load_story(arguments.story)
    changes = {"seed": arguments.seed, "tick": arguments.tick}
    file = msgspec.structs.replace(
        file, **{name: value for name, value in changes.items() if value is not None}
    )
    app.run(play(Story(file), config))
    return 0


async def play(story: Story, config: Config) -> None:
    """Serve the story's clusters, watch them with the real exporter, and let the story go on."""
    async with Control(story) as control:
        clusters = []
        for name, server in control.servers.items():
            token = secrets.token_urlsafe(16)
            server.access.tokens[token] = "backup-sentinel"
            clusters.append(ClusterSettings(name=name, api_url=server.url, token=token))
        state = msgspec.structs.replace(config.state, backend="off")
        export = msgspec.structs.replace(config.export, show_messages="always")
        config = msgspec.structs.replace(config, clusters=tuple(clusters), state=state, export=export)

        async def advance(query: dict[str, str]) -> dict[str, Any]:
            count = query.get("n", "1")
            if not count.isascii() or not count.isdigit():
                raise ValueError(f"n is the number of beats, not `{count[:20]}`")
            return control.advance(int(count[:9]))

        telling = asyncio.create_task(control.run(), name="story")
        try:
            await app.export(
                config, clock=story.clock, outside=False, posts={ADVANCE: advance}, started=greet
            )
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)


async def greet(url: str) -> None:
    """Tell where to look."""
    sys.stdout.write(
        f"Backup Sentinel watches two simulated clusters. Look at it:\n\n"
        f"  {url}/           what needs a look first\n"
        f"  {url}/metrics    what Prometheus scrapes\n\n"
        f"Let the story go on by hand:  curl -X POST {url}{ADVANCE}\n"
        f"End it with Ctrl+C.\n"
    )
    sys.stdout.flush()
