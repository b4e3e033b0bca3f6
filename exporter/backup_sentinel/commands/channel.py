"""One channel of the relay's configuration, for commands that look at it or try it."""

from backup_sentinel.config import Config
from backup_sentinel.document import nearest
from backup_sentinel.errors import SentinelError
from backup_sentinel.relay.channels import ChannelSettings
from backup_sentinel.relay.message import Delivery, Message
from backup_sentinel.relay.outbox import delivery_id


class ChannelError(SentinelError):
    """There is no such channel."""


def find(config: Config, name: str) -> ChannelSettings:
    """Return the settings of a channel. Raises ChannelError with the names that there are."""
    channels = {channel.name: channel for channel in config.relay.channels}
    if name not in channels:
        raise ChannelError(
            f"no channel is called `{name}`; {nearest(name, channels) or 'there is none at all'}"
        )
    return channels[name]


def deliver(message: Message, channel: ChannelSettings) -> Delivery:
    """Return a message as a delivery to a channel, under the id that the relay would give it."""
    return Delivery(id=delivery_id(message.id, channel.name), message=message, channel=channel.name)
