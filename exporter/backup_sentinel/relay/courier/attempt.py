"""One attempt to deliver: whatever a channel does, what comes back is a DeliveryError, or nothing."""

import asyncio
import logging
import traceback

from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.channels import Channel, ChannelSettings
from backup_sentinel.relay.message import Delivery
from backup_sentinel.secret import SecretError

_log = logging.getLogger("backup_sentinel.relay")


async def attempt(settings: ChannelSettings, channel: Channel, delivery: Delivery) -> DeliveryError | None:
    """Render and send once, within the channel's time; return what went wrong, None if nothing."""
    try:
        async with asyncio.timeout(settings.delivery.timeout_seconds):
            await channel.send(delivery, channel.render(delivery))
    except DeliveryError as error:
        return error
    except SecretError as error:
        return DeliveryError(str(error), reason=DeliveryReason.CREDENTIALS)
    except TimeoutError:
        text = f"no confirmation within {settings.delivery.timeout_seconds:g} s"
        return DeliveryError(text, reason=DeliveryReason.TIMEOUT)
    except Exception as error:  # noqa: BLE001 - a defect of a channel must not stop the others
        # Neither the text nor the values of a foreign exception are known to be harmless.
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__} at {place.filename}:{place.lineno}"
        _log.error("a channel has a defect", extra={"channel": settings.name, "error": text})
        return DeliveryError(text, reason=DeliveryReason.INTERNAL)
    return None
