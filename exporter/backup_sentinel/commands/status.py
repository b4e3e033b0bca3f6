"""Show the state of every schedule as a table; the exit code tells whether something needs a look."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import get_args
from urllib.parse import quote

import msgspec

from backup_sentinel import app, terminal
from backup_sentinel.export.overview import LABELS, PROBLEM, Choice, Overview, ScheduleRow, State, words
from backup_sentinel.export.overview.client import Credentials, ask
from backup_sentinel.terminal import Cell, Column

from .settings import add_common, load_config

EXIT_CODES = {State.OK: 0, State.PAUSED: 0, State.WARNING: 1, State.CRITICAL: 2}

_FILTERS = ("cluster", "operator", "namespace", "schedule", "action", "state")
_PAINT = {State.CRITICAL: "red", State.WARNING: "yellow", State.OK: "green", State.PAUSED: "dim"}

_COLUMNS = (
    Column("STATE"),
    Column("CLUSTER", least=6, ease=8, ends=True),
    Column("OPERATOR", least=6, drop=6, ease=8),
    Column("NAMESPACE", least=8, drop=3, ease=10, ends=True),
    Column("SCHEDULE", least=12, ease=18, ends=True),
    Column("ACTION", drop=5),
    Column("LAST SUCCESS", drop=8),
    Column("AGE", drop=1),
    Column("NEXT RUN", drop=4),
    Column("OUTCOME", drop=7),
    Column("WHY", least=8, ease=20),
)
_MORE = (
    Column("TARGET", least=8),
    Column("LOCATION", least=8),
    Column("CRON", least=8),
    Column("RUNNING"),
    Column("RESTORABLE"),
    Column("SIZE"),
    Column("NEWEST RUN", least=12),
    Column("MESSAGE", least=16),
)

_EPILOG = """\
The exit code is 0 if all is well (paused schedules included), 1 for warnings, 2 for what is critical or cannot be seen.
A storage location that is not available is critical, a repository that is not ready a warning. It is 2 as well where
no schedule is found that was asked for by name. --state chooses what is shown, and changes no exit code.
Colour is used on a terminal; NO_COLOR and FORCE_COLOR are heeded.

examples:
  backup-sentinel status                                     the cluster of the current context
  backup-sentinel status --state problem -o wide             what needs a look, with the operator's own words
  backup-sentinel status --url https://sentinel.example.org --ca-file ca.crt --user sre --password-file password
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=False, log_format="text")
    parser.set_defaults(log_level="error")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "wide", "name", "json"),
        default="table",
        help="table fits the terminal, wide shows all columns in full, name prints CLUSTER/OPERATOR/NAMESPACE/SCHEDULE/"
        "ACTION[/TARGET] (default: table)",
    )
    parser.add_argument(
        "--color",
        choices=get_args(terminal.ColorChoice),
        default="auto",
        help="paint states (default: auto, on a terminal)",
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="how long to wait (default: 30)"
    )
    chosen = parser.add_argument_group("which schedules (each may be given several times)")
    for name in _FILTERS:
        chosen.add_argument(
            *(("-n", "--namespace") if name == "namespace" else (f"--{name}",)),
            action="append",
            default=[],
            metavar=name.upper(),
            help=f"{', '.join([*State, PROBLEM])}; the last means warning and critical"
            if name == "state"
            else None,
        )
    remote = parser.add_argument_group("ask a running exporter instead of the clusters")
    remote.add_argument("--url", help="for example http://localhost:9950")
    remote.add_argument("--ca-file", metavar="FILE", help="certificate authorities to trust (PEM)")
    remote.add_argument("--user", help="name of a user of its web configuration")
    remote.add_argument("--password-file", metavar="FILE", help="file of the user's password")
    remote.add_argument(
        "--token-file", metavar="FILE", help="file of a bearer token, for a proxy in front of it"
    )
    remote.add_argument("--client-certificate", metavar="FILE", help="client certificate (PEM)")
    remote.add_argument("--client-key", metavar="FILE", help="its key (PEM), if it is in another file")


def run(arguments: argparse.Namespace) -> int:
    """Print the table; return 0 if all is well, 1 for warnings, 2 for what is critical or cannot be seen.

    Raises ChoiceError, ClientError, DocumentError, SettingError.
    """
    parameters = [
        ("resource_namespace" if name == "namespace" else name, value)
        for name in _FILTERS
        if name != "state"
        for value in getattr(arguments, name)
    ]
    shown = Choice.parse([("state", value) for value in arguments.state])
    choice = Choice.parse(parameters)
    if arguments.url:
        credentials = Credentials(
            **{name: getattr(arguments, name) for name in Credentials.__struct_fields__}
        )
        overview = ask(arguments.url, parameters, credentials, timeout=arguments.timeout)
    else:
        overview = app.run(app.look(load_config(arguments), choice, patience=arguments.timeout))
    rows = tuple(row for row in overview.schedules if shown.takes_state(row.state))
    told = msgspec.structs.replace(overview, total=len(rows), schedules=rows)
    sys.stdout.write(_written(told, arguments.output, arguments.color))
    if parameters and not overview.schedules:
        sys.stderr.write("backup-sentinel: nothing has the labels that were asked for\n")
        return 2
    return EXIT_CODES[overview.state]


def _written(overview: Overview, form: str, color: terminal.ColorChoice) -> str:
    if form == "json":  # ASCII only, so that no text can command a terminal
        return json.dumps(msgspec.to_builtins(overview), indent=2) + "\n"
    if form == "name":
        return "".join(f"{identity(row)}\n" for row in overview.schedules)
    width = terminal.width_of(sys.stdout) if form == "table" else None
    return table(overview, width=width, color=terminal.wants_color(color, sys.stdout), wide=form == "wide")


def identity(row: ScheduleRow) -> str:
    """Return the labels of a schedule as one word; a slash inside of one is written `%2F`."""
    parts = [getattr(row, label) for label in LABELS]
    if not row.target:
        parts.pop()
    return "/".join(
        quote(part, safe=" !$&'()*+,;=:@", errors="replace").replace(" ", "%20") for part in parts
    )


def table(overview: Overview, *, width: int | None, color: bool, wide: bool = False) -> str:
    """Return the overview as aligned columns, worst first, and what cannot be seen below."""
    columns = (*_COLUMNS, *_MORE) if wide else _COLUMNS
    rows = [_cells(row, overview.time, wide=wide) for row in overview.schedules]
    lines = terminal.layout(columns, rows, width=width, color=color) if rows else ["No schedules found."]
    for cluster in overview.clusters:
        name = words.plain(cluster.title)
        if cluster.up is False:
            text = f"{name} does not answer; last contact {words.when(cluster.last_contact, overview.time)}"
            lines.append(terminal.paint(text, "red", color=color))
        elif cluster.bare:
            lines.append(f"{name}: nothing of any operator that is known is installed")
        for error, resources in cluster.troubles().items():
            lines.append(words.plain(f"{name}: {words.few(resources)}: {error}"))
    lines += [terminal.paint(words.plain(line), style, color=color) for style, line in _places(overview)]
    return "".join(f"{line}\n" for line in lines)


def _places(overview: Overview) -> Iterator[tuple[str, str]]:
    """Yield what storage cannot be used, each with its colour."""
    titles = {cluster.cluster: cluster.title for cluster in overview.clusters}
    for place in overview.locations:
        what = f"is not available ({place.reason})" if place.exists else "does not exist"
        where = titles.get(place.cluster, place.cluster)
        yield "red", f"{where}: location {place.location} in {place.resource_namespace} {what}"
    for repository in overview.repositories:
        where = titles.get(repository.cluster, repository.cluster)
        yield (
            "yellow",
            f"{where}: repository {repository.repository} in {repository.resource_namespace} is not ready",
        )
    told = len(overview.locations) + len(overview.repositories)
    if more := overview.locations_unavailable + overview.repositories_unready - told:
        yield "", f"and {more} more locations or repositories that cannot be used"


def _cells(row: ScheduleRow, now: float, *, wide: bool) -> list[Cell]:
    outcome = str(row.newest.outcome) if row.newest else ""
    cells = [
        Cell(row.state, _PAINT[row.state]),
        Cell(row.cluster),
        Cell(row.operator),
        Cell(row.resource_namespace),
        Cell(_name(row, wide=wide)),
        Cell(row.action),
        Cell(words.when(row.last_success, now)),
        Cell(_age(row, now)),
        Cell("paused" if row.paused else words.owed(row.next_due, now)),
        Cell(outcome),
        Cell("; ".join([*([row.reason] if row.reason else []), *row.why])),
    ]
    if wide:
        cells += [
            Cell(row.target),
            Cell(row.location or ""),
            Cell(row.cron or ""),
            Cell(str(row.running) if row.running else ""),
            Cell("" if row.restorable is None else str(row.restorable)),
            Cell(words.size(row.size) if row.size is not None else ""),
            Cell(row.newest.name if row.newest else ""),
            Cell((row.newest.message or "") if row.newest else ""),
        ]
    return [cell._replace(text=words.plain(cell.text)) for cell in cells]


def _name(row: ScheduleRow, *, wide: bool) -> str:
    name = row.schedule or ("(restores)" if row.action == "restore" else "(ad hoc)")
    return f"{name} / {row.target}" if row.target and not wide else name


def _age(row: ScheduleRow, now: float) -> str:
    if row.last_recovery_point is None or row.action == "restore":
        return ""
    aged = words.span(now - row.last_recovery_point)
    return f"{aged} of {words.span(row.promise)}" if row.promise is not None and row.promise > 0 else aged
