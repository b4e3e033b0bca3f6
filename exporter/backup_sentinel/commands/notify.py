"""Tell of failed, partial and overdue backups, and of their recovery, without Prometheus and Alertmanager."""

import argparse
import asyncio
import json
import sys

import msgspec

from backup_sentinel import app, direct, terminal
from backup_sentinel.clock import Clock
from backup_sentinel.config import Config
from backup_sentinel.duration import DurationError, long_duration
from backup_sentinel.errors import SentinelError
from backup_sentinel.export.overview import words
from backup_sentinel.notify.environment import lookback
from backup_sentinel.notify.record import Record
from backup_sentinel.notify.shelf import Shelf
from backup_sentinel.terminal import Cell, Column

from .settings import add_common, load_config, read_config

_COLUMNS = (Column("ID", least=24), Column("SENT"), Column("CHANNELS", drop=1))
_EPILOG = """\
Without --once it looks until it is told to end, keeps what is to be sent in the outbox of `relay.outbox`, and serves what
the exporter serves. With --once it looks once, sends, waits for the answers, and notes what was sent: for a CronJob.
Messages go to `relay.channels`, and to a channel `mail` where SMTP_HOST is set (with SMTP_PORT, SMTP_USER, SMTP_PASSWORD,
ALERT_FROM, ALERT_TO, ALERT_SUBJECT_PREFIX). The same failure is told at most once per UTC day.

The exit code of --once is 0 if every cluster was read and everything was sent, or there was nothing to send; 1 if a cluster
could not be read or a channel did not take a message: the next run makes up for it; 2 if something is wrong with the
configuration or with the record of what was sent. `sent clear` gives 1 if an id that was named is not there.

examples:
  backup-sentinel notify --once --lookback 2h --config config.yaml
  backup-sentinel notify sent list --config config.yaml
  backup-sentinel notify sent clear prod-eu:run-x7k2p:2026-03-05 --config config.yaml
"""


class NotifyError(SentinelError):
    """What was asked for cannot be done; the text says why."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=True)
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "what", nargs="?", choices=("sent",), help="sent: look at the record of what was sent, or clear it"
    )
    parser.add_argument("action", nargs="?", choices=("list", "clear"), help="what to do with the record")
    parser.add_argument("ids", nargs="*", metavar="ID", help="entries of the record (clear)")
    parser.add_argument("--all", action="store_true", help="every entry of the record (clear)")
    parser.add_argument("--once", action="store_true", help="look once, send, and end")
    parser.add_argument(
        "--lookback",
        metavar="DURATION",
        help="tell of runs that ended within it, such as 2h or 3d (default: notify.lookback, LOOKBACK_HOURS, or 2h); "
        "it reaches back to the last complete look if that was earlier",
    )
    parser.add_argument(
        "-o", "--output", choices=("table", "json"), default="table", help="for people or for programs (list)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal, look once, or show or clear the record. Raises SentinelError for what is wrong at start."""
    _check(arguments)
    config = with_lookback(load_config(arguments), arguments.lookback)
    if arguments.what:
        return asyncio.run(_sent(config, arguments))
    if arguments.once:
        return 0 if app.run(direct.once(config)) else 1
    app.run(
        direct.watch(
            config, arguments.config, read=lambda: with_lookback(read_config(arguments), arguments.lookback)
        )
    )
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if arguments.lookback is not None:
        try:
            known = long_duration(arguments.lookback)
        except DurationError as error:
            raise NotifyError(f"--lookback: {error}") from None
        if known <= 0:
            raise NotifyError("--lookback: must be above zero")
    if not arguments.what:
        if arguments.all:
            raise NotifyError("--all goes with `sent clear`")
        return
    if not arguments.action:
        raise NotifyError("sent what? Give list or clear")
    if arguments.once or arguments.lookback:
        raise NotifyError("--once and --lookback do not go with `sent`")
    if arguments.action == "clear" and bool(arguments.ids) is arguments.all:
        raise NotifyError("clear which? Give ids or --all")
    if arguments.action == "list" and (arguments.ids or arguments.all):
        raise NotifyError("`sent list` lists everything")


def with_lookback(config: Config, flag: str | None) -> Config:
    """Let the flag win over the configuration, and that over LOOKBACK_HOURS. Raises SettingError."""
    text = flag or config.notify.lookback or lookback()
    if text is None:
        return config
    return msgspec.structs.replace(config, notify=msgspec.structs.replace(config.notify, lookback=text))


async def _sent(config: Config, arguments: argparse.Namespace) -> int:
    shelf = direct.record_of(config, Clock())
    try:
        if arguments.action == "list":
            sys.stdout.write(_listed(await shelf.load(), arguments.output))
            return 0
        cleared = await _clear(shelf, arguments.ids)
    finally:
        await shelf.close()
    sys.stdout.write(f"cleared: {len(cleared)}\n")
    unknown = [identity for identity in arguments.ids if identity not in cleared]
    sys.stderr.write("".join(f"backup-sentinel: {identity}: no such entry\n" for identity in unknown))
    return 1 if unknown else 0


async def _clear(shelf: Shelf, identities: list[str]) -> list[str]:
    """Clear entries, all of them where none is named; return those that were there."""
    cleared: list[str] = []

    def change(record: Record) -> None:
        cleared[:] = record.clear(identities or [*record.sent, *record.partly])

    await shelf.edit(change)
    return cleared


def _listed(record: Record, form: str) -> str:
    if form == "json":
        return json.dumps({key: json.loads(text) for key, text in record.texts().items()}, indent=2) + "\n"
    sent = sorted(record.sent.items(), key=lambda entry: (-entry[1], entry[0]))
    rows = [(identity, words.instant(at), "all") for identity, at in sent]
    rows += [(identity, "", ", ".join(names)) for identity, names in sorted(record.partly.items())]
    if not rows:
        return "Nothing was sent in the last seven days.\n"
    cells = [[Cell(words.plain(text)) for text in row] for row in rows]
    width = terminal.width_of(sys.stdout)
    color = terminal.wants_color("auto", sys.stdout)
    return "".join(f"{line}\n" for line in terminal.layout(_COLUMNS, cells, width=width, color=color))
