"""What the errors of a server and of the library mean to an operator."""

import contextlib
import re
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from nats import errors
from nats.js.errors import APIError, NoStreamResponseError

from backup_sentinel.errors import DeliveryError, DeliveryReason

_CODES = {10054: DeliveryReason.TOO_LARGE, 10060: DeliveryReason.UNROUTABLE}
"""JSStreamMessageExceedsMaximumErr and JSStreamNotMatchErr (nats-server, server/errors.json)."""


@contextlib.contextmanager
def explained(server: str, subject: str) -> Iterator[None]:
    """Raise DeliveryError for whatever the library raises."""
    try:
        yield
    except (errors.Error, OSError, TimeoutError) as error:
        reason, text = _refusal(error, subject) or _silence(error)
        host = urlsplit(server).netloc
        raise DeliveryError(f"{host}: {' '.join(text.split())[:300]}", reason=reason) from None


def _refusal(error: Exception, subject: str) -> tuple[DeliveryReason, str] | None:
    """Tell of what the server said."""
    text = str(error).removeprefix("nats: ").strip("'\"")
    match error:
        case NoStreamResponseError():
            text = f"no stream takes the subject {subject}, or JetStream is not enabled"
            return DeliveryReason.UNROUTABLE, text
        case APIError():
            reason = _CODES.get(error.err_code or 0, DeliveryReason.SERVER_ERROR)
            return reason, f"{error.description} (code {error.err_code})"
        case errors.SecureConnWantedError():
            return DeliveryReason.TLS, "the server does not offer TLS"
        case errors.MaxPayloadError():
            return DeliveryReason.TOO_LARGE, text
        case OSError() | TimeoutError():
            return None
    if re.search(r"(?i)authori[sz]ation|authentication|permissions violation", text):
        return DeliveryReason.UNAUTHORIZED, text
    return (DeliveryReason.THROTTLED, text) if "maximum" in text.lower() else None


def _silence(error: Exception) -> tuple[DeliveryReason, str]:
    """Tell of a server that says nothing, or nothing we can read."""
    match error:
        case ssl.SSLError():
            why = getattr(error, "verify_message", "") or error.reason or "handshake failed"
            return DeliveryReason.TLS, f"TLS: {why}"
        case TimeoutError():
            return DeliveryReason.TIMEOUT, "no answer in time"
        case OSError():
            return DeliveryReason.UNREACHABLE, error.strerror or str(error) or "the connection was lost"
    return DeliveryReason.UNREACHABLE, str(error).removeprefix("nats: ").strip("'\"")


__all__ = ["explained"]
