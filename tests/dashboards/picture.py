"""Draws the pictures of dashboards/images: PYTHONPATH=tests .venv/bin/python -m dashboards.picture

The demo runs for some minutes, a Prometheus scrapes it, and the daily overview is drawn from what it answers.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from dashboards.drawing import height, page
from dashboards.reading import FOLDER, board
from dashboards.serving import Source
from dashboards.shooting import shoot
from support.exporter import Exporter
from support.prometheus import Prometheus

SECONDS = 150
PICTURES = {"grafana-daily-backup-overview.json": "daily-backup-overview.png"}


def main() -> None:
    """Write the pictures."""
    arguments = ("demo", "--listen", "127.0.0.1:0", "--log-level", "info", "--tick", "2s")
    settings = {"global": {"scrape_interval": "1s"}}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with Exporter(root / "demo", {}, arguments=arguments) as demo:
            demo.wait_ready()
            target = {"targets": [demo.url.removeprefix("http://").strip("/")]}
            job = {"job_name": "backup-sentinel", "static_configs": [target]}
            with Prometheus(root / "prometheus", [job], settings=settings) as prometheus:
                time.sleep(SECONDS)
                for file, name in PICTURES.items():
                    dashboard = board(FOLDER / file)
                    text = page(dashboard, Source(prometheus.url, dashboard, seconds=SECONDS))
                    made = shoot(text, root, height(dashboard))
                    shutil.copyfile(made, FOLDER / "images" / name)


if __name__ == "__main__":
    main()
