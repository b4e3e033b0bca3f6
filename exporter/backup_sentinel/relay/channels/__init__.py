"""Kinds of channels, one file each: the settings struct is tagged with the name of its module and opens the channel.

A kind is added here, as one file, and nowhere else: the configuration, its errors and its reference follow.
"""

import sys
from functools import cache

from backup_sentinel.relay.kinds import find

from .channel import Channel, ChannelSettings, Content, DeliverySettings, MissingPackageError


@cache
def kinds() -> dict[str, type[ChannelSettings]]:
    """Return the settings struct of each kind, by its name."""
    return find(sys.modules[__name__], ChannelSettings, shared=("channel",))


__all__ = ["Channel", "ChannelSettings", "Content", "DeliverySettings", "MissingPackageError", "kinds"]
