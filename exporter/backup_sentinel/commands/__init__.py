"""The commands of the command line, one file each: `add` declares its arguments, `run` carries it out.

A command is added here, as one file, and nowhere else: its name on the command line is that of its module, with `-` for `_`.
"""

import argparse
import importlib
import pkgutil
from collections.abc import Sequence

from backup_sentinel import __version__

_SHARED = frozenset({"channel", "settings"})


def names() -> list[str]:
    """Return the names of all commands."""
    modules = [module.name for module in pkgutil.iter_modules(__path__) if module.name not in _SHARED]
    return sorted(name.replace("_", "-") for name in modules)


def parser(wanted: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command line; what it parses has the command's `run`.

    With `wanted` only those commands are there, so that one that serves need not hold what others import.
    """
    root = argparse.ArgumentParser(
        prog="backup-sentinel",
        description="Did last night's Kubernetes backups work, all of them, and if not, why?",
    )
    root.add_argument("--version", action="version", version=f"backup-sentinel {__version__}")
    choices = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in names() if wanted is None else wanted:
        module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
        text = (module.__doc__ or "").strip()
        command = choices.add_parser(name, help=text.splitlines()[0].rstrip("."), description=text)
        module.add(command)
        command.set_defaults(run=module.run)
    return root
