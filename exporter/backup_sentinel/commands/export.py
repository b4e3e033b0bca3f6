"""Watch clusters and serve what they tell as metrics."""

import argparse

from backup_sentinel import app
from backup_sentinel.fleet import Shard

from .settings import add_common, load_config, read_config


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=True)
    parser.add_argument(
        "--shard",
        metavar="INDEX/TOTAL",
        help="watch only this part of the clusters, such as 0/4; auto/4 takes the number from POD_NAME",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until a signal; return the exit code. Raises SentinelError for what is wrong at start."""
    shard = Shard.parse(arguments.shard) if arguments.shard else None
    config = load_config(arguments)
    app.run(app.export(config, arguments.config, read=lambda: read_config(arguments), shard=shard))
    return 0
