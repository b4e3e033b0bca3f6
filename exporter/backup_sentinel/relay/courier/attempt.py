"""One attempt to deliver: whatever a channel does, it is told, never raised."""

import asyncio
import logging
import traceback
from typing import NamedTuple

from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.channels import Channel, ChannelSettings
from backup_sentinel.relay.message import Delivery
from backup_sentinel.secret import SecretError

_log = logging.getLogger("backup_sentinel.relay")


class Attempt(NamedTuple):
    """What became of an attempt: taken by the receiver, unless one of these says otherwise."""

    error: DeliveryError | None = None
    """What went wrong."""
    idle: str | None = None
    """Why there was nothing to send."""


async def attempt(settings: ChannelSettings, channel: Channel, delivery: Delivery) -> Attempt:
    """Render and send once, within the channel's time; return what became of it."""
    try:
        async with asyncio.timeout(settings.delivery.timeout_seconds):
            return Attempt(idle=await channel.send(delivery, channel.render(delivery)))
    except DeliveryError as error:
        return Attempt(error)
    except SecretError as error:
        return Attempt(DeliveryError(str(error), reason=DeliveryReason.CREDENTIALS))
    except TimeoutError:
        text = f"no confirmation within {settings.delivery.timeout_seconds:g} s"
        return Attempt(DeliveryError(text, reason=DeliveryReason.TIMEOUT))
    except Exception as error:  # noqa: BLE001 - a defect of a channel must not stop the others
        # Neither the text nor the values of a foreign exception are known to be harmless.
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__} at {place.filename}:{place.lineno}"
        _log.error("a channel has a defect", extra={"channel": settings.name, "error": text})
        return Attempt(DeliveryError(text, reason=DeliveryReason.INTERNAL))
