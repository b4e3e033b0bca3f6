"""A real Alertmanager, where one is installed: it is told alerts as Prometheus would tell it, and calls the relay."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import yaml

from backup_sentinel.errors import SentinelError
from backup_sentinel.relay.message import Alert
from backup_sentinel.serving import address, bind

from .sender import GROUP_BY, Post, resolved, stamp

NAMES = ("alertmanager", "prometheus-alertmanager")
"""What the program is called; the second is Debian's name."""
LASTS = 60.0
"""Seconds after which Alertmanager takes an alert for over that it is not told again."""
START_SECONDS, STOP_SECONDS, LOOK_SECONDS = 20.0, 5.0, 0.1


class AlertmanagerError(SentinelError):
    """The Alertmanager that is installed does not come up."""


def installed() -> str | None:
    """Return the path of an Alertmanager; None where none is installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Alertmanager:
    """A process with its files in a folder; `async with` starts and ends it."""

    def __init__(self, program: str, folder: Path, relay: str) -> None:
        """`relay` is the URL of the relay."""
        self._program = program
        self._folder = folder
        self._relay = relay
        self._process: asyncio.subprocess.Process | None = None
        self._post: Post | None = None
        self._known: dict[str, Alert] = {}
        self.url = ""

    async def __aenter__(self) -> Self:
        """Start it and wait until it answers. Raises AlertmanagerError."""
        socket = bind("127.0.0.1:0")
        self.url = address(socket)
        socket.close()
        config = self._folder / "alertmanager.yaml"
        config.write_text(yaml.safe_dump(self._config(), sort_keys=False), encoding="utf-8")
        with (self._folder / "alertmanager.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._program,
                f"--config.file={config}",
                f"--storage.path={self._folder / 'alertmanager'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
                "--cluster.listen-address=",
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._post = Post(f"{self.url}/api/v2/alerts")
        try:
            await self._answers()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._post is not None:
            await self._post.close()
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def tell(self, firing: Mapping[str, Alert]) -> None:
        """Tell it all that fires, and what has ended since."""
        if self._post is None:
            return
        over = [resolved(one) for name, one in self._known.items() if name not in firing]
        until = stamp(time.time() + LASTS)
        body = [
            {
                "labels": one.labels,
                "annotations": one.annotations,
                "startsAt": one.starts_at,
                "endsAt": one.ends_at or until,
            }
            for one in (*firing.values(), *over)
        ]
        if body and await self._post.send(body):
            self._known = dict(firing)

    def _config(self) -> dict[str, object]:
        route = {
            "receiver": "relay",
            "group_by": list(GROUP_BY),
            "group_wait": "2s",
            "group_interval": "10s",
            "repeat_interval": "4h",
        }
        webhook = {"url": f"{self._relay}/alertmanager", "send_resolved": True}
        return {"route": route, "receivers": [{"name": "relay", "webhook_configs": [webhook]}]}

    async def _answers(self) -> None:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        try:
            async with asyncio.timeout(START_SECONDS):
                while self._process is not None and self._process.returncode is None:
                    try:
                        _, writer = await asyncio.open_connection(host, int(port))
                    except OSError:
                        await asyncio.sleep(LOOK_SECONDS)
                        continue
                    writer.close()
                    return
        except TimeoutError:
            pass
        log = (self._folder / "alertmanager.log").read_text(encoding="utf-8", errors="replace").splitlines()
        raise AlertmanagerError(f"{self._program} does not answer: {log[-1] if log else 'it says nothing'}")
