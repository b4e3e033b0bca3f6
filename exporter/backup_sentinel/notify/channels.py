"""The channels of the direct mode: those of the relay, a mail channel from the environment, and the digest's own texts."""

import os
from collections.abc import Mapping
from importlib.resources import files

import msgspec

from backup_sentinel.fleet.error import SettingError
from backup_sentinel.relay.channels import ChannelSettings
from backup_sentinel.relay.channels.email import EmailSettings

from .environment import mail
from .settings import NotifySettings

_TEXTS = {"subject": "digest.subject.txt", "text": "digest.txt", "html": "digest.html"}
"""Templates of the digest by the setting that they are the default of."""


def channels(
    settings: NotifySettings, given: tuple[ChannelSettings, ...], environ: Mapping[str, str] = os.environ
) -> tuple[ChannelSettings, ...]:
    """Return the channels that are told. Raises SettingError for variables of the environment, and where there is none."""
    found = list(given)
    extra = mail(environ)
    if extra is not None and all(one.name != extra.name for one in found):
        found.append(extra)
    if not found:
        raise SettingError(
            "relay.channels",
            "is empty, and SMTP_HOST is not set: nobody would be told",
            hint="name a channel",
        )
    return tuple(_worded(settings, one) for one in found)


def digests(settings: NotifySettings, channel: ChannelSettings) -> bool:
    """Tell whether a channel gets one message for everything."""
    return str(channel.__struct_config__.tag) in settings.digest


def _worded(settings: NotifySettings, channel: ChannelSettings) -> ChannelSettings:
    """Let mails be digests, where the configuration has no texts of its own for them."""
    if not isinstance(channel, EmailSettings) or not digests(settings, channel):
        return channel
    texts = {name: template(file) for name, file in _TEXTS.items() if getattr(channel, name) is None}
    return msgspec.structs.replace(channel, **texts)


def template(file: str) -> str:
    """Return a template of the digest."""
    return files(__package__).joinpath("templates", file).read_text("utf-8")
