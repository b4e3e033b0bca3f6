"""Show the state of every schedule as a table; the exit code tells whether something needs a look."""

import argparse
import http.client
import json
import sys
import time
import urllib.request

import msgspec

from backup_sentinel import app
from backup_sentinel.errors import SentinelError
from backup_sentinel.export.overview import Overview, State
from backup_sentinel.export.web.page import when

from .settings import add_common, load_config

EXIT_CODES = {State.OK: 0, State.PAUSED: 0, State.WARNING: 1, State.CRITICAL: 2}

COLUMNS = (
    "STATE",
    "CLUSTER",
    "OPERATOR",
    "NAMESPACE",
    "SCHEDULE",
    "ACTION",
    "LAST SUCCESS",
    "NEXT RUN",
    "OUTCOME",
    "WHY",
)


class StatusError(SentinelError):
    """The exporter did not answer as expected."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=False, log_format="text")
    parser.set_defaults(log_level="error")
    parser.add_argument(
        "--url", help="ask a running exporter, for example http://localhost:9950, instead of the clusters"
    )
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="(default: table)")
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="how long to wait (default: 30)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the table; return 0 if all is well, 1 for warnings, 2 for what is critical or cannot be seen."""
    if arguments.url:
        overview = ask(arguments.url, arguments.timeout)
    else:
        overview = app.run(app.look(load_config(arguments), patience=arguments.timeout))
    if arguments.output == "json":
        json.dump(msgspec.to_builtins(overview), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(table(overview))
    return EXIT_CODES[overview.state]


def ask(url: str, timeout: float) -> Overview:
    """Get the overview of a running exporter. Raises StatusError."""
    target = f"{url.rstrip('/')}/api/v1/schedules"
    if not target.startswith(("http://", "https://")):
        raise StatusError(f"`{url}` is no URL; write for example http://localhost:9950")
    try:
        with urllib.request.urlopen(target, timeout=timeout) as answer:  # noqa: S310 - checked above
            return msgspec.json.decode(answer.read(), type=Overview)
    except (OSError, ValueError, http.client.HTTPException, msgspec.MsgspecError) as error:
        raise StatusError(f"{_bare(target)} did not answer with an overview: {error}") from error


def _bare(url: str) -> str:
    """Return a URL without user and password."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def table(overview: Overview) -> str:
    """Return the overview as aligned columns, worst first; a column that is empty throughout is left out."""
    rows = [
        (
            row.state,
            row.cluster,
            row.operator,
            row.namespace,
            row.schedule or "(ad hoc)",
            row.action,
            when(row.last_success, overview.time),
            "paused" if row.paused else when(row.next_due, overview.time) if row.next_due is not None else "",
            row.newest_outcome or "",
            "; ".join([*row.why, *([row.newest_reason] if row.newest_reason else [])]),
        )
        for row in overview.schedules
    ]
    kept = [index for index in range(len(COLUMNS)) if any(row[index] for row in rows) or index == 0]
    lines = [tuple(str(line[index]) for index in kept) for line in (COLUMNS, *rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(kept))]
    text = "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )
    if not rows:
        text = "No schedules found.\n"
    for cluster in overview.clusters:
        name = cluster.cluster or "the cluster"
        if cluster.up is False:
            text += f"{name} does not answer; last contact {when(cluster.last_contact, time.time())}\n"
        for error, resources in cluster.troubles().items():
            text += f"{name}: {', '.join(resources)}: {error}\n"
    return text
