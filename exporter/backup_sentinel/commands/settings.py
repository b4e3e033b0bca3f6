"""Arguments that several commands share, and the configuration that follows from them."""

import argparse
from typing import get_args, get_type_hints

import msgspec

from backup_sentinel import config
from backup_sentinel.config import Config, LogSettings
from backup_sentinel.telemetry import set_up_logging


def add_common(
    parser: argparse.ArgumentParser, *, listen: bool, log_format: str | None = None, port: int = 9950
) -> None:
    """Declare `--config`, the log's arguments and, for commands that answer HTTP, `--listen`."""
    hints = get_type_hints(LogSettings)
    parser.add_argument("--config", metavar="FILE", help="configuration in YAML; the defaults need none")
    if listen:
        parser.add_argument("--listen", metavar="HOST:PORT", help=f"where to answer HTTP (default: :{port})")
    parser.add_argument(
        "--log-level", choices=get_args(hints["level"]), help="least level that is logged (default: info)"
    )
    parser.add_argument(
        "--log-format",
        choices=get_args(hints["format"]),
        default=log_format,
        help=f"for machines or for people (default: {log_format or 'json'})",
    )


def load_config(arguments: argparse.Namespace) -> Config:
    """Read the configuration, let flags win over it, and set up the log. Raises DocumentError."""
    config = read_config(arguments)
    set_up_logging(config.log.level, config.log.format)
    return config


def read_config(arguments: argparse.Namespace) -> Config:
    """Read the configuration and let flags win over it. Raises DocumentError."""
    known = config.load(arguments.config)
    log = msgspec.structs.replace(
        known.log,
        level=arguments.log_level or known.log.level,
        format=arguments.log_format or known.log.format,
    )
    web = known.web
    if getattr(arguments, "listen", None):
        web = msgspec.structs.replace(web, listen=arguments.listen)
    return msgspec.structs.replace(known, log=log, web=web)
