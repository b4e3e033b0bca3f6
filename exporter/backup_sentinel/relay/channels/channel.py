"""What a channel is: settings that open it, a text it makes of a message, and one attempt to send it.

A channel knows nothing of the outbox, of other channels and of other attempts. Whether and when it is tried again is
decided by the courier, from the DeliveryError that `send` raises.
"""

from typing import Annotated, ClassVar, Protocol

import msgspec

from backup_sentinel.errors import SentinelError
from backup_sentinel.relay.filters import Filter
from backup_sentinel.relay.message import Delivery
from backup_sentinel.relay.rendering import Rendering
from backup_sentinel.rights import Right
from backup_sentinel.secret import SecretKeeper

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, ready made: nothing of it is decided later, so that a preview shows all of it."""

    body: str
    """The text."""
    content_type: str = "application/json"
    """Media type of the body."""
    fields: dict[str, str] = {}
    """What goes beside the body, such as a subject, another form of the text, or a routing key. Never a secret."""


class Channel(Protocol):
    """An open channel. `send` may run several times at once, up to the setting `concurrency`."""

    def render(self, delivery: Delivery) -> Content:
        """Make what is sent; the same for the same delivery. Raises DeliveryError with reason TEMPLATE."""

    async def send(self, delivery: Delivery, content: Content) -> str | None:
        """Send once, and return when the receiver has it for good, or a sentence why there was nothing to send.

        Raises DeliveryError; anything else is a defect.
        """

    async def close(self) -> None:
        """Give up connections. Called once, when nothing is under way."""


class DeliverySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How hard a channel is tried."""

    timeout_seconds: Seconds = 15.0
    """Time for one attempt, from rendering to the receiver's confirmation."""
    concurrency: Count = 4
    """Attempts at the same time. Messages of one group go one after the other, whatever this says."""
    rate: Seconds | None = None
    """Attempts per second in the long run; no limit unless given."""
    burst: Count = 10
    """Attempts at once before `rate` counts."""
    first_retry_seconds: Seconds = 1.0
    """Upper end of the random wait after the first failure; it doubles with each further one."""
    longest_retry_seconds: Seconds = 300.0
    """Where it stops doubling."""
    max_age_seconds: Seconds = 86400.0
    """A message that could not be delivered for so long becomes a dead letter."""
    max_pending: Count = 100_000
    """Messages that wait; beyond, the oldest become dead letters."""
    breaker_failures: Count = 5
    """Failures in a row after which one attempt at a time finds out whether the receiver is back."""
    breaker_seconds: Seconds = 30.0
    """Time between two such attempts."""


class ChannelSettings(SecretKeeper, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What all channels have in common. A subclass is tagged with the name of its module."""

    rights: ClassVar[tuple[Right, ...]] = ()
    """What it needs in the clusters it writes to; roles are generated from it."""
    reads_operators: ClassVar[bool] = False
    """Whether it also gets objects that the profiles of the operators read."""

    name: Name
    """Value of the metric label `channel`, and part of the delivery id: with another name it is another channel."""
    filter: Filter = Filter()
    """Which alerts go here; all unless given."""
    enrich: bool = True
    """Wait for what enrichers find out. Without, messages go out as they came, at once: right for a pager."""
    delivery: DeliverySettings = DeliverySettings()

    def open(self, rendering: Rendering) -> Channel:
        """Return the channel, with its templates compiled; connect later, in `send`.

        Called inside the running event loop. Raises SentinelError for what can be known to be wrong: a template,
        an address, a secret that cannot be read, a package that is not installed.
        """
        raise NotImplementedError


class MissingPackageError(SentinelError):
    """A channel needs a package that is not installed."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"channels of type `{kind}` need a package: pip install 'backup-sentinel[{kind}]'")


__all__ = ["Channel", "ChannelSettings", "Content", "DeliverySettings", "MissingPackageError"]
