"""Take alerts from Alertmanager, keep them on disk, and deliver them to channels."""

import argparse

import msgspec

from backup_sentinel import app
from backup_sentinel.config import WebSettings

from .settings import add_common, load_config

PORT = 9951


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=True, port=PORT)


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal; return the exit code. Raises SentinelError for what is wrong at start."""
    config = load_config(arguments)
    if config.web.listen == WebSettings().listen and not arguments.listen:
        config = msgspec.structs.replace(config, web=msgspec.structs.replace(config.web, listen=f":{PORT}"))
    app.run(app.relay(config))
    return 0
