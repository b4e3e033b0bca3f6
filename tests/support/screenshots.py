"""Take the pictures of the README from the demo: python -m support.screenshots FOLDER (with tests/ on the path).

The story begins at a fixed time and its clock stands still, so that the same source gives the same pages; pictures may
still differ by the fonts of the machine and the release of Chromium.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import yaml

from .browser import browse
from .exporter import Exporter

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
    Shot("status-phone", "/?state=problem", 390, 1180, phone=True),
    Shot("schedule", f"/schedule?{urlencode(BILLING)}", 1280, 900),
)


def story(folder: Path) -> Path:
    """Write the shipped story with a fixed start."""
    text = files("backup_sentinel.demo").joinpath("stories/fleet.yaml").read_text("utf-8")
    path = folder / "fleet.yaml"
    path.write_text(
        yaml.safe_dump({**yaml.safe_load(text), "start": START}, sort_keys=False), encoding="utf-8"
    )
    return path


async def shoot(url: str, folder: Path, profile: Path) -> None:
    """Take all pictures of a demo."""
    async with browse(profile) as page:
        for shot in SHOTS:
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
        with Exporter(
            place, {}, arguments=("demo", "--story", str(story(place)), "--log-level", "info")
        ) as demo:
            demo.wait_ready()
            asyncio.run(shoot(demo.url, folder, place / "browser"))


if __name__ == "__main__":
    take(Path(sys.argv[1]))
