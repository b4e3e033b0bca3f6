"""Settings of the relay river. Defaults stand here and nowhere else."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

import msgspec

from backup_sentinel.secret import SecretKeeper, SecretText

from .channels import ChannelSettings, kinds
from .channels.log import LogSettings
from .enrichers import EnricherSettings
from .enrichers import kinds as enricher_kinds
from .message import Message
from .outbox import LONGEST_HOLD, Hold

Seconds = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Longest = Annotated[float, msgspec.Meta(gt=0, le=LONGEST_HOLD)]

if TYPE_CHECKING:
    AnyChannel = ChannelSettings
    AnyEnricher = EnricherSettings
else:
    AnyChannel = reduce(or_, kinds().values())
    AnyEnricher = reduce(or_, enricher_kinds().values())


class OutboxSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where messages are kept until they are delivered."""

    path: str = "/var/lib/backup-sentinel/relay.db"
    """SQLite file. Its folder must be writable, on a local disk (not NFS), and survive a restart."""
    retention_seconds: NotNegative = 7 * 86400.0
    """How long delivered messages are kept, for questions afterwards."""
    dead_retention_seconds: NotNegative = 30 * 86400.0
    """How long dead letters are kept."""


class BearerUser(SecretKeeper, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may send with `Authorization: Bearer`."""

    token: SecretText
    """The token; Alertmanager has it as `http_config.authorization.credentials_file`."""


class BasicUser(SecretKeeper, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may send with `Authorization: Basic`."""

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


class AdminSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may replay and purge dead letters over HTTP while the relay runs (`backup-sentinel deadletters`)."""

    tokens: tuple[BearerUser, ...] = ()
    """Tokens that are accepted. The first one is what the command sends."""
    users: tuple[BasicUser, ...] = ()
    """Users that are accepted. Without tokens and users nobody may."""


class EnrichmentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long messages wait for what enrichers find out."""

    longest_seconds: Longest = 90.0
    """No message waits longer, whatever enrichers are slow or settle: it goes out with what is there, and a note."""


class RelaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is taken in, kept, and delivered."""

    intake: IntakeSettings = IntakeSettings()
    admin: AdminSettings = AdminSettings()
    outbox: OutboxSettings = OutboxSettings()
    channels: tuple[AnyChannel, ...] = (LogSettings(name="log"),)
    """Where messages go; each takes what its filter lets through. Routing by team or time is Alertmanager's."""
    enrichers: tuple[AnyEnricher, ...] = ()
    """Who finds out more about a message before it is delivered; one of each kind."""
    enrichment: EnrichmentSettings = EnrichmentSettings()

    def hold(self, wanted: Mapping[str, Message]) -> Hold | None:
        """Return which channels wait for enrichers; None where no enricher is asked about anything they deliver.

        `wanted` is one message as each channel's filter lets it through, by the name of the channel.
        """
        waiting = {one.name for one in self.channels if one.enrich and one.name in wanted}
        asked = {
            name
            for name, message in wanted.items()
            if name in waiting and any(one.filter.apply(message) is not None for one in self.enrichers)
        }
        if not asked:
            return None
        received = next(iter(wanted.values())).received
        return Hold(frozenset(asked), received + self.enrichment.longest_seconds)
