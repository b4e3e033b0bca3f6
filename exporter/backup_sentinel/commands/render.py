"""Show what a channel of the relay would send, without sending it."""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

import msgspec

from backup_sentinel.errors import DocumentError
from backup_sentinel.relay.channels import ChannelSettings, Content
from backup_sentinel.relay.intake import PayloadError, read
from backup_sentinel.relay.message import Delivery
from backup_sentinel.relay.rendering import Rendering, samples

from .channel import deliver, find
from .settings import add_common, load_config

_EPILOG = """\
The first lines are what goes beside the body, such as a subject; secrets are not among them. Without PAYLOAD the samples
are shown with which every template is tried at start. The secrets of the channel must be readable, nothing is connected.

The exit code is 0, 1 if the channel's filter takes nothing of the payload, 2 if something is wrong.

examples:
  backup-sentinel render oncall --config config.yaml
  backup-sentinel render oncall payload.json --config config.yaml -o json
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=False, log_format="text")
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("channel", metavar="CHANNEL", help="name of a channel of the configuration")
    parser.add_argument(
        "payload",
        nargs="?",
        type=Path,
        metavar="PAYLOAD.json",
        help="body of a webhook call of Alertmanager, or the least there can be; - reads standard input",
    )
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="for people or for programs"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what would be sent. Raises ChannelError, DocumentError, and what the channel raises when it is opened."""
    channel = find(load_config(arguments), arguments.channel)
    given = arguments.payload is not None
    deliveries = [_read(arguments.payload, channel)] if given else list(samples())
    chosen = [
        msgspec.structs.replace(one, message=message, channel=channel.name)
        for one in deliveries
        if (message := channel.filter.apply(one.message)) is not None
    ]
    left_out = len(deliveries) - len(chosen)
    if left_out:
        what = "the payload" if given else f"{left_out} of {len(deliveries)} samples"
        sys.stderr.write(f"backup-sentinel: the filter of channel {channel.name} takes nothing of {what}\n")
    contents = asyncio.run(_render(channel, chosen))
    if arguments.output == "json":
        sys.stdout.write(json.dumps([msgspec.to_builtins(one) for one in contents], indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_text(one) for one in contents))
    return 0 if contents else 1


def _read(path: Path, channel: ChannelSettings) -> Delivery:
    name = "standard input" if str(path) == "-" else str(path)
    try:
        body = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}", file=name) from error
    try:
        return deliver(read(body, time.time()), channel)
    except PayloadError as error:
        raise DocumentError(str(error), file=name) from error


async def _render(channel: ChannelSettings, deliveries: list[Delivery]) -> list[Content]:
    opened = channel.open(Rendering())
    try:
        return [opened.render(delivery) for delivery in deliveries]
    finally:
        await opened.close()


def _text(content: Content) -> str:
    """Return fields as lines, those of several lines indented, and the body below."""
    fields = {"content-type": content.content_type, **content.fields}
    head = "".join(f"{name}: {_indented(value)}\n" for name, value in fields.items())
    return f"{head}\n{content.body.rstrip()}\n"


def _indented(value: str) -> str:
    return "\n    ".join(["", *value.rstrip().splitlines()]) if "\n" in value.rstrip() else value.rstrip()
