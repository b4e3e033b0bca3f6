"""A headless Chromium, told what to do by the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp

from .process import Process, lack

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--lang=en",
    "--no-first-run",
    "--remote-debugging-port=0",
)
PATIENCE = 60.0


def chromium() -> str:
    """Return the program; the test is skipped without one, and fails where CI asks for it."""
    found = [
        path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))
    ]
    return found[0] if found else lack("no Chromium is installed")


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.console: list[str] = []
        """What the page complained of, violations of its own security policy included."""
        self._loads = 0
        self.requests: list[str] = []
        """Addresses that were asked for."""

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method and return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await self._until(lambda told: told.get("id") == number)

    async def open(
        self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False, phone: bool = False
    ) -> None:
        """Open a page and wait until it is there."""
        await self.call("Page.enable")
        await self.call("Log.enable")
        await self.call("Runtime.enable")
        await self.call("Network.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", media="screen", features=[scheme])
        self.console.clear()
        self.requests.clear()
        before = self._loads
        await self.call("Page.navigate", url=url)
        await self._loaded(before)

    async def evaluate(self, script: str) -> Any:
        """Return the value of an expression, awaited if it is a promise; errors of the script are AssertionErrors."""
        told = await self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def follow(self, script: str) -> None:
        """Evaluate what leads to another page, and wait until it is there."""
        before = self._loads
        await self.evaluate(script)
        await self._loaded(before)

    async def text(self) -> str:
        """Return what can be read."""
        return str(await self.evaluate("document.body.innerText"))

    async def shoot(self, path: Path, *, whole: bool = True) -> None:
        """Write a picture, of the whole page or of what is on the screen."""
        told = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    async def _loaded(self, before: int) -> None:
        if self._loads == before:
            await self._until(lambda _: self._loads > before)

    async def _until(self, wanted: Any) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            async for message in self._socket:
                told: dict[str, Any] = json.loads(message.data)
                self._note(told)
                if wanted(told):
                    assert "error" not in told, told
                    return told.get("result") or {}
        raise AssertionError("the browser has gone")

    def _note(self, told: dict[str, Any]) -> None:
        parameters = told.get("params") or {}
        match told.get("method"):
            case "Page.loadEventFired":
                self._loads += 1
            case "Log.entryAdded":
                self.console.append(parameters["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.console.append(json.dumps(parameters["exceptionDetails"]))
            case "Page.javascriptDialogOpening":
                self.console.append(f"dialog: {parameters['message']}")
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])


def _told(file: Path) -> Callable[[], str | None]:
    """Return what reads the port that Chromium wrote, None until it has."""
    return lambda: next(iter(file.read_text().splitlines()), None) if file.exists() else None


@contextlib.asynccontextmanager
async def browse(folder: Path) -> AsyncIterator[Page]:
    """Run a browser, with its profile in a folder, and open a tab."""
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "DevToolsActivePort"
    told.unlink(missing_ok=True)
    process = Process([chromium(), *FLAGS, f"--user-data-dir={folder}", "about:blank"], folder / "log")
    try:
        port = await asyncio.to_thread(process.wait_until, _told(told), "Chromium listens", PATIENCE)
        async with aiohttp.ClientSession() as session:
            async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
                target = await answer.json()
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        process.kill()
