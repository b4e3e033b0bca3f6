"""One attempt with each channel: for the pass that waits for the answers and has no outbox."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence

from backup_sentinel.errors import DeliveryError
from backup_sentinel.relay.channels import Channel, ChannelSettings
from backup_sentinel.relay.courier import attempt
from backup_sentinel.relay.message import Delivery, Message
from backup_sentinel.relay.outbox import delivery_id
from backup_sentinel.relay.rendering import Rendering
from backup_sentinel.secret import mask

from .channels import digests
from .desk import Desk
from .incident import Incident
from .inquiry import Inquiry
from .settings import NotifySettings
from .wording import by_schedule, digest_key, message

MOST = 200
"""Rows of one message; with long errors that is below a megabyte, which every mail server takes."""

GIVEN_UP = 3
"""Failures in a row that may pass, after which a channel is left to the next look: the others wait for it."""

_log = logging.getLogger("backup_sentinel.notify")


class Post:
    """The channels, open. Raises what a channel raises when it is opened: SentinelError."""

    def __init__(
        self, settings: NotifySettings, channels: Sequence[ChannelSettings], inquiry: Inquiry
    ) -> None:
        """`inquiry` knows more about messages, for channels that want that."""
        rendering = Rendering()
        self._settings = settings
        self._inquiry = inquiry
        self._channels: list[tuple[ChannelSettings, Channel]] = [
            (one, one.open(rendering)) for one in channels
        ]

    async def deliver(
        self, desk: Desk, now: float, notes: Sequence[str], noted: Callable[[], Awaitable[None]]
    ) -> bool:
        """Tell every channel what is due; return whether all of them took all of it. The record is marked as it goes.

        `notes` are sentences that go with every message. `noted` is awaited after each message that was taken.
        """
        everybody = [settings.name for settings, _ in self._channels]
        well = True
        for settings, channel in self._channels:
            due = desk.due(settings.name)
            away = 0
            for key, incidents in batches(self._settings, settings, due, now):
                whole = message(key, incidents, now)
                name = "\n".join([key, *(incident.name for incident in incidents)])
                error = await self._send(settings, channel, whole, name, notes)
                if error is None:
                    desk.settle(incidents, [settings.name], everybody)
                    await noted()
                    away = 0
                    continue
                well = False
                away = away + 1 if error.retry else 0
                if away == GIVEN_UP:
                    _log.warning("channel left to the next look", extra={"channel": settings.name})
                    break
        return well

    async def close(self) -> None:
        """Close the channels."""
        for _, channel in self._channels:
            await channel.close()

    async def _send(
        self, settings: ChannelSettings, channel: Channel, whole: Message, name: str, notes: Sequence[str]
    ) -> DeliveryError | None:
        """Try once; return what went wrong, None also where the channel's filter does not want it. `name` tells messages apart."""
        wanted = settings.filter.apply(whole)
        if wanted is None:
            return None
        found = await self._inquiry.find(name, whole) if settings.enrich else None
        identity = delivery_id(wanted.id, settings.name)
        fields = {"channel": settings.name, "id": identity}
        _log.info("Sending notification", extra={**fields, "alerts": len(wanted.alerts)})
        delivery = Delivery(
            id=identity,
            message=wanted,
            channel=settings.name,
            facts=found.facts if found is not None else {},
            notes=(*notes, *(found.sentences if found is not None else ())),
        )
        error = (await attempt(settings, channel, delivery)).error
        if error is not None:
            text = mask(str(error), settings.secrets())
            _log.error("delivery failed", extra={**fields, "reason": error.reason.value, "error": text})
        return error


def batches(
    settings: NotifySettings, channel: ChannelSettings, incidents: list[Incident], now: float
) -> list[tuple[str, list[Incident]]]:
    """Return what goes into each message of a channel, by the message's group."""
    if not incidents:
        return []
    groups = {digest_key(now): incidents} if digests(settings, channel) else by_schedule(incidents)
    return [(key, list(part)) for key, found in groups.items() for part in _parts(found)]


def _parts(incidents: Sequence[Incident]) -> Iterator[Sequence[Incident]]:
    for first in range(0, len(incidents), MOST):
        yield incidents[first : first + MOST]
