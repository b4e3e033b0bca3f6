"""Watch clusters and serve what they tell as metrics."""

import argparse

from backup_sentinel import app

from .settings import add_common, load_config


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=True)


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal; return the exit code. Raises DocumentError, ListenError."""
    app.run(app.export(load_config(arguments)))
    return 0
