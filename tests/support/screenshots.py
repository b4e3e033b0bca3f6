"""Take the pictures of the README from the demo: python -m support.screenshots FOLDER (with tests/ on the path).

The story begins at a fixed time and its clock stands still, so that the same source gives the same pages; pictures may
still differ by the fonts of the machine and the release of Chromium.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import urllib.request
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import yaml

from .browser import browse
from .exporter import Exporter
from .process import wait_until

START = "2026-03-02T09:12:00Z"
BILLING = {
    "cluster": "prod-eu",
    "operator": "velero",
    "resource_namespace": "velero",
    "schedule": "billing-daily",
    "action": "backup",
}


class Shot(NamedTuple):
    """One picture: a page and the screen it is seen on."""

    name: str
    path: str
    width: int
    height: int
    dark: bool = False
    phone: bool = False


SHOTS = (
    Shot("status", "/", 1280, 1240),
    Shot("status-dark", "/", 1280, 1240, dark=True),
    Shot("status-phone", "/?state=problem", 390, 1500, phone=True),
    Shot("schedule", f"/schedule?{urlencode(BILLING)}", 1280, 900),
    Shot("locations", "/locations", 1280, 980),
)
INBOX = Shot("inbox", "/", 1500, 940)


def story(folder: Path) -> Path:
    """Write the shipped story with a fixed start."""
    text = files("backup_sentinel.demo").joinpath("stories/fleet.yaml").read_text("utf-8")
    path = folder / "fleet.yaml"
    path.write_text(
        yaml.safe_dump({**yaml.safe_load(text), "start": START}, sort_keys=False), encoding="utf-8"
    )
    return path


async def shoot(url: str, folder: Path, profile: Path, shots: tuple[Shot, ...] = SHOTS) -> None:
    """Take pictures of a demo."""
    async with browse(profile) as page:
        for shot in shots:
            await page.open(
                url + shot.path, width=shot.width, height=shot.height, dark=shot.dark, phone=shot.phone
            )
            # What only the demo has is no part of the picture.
            await page.evaluate(
                "document.querySelectorAll('form[method=post]').forEach(form => form.remove())"
            )
            await page.shoot(folder / f"{shot.name}.png", whole=False)


def take(folder: Path) -> None:
    """Run the demo and take all pictures into a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        arguments = ("demo", "--relay", "--story", str(story(place)), "--log-level", "info")
        with Exporter(place, {}, arguments=arguments) as demo:
            demo.wait_ready()
            asyncio.run(shoot(demo.url, folder, place / "browser"))
            inbox = wait_until(lambda: full_inbox(demo), "alerts have arrived")
            asyncio.run(shoot(inbox, folder, place / "browser", (INBOX,)))


def full_inbox(demo: Exporter) -> str | None:
    """Return the address of the mail box and chat room of a demo, once an alert has arrived in both."""
    found = re.search(r"(http://\S+)/ +the mail box", demo.log.read_text(encoding="utf-8"))
    if found is None:
        return None
    with urllib.request.urlopen(found[1], timeout=10) as answer:
        return found[1] if answer.read().count(b"KubeBackupFailed (") >= 3 else None


if __name__ == "__main__":
    take(Path(sys.argv[1]))
