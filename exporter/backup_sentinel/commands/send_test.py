"""Send a test alert through one channel of the relay, now, and say what became of it."""

import argparse
import asyncio
import sys
import time
from datetime import UTC, datetime

from backup_sentinel.relay.channels import ChannelSettings
from backup_sentinel.relay.courier import attempt
from backup_sentinel.relay.message import Alert, Message, MessageType, Status, common
from backup_sentinel.relay.outbox import message_id
from backup_sentinel.relay.rendering import Rendering
from backup_sentinel.secret import mask

from .channel import deliver, find
from .settings import add_common, load_config

NAME = "BackupSentinelTest"
_EPILOG = """\
The alert is called BackupSentinelTest and says that it is a test. It does not pass through the relay: no outbox, no second
attempt. It goes out even where the channel's filter would not take it, which is then said.

The exit code is 0 if the receiver confirmed it, 1 if it did not or there was nothing to send: the alert names no run, so a
channel of type kubernetes_event writes no Event. It is 2 if the configuration is wrong.

examples:
  backup-sentinel send-test oncall --config config.yaml --end
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=False, log_format="text")
    parser.set_defaults(log_level="warning")
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("channel", metavar="CHANNEL", help="name of a channel of the configuration")
    parser.add_argument(
        "--type",
        choices=[one.value for one in MessageType],
        default=MessageType.WARNING.value,
        help="warning as for a partial backup, alert as for a failed one (default: warning)",
    )
    parser.add_argument(
        "--end", action="store_true", help="send the end of the alert as well, so that nothing stays open"
    )


def run(arguments: argparse.Namespace) -> int:
    """Send, and print what became of it. Raises ChannelError, and what the channel raises when it is opened."""
    channel = find(load_config(arguments), arguments.channel)
    statuses = [Status.FIRING, *([Status.RESOLVED] if arguments.end else [])]
    messages = [sample(channel.name, MessageType(arguments.type), status) for status in statuses]
    for message in messages:
        if channel.filter.apply(message) is None:
            sys.stderr.write(
                f"backup-sentinel: the relay would not send this ({message.status}): "
                f"the filter of channel {channel.name} does not take it\n"
            )
    return asyncio.run(_send(channel, messages))


def sample(channel: str, kind: MessageType, status: Status) -> Message:
    """Return a message that says it is a test."""
    now = time.time()
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    alert = Alert(
        status=status,
        labels={
            "alertname": NAME,
            "severity": "warning" if kind is MessageType.WARNING else "critical",
            "outcome": "partial" if kind is MessageType.WARNING else "failed",
        },
        annotations={
            "summary": "This is a test, nothing is wrong.",
            "description": f"Somebody ran `backup-sentinel send-test {channel}` to see whether messages arrive here.",
        },
        starts_at=moment,
        ends_at=moment if status is Status.RESOLVED else None,
        fingerprint="0" * 16,
    )
    return Message(
        id=message_id(now),
        received=now,
        group_key=f"test:{channel}",
        receiver="test",
        alerts=(alert,),
        group_labels={"alertname": NAME},
        common_labels=common([alert.labels]),
        common_annotations=common([alert.annotations]),
    )


async def _send(settings: ChannelSettings, messages: list[Message]) -> int:
    channel = settings.open(Rendering())
    try:
        for message in messages:
            began = time.monotonic()
            error, idle = await attempt(settings, channel, deliver(message, settings))
            if idle is not None:
                sys.stderr.write(f"backup-sentinel: {settings.name}: nothing was sent: {idle}\n")
                return 1
            if error is not None:
                after = (
                    "the relay would try again" if error.retry else "the relay would make a dead letter of it"
                )
                sys.stderr.write(
                    f"backup-sentinel: {settings.name}: not delivered ({error.reason}): "
                    f"{mask(str(error), settings.secrets())}; {after}\n"
                )
                return 1
            took = time.monotonic() - began
            sys.stderr.write(f"{settings.name}: {message.status} delivered in {took:.2f} s\n")
    finally:
        await channel.close()
    return 0
