"""Turn a configuration of ns8-backup-monitor into one of the relay."""

import argparse
import sys
from pathlib import Path

from backup_sentinel import config
from backup_sentinel.errors import DocumentError, SentinelError
from backup_sentinel.relay.ns8_monitor import translate

_EPILOG = """\
examples:
  backup-sentinel import-ns8 config.yml
  backup-sentinel import-ns8 config.yml --output /etc/backup-sentinel/config.yaml
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", metavar="CONFIG.yml", type=Path, help="configuration of ns8-backup-monitor")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="new file to write; standard output unless given"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print or write the configuration. Raises DocumentError, SentinelError."""
    file = str(arguments.file)
    try:
        text = translate(arguments.file.read_text(encoding="utf-8"), file)
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}", file=file) from None
    except UnicodeDecodeError:
        raise DocumentError("cannot be read: it is not text", file=file) from None
    config.parse(text, arguments.output or "<output>")
    if arguments.output is None:
        sys.stdout.write(text)
        return 0
    try:
        with arguments.output.open("x", encoding="utf-8") as output:
            output.write(text)
    except OSError as error:
        raise SentinelError(f"{arguments.output} cannot be written: {error.strerror}") from None
    sys.stderr.write(f"{arguments.output}: written\n")
    return 0
