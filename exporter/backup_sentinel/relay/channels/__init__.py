"""Kinds of channels, one file each: the settings struct is tagged with the name of its module and opens the channel.

A kind is added here, as one file, and nowhere else: the configuration, its errors and its reference follow.
"""

import importlib
import pkgutil
from functools import cache

from .channel import Channel, ChannelSettings, Content, DeliverySettings, MissingPackageError

_SHARED = frozenset({"channel"})


@cache
def kinds() -> dict[str, type[ChannelSettings]]:
    """Return the settings struct of each kind, by its name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name in _SHARED:
            continue
        members = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        settings = [kind for kind in members if _is_settings(kind, module.name)]
        assert len(settings) == 1, f"{module.name} must hold one ChannelSettings with tag={module.name!r}"
        found[module.name] = settings[0]
    return found


def _is_settings(member: object, tag: str) -> bool:
    return (
        isinstance(member, type)
        and issubclass(member, ChannelSettings)
        and member.__struct_config__.tag == tag
    )


__all__ = ["Channel", "ChannelSettings", "Content", "DeliverySettings", "MissingPackageError", "kinds"]
