"""Run the whole product on this machine, with simulated clusters whose backups fail and recover."""

import argparse
import asyncio
import contextlib
import logging
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from backup_sentinel import app
from backup_sentinel import config as configuration
from backup_sentinel.config import Config, WebSettings
from backup_sentinel.demo.control import Control
from backup_sentinel.demo.receivers import CHAT, Alertmanager, Direct, Inbox, Sender, find_alerts, installed
from backup_sentinel.demo.story import Story
from backup_sentinel.demo.storyfile import load_story
from backup_sentinel.errors import SentinelError
from backup_sentinel.export.overview.client import ClientError, Credentials, ask
from backup_sentinel.kube.settings import ClusterSettings

from .settings import add_common, load_config

ADVANCE = "/api/v1/test/generate-mock-data"
LOOK_SECONDS = 2.0
"""How often it is looked what fires."""

_log = logging.getLogger("backup_sentinel.demo")


class DemoError(SentinelError):
    """What was asked for does not go together."""


class Chain(msgspec.Struct, frozen=True):
    """A relay with what stands before and behind it."""

    sender: Sender
    text: str
    """For people: where to look."""


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
    parser.add_argument(
        "--relay",
        action="store_true",
        help="run a relay as well, with a mail box and a chat room that alerts arrive in; relay settings of FILE do not count",
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
    app.run(play(Story(file), config, relay=arguments.relay))
    return 0


async def play(story: Story, config: Config, *, relay: bool = False) -> None:
    """Serve the story's clusters, watch them with the real exporter, and let the story go on."""
    async with contextlib.AsyncExitStack() as stack:
        control = await stack.enter_async_context(Control(story))
        chain = await stack.enter_async_context(relaying(config.web)) if relay else None
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

        tasks = [asyncio.create_task(control.run(), name="story")]

        async def started(url: str) -> None:
            greet(url, len(clusters), chain.text if chain is not None else "")
            if chain is not None:
                tasks.append(asyncio.create_task(report(url, chain.sender), name="alerts"))

        try:
            await app.export(
                config, clock=story.clock, outside=False, posts={ADVANCE: advance}, started=started
            )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def relaying(web: WebSettings) -> AsyncIterator[Chain]:
    """Run a relay between an Alertmanager, where one is installed, and an inbox. Raises DemoError, ListenError."""
    if web.config_file:
        raise DemoError("--relay is for a demo without `web.config_file`: nothing in it shows a password")
    with tempfile.TemporaryDirectory(prefix="backup-sentinel-demo-") as name:
        folder = Path(name)
        async with Inbox(folder / "mail", beside(web.listen, 2)) as inbox:
            file = folder / "relay.yaml"
            file.write_text(yaml.safe_dump(settings(folder, inbox, web.listen), sort_keys=False))
            listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            async def started(url: str) -> None:
                listening.set_result(url)

            running = asyncio.create_task(
                app.relay(configuration.load(str(file)), started=started), name="relay"
            )
            try:
                either: list[asyncio.Future[Any]] = [running, listening]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not listening.done():
                    running.result()
                    raise DemoError("the relay has ended before it listened")
                url, program = listening.result(), installed()
                async with Alertmanager(program, folder, url) if program else Direct(url) as sender:
                    yield Chain(sender, describe(sender, url, inbox, file))
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


def settings(folder: Path, inbox: Inbox, exporter: str) -> dict[str, Any]:
    """Return the configuration of the relay, as it could stand in a file of one's own; `exporter` is where that listens."""
    mail = {
        "type": "email",
        "name": "mail",
        "host": "127.0.0.1",
        "port": inbox.mail.port,
        "encryption": "none",
        "from": "Backup Sentinel <backups@demo.example.org>",
        "to": ["operators@demo.example.org"],
    }
    chat = {"type": "webhook", "name": "chat", "style": "slack", "url": f"{inbox.url}{CHAT}"}
    links = {"type": "links"}
    if exporter != beside(exporter, 1):  # otherwise its port is not known yet
        host, _, port = exporter.rpartition(":")
        links["status_page"] = f"http://{host or 'localhost'}:{port}"
    return {
        "web": {"listen": beside(exporter, 1)},
        "relay": {
            "outbox": {"path": str(folder / "relay.db")},
            "admin": {"tokens": [{"token": secrets.token_urlsafe(16)}]},
            "enrichers": [links],
            "channels": [mail, chat],
        },
    }


def beside(listen: str, distance: int) -> str:
    """Return the address of a neighbour: the same host, a later port; any free one where any was asked for."""
    host, _, port = listen.rpartition(":")
    return f"{host}:{int(port) + distance if port.isdigit() and int(port) else port}"


async def report(url: str, sender: Sender) -> None:
    """Tell a sender again and again what fires, as soon as all clusters were read; cancel to end."""
    while True:
        try:
            overview = await asyncio.to_thread(ask, url, (), Credentials(), timeout=10)
        except ClientError as error:
            _log.warning("cannot see what fires", extra={"error": str(error)})
        else:
            if not any(cluster.waiting for cluster in overview.clusters):
                await sender.tell(find_alerts(overview))
        await asyncio.sleep(LOOK_SECONDS)


def describe(sender: Sender, url: str, inbox: Inbox, file: Path) -> str:
    """Return where to look at the relay and what it delivers."""
    if isinstance(sender, Alertmanager):
        way = f"A real Alertmanager passes on what fires:  {sender.url}/"
    else:
        way = "No Alertmanager is installed: the demo itself posts what fires to the relay, in the same form."
    return (
        f"  {inbox.url}/           the mail box and the chat room that alerts arrive in\n"
        f"  {url}/metrics    what Prometheus scrapes of the relay\n\n"
        f"{way}\n"
        f"Ask the relay:  backup-sentinel deadletters list --config {file}\n"
    )


def greet(url: str, clusters: int, relay: str) -> None:
    """Tell where to look."""
    sys.stdout.write(
        f"Backup Sentinel watches {clusters} simulated clusters. Look at it:\n\n"
        f"  {url}/           what needs a look first\n"
        f"  {url}/metrics    what Prometheus scrapes\n{relay}\n"
        f"Let the story go on by hand:  curl -X POST {url}{ADVANCE}\n"
        f"End it with Ctrl+C.\n"
    )
    sys.stdout.flush()
