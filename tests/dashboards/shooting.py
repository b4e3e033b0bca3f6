"""Pictures of pages, by a browser without a window."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from support.process import lack


def shoot(text: str, directory: Path, height: int, width: int = 1590) -> Path:
    """Return the picture of a page. Without a browser the test is skipped, or fails where CI is "true"."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        lack("no Chromium is installed")
    page, picture = directory / "page.html", directory / "page.png"
    page.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--no-first-run",
            f"--user-data-dir={directory / 'profile'}",
            f"--window-size={width},{height}",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return picture
