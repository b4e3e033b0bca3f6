"""The command line. Commands are the modules of `commands`; what goes wrong on purpose is one line, not a traceback."""

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType

from . import __version__, commands
from .errors import SentinelError

NOT_COMMANDS = frozenset({"settings"})


def discover() -> dict[str, ModuleType]:
    """Return the modules of all commands by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))
    return {
        name: importlib.import_module(f"{commands.__name__}.{name}")
        for name in names
        if name not in NOT_COMMANDS
    }


def parser(known: dict[str, ModuleType]) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(
        prog="backup-sentinel",
        description="Did last night's Kubernetes backups work, all of them, and if not, why?",
    )
    root.add_argument("--version", action="version", version=f"backup-sentinel {__version__}")
    choices = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in known.items():
        summary = (module.__doc__ or "").strip()
        command = choices.add_parser(name, help=summary.splitlines()[0].rstrip("."), description=summary)
        module.add(command)
        command.set_defaults(run=module.run)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0 fine, 2 for wrong usage, configuration or surroundings."""
    parsed = parser(discover()).parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
    except SentinelError as error:
        print(f"backup-sentinel: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    return code
