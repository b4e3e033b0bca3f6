"""Measure, and write the table. Usage: python -m benchmarks [--size N] [PART ...]."""

from __future__ import annotations

import argparse
import json
import time
from importlib import import_module
from pathlib import Path

from benchmarks.machine import description
from benchmarks.parts.row import Row
from benchmarks.subjects import WORK

PARTS = {
    "sync": "First sync against a pager that discards the bodies (real API server)",
    "peer": "Beside kube-state-metrics with custom-resource-state (real API server)",
    "scrape": "Scrapes during endless relists and 1,000 watch events a second (simulated servers)",
    "fleet": "Many clusters in one process (simulated servers)",
    "million": "Ten times as many Backups in one process (simulated server)",
    "relay": "The relay on the same disk as bare transactions of SQLite (real receivers)",
}
COUNTED = {"relay": "messages"}
"""What `--size` is the number of; Backups elsewhere."""
RESULTS = Path(__file__).with_name("RESULTS.md")
KEPT = WORK / "results.json"
MARK = "<!-- below this line: written by make bench -->\n"


def main() -> None:
    """Measure the parts asked for and keep the others as they were."""
    parser = argparse.ArgumentParser(description="Measure the exporter and the relay.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument(
        "--size", type=int, default=10_000, help="number of Backups or messages (default: 10000)"
    )
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    WORK.mkdir(parents=True, exist_ok=True)
    known = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for part in options.parts or PARTS:
        rows: list[Row] = import_module(f"benchmarks.parts.{part}").run(options.size)
        day = time.strftime("%Y-%m-%d", time.gmtime())
        known[f"{part} {options.size}"] = {"day": day, "machine": description(), "rows": rows}
        print("\n".join(_section(part, options.size, day, rows)))
        KEPT.write_text(json.dumps(known))
        _write(known)


def _write(known: dict[str, dict[str, object]]) -> None:
    """Write the tables below what people wrote about them."""
    lines = []
    for part in PARTS:
        for key, found in known.items():
            name, size = key.split()
            if name == part:
                rows = [Row(*row) for row in found["rows"]]  # type: ignore[attr-defined]
                lines += _section(part, int(size), str(found["day"]), rows)
                lines += [f"On {found['machine']}.", ""]
    before = RESULTS.read_text().partition(MARK)[0] if RESULTS.exists() else "# Results\n\n"
    RESULTS.write_text(before + MARK + "\n" + "\n".join(lines))


def _section(part: str, size: int, day: str, rows: list[Row]) -> list[str]:
    return [
        f"## {PARTS[part]}: {size:,} {COUNTED.get(part, 'Backups')}, {day}",
        "",
        "| what | value | unit | goal |",
        "| --- | ---: | --- | --- |",
        *(f"| {row.what} | {row.text} | {row.unit} | {row.wanted} |" for row in rows),
        "",
    ]


if __name__ == "__main__":
    main()
