"""Settings of the relay river. Defaults stand here and nowhere else."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

import msgspec

from backup_sentinel.secret import SecretKeeper, SecretText

from .channels import ChannelSettings, kinds
from .channels.log import LogSettings

Seconds = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]

if TYPE_CHECKING:
    AnyChannel = ChannelSettings
else:
    AnyChannel = reduce(or_, kinds().values())


class OutboxSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where messages are kept until they are delivered."""

    path: str = "/var/lib/backup-sentinel/relay.db"
    """SQLite file. Its folder must be writable, on a local disk (not NFS), and survive a restart."""
    retention_seconds: NotNegative = 7 * 86400.0
    """How long delivered messages are kept, for questions afterwards."""
    dead_retention_seconds: NotNegative = 30 * 86400.0
    """How long dead letters are kept."""


class BearerUser(SecretKeeper, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may post with `Authorization: Bearer`."""

    token: SecretText
    """The token; Alertmanager has it as `http_config.authorization.credentials_file`."""


class BasicUser(SecretKeeper, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may post with `Authorization: Basic`."""

    username: str
    """The name."""
    password: SecretText
    """The password."""


class IntakeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may send messages, and how many are taken."""

    tokens: tuple[BearerUser, ...] = ()
    """Tokens that are accepted; several while one is exchanged for another."""
    users: tuple[BasicUser, ...] = ()
    """Users that are accepted. Without tokens and users everybody may post who may connect (see `web.config_file`)."""
    max_body_bytes: Count = 4 << 20
    """Size of a request's body; 413 beyond. Alertmanager's `max_alerts` keeps a group below it."""
    max_pending: Count = 200_000
    """Deliveries that wait, over all channels; beyond, requests are answered 503 and Alertmanager tries again."""
    duplicate_window_seconds: NotNegative = 300.0
    """Within so many seconds the same news about the same group counts as sent twice by Alertmanager's high
    availability; 0 lets everything through. Must be below the shortest `repeat_interval`."""


class RelaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is taken in, kept, and delivered."""

    intake: IntakeSettings = IntakeSettings()
    outbox: OutboxSettings = OutboxSettings()
    channels: tuple[AnyChannel, ...] = (LogSettings(name="log"),)
    """Where messages go; each takes what its filter lets through. Routing by team or time is Alertmanager's."""
