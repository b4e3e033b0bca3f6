"""Names that stay: of a message, and of its delivery to one channel."""

import secrets
import uuid

_DELIVERIES = uuid.UUID("6e3e2b0e-2f4b-5d7a-9a53-0c3f6f1d2b77")


def message_id(now: float) -> str:
    """Return a UUID version 7 (RFC 9562, 5.7) of a moment in Unix seconds."""
    milliseconds = int(now * 1000) & ((1 << 48) - 1)
    number = milliseconds << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 7 << 76
    number = number & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=number))


def delivery_id(message: str, channel: str) -> str:
    """Return the UUID version 5 of a message and a channel: the same whoever computes it, and whenever."""
    return str(uuid.uuid5(_DELIVERIES, f"{message}/{channel}"))
