"""What the errors of a broker and of the library mean to an operator."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator

import aiormq.exceptions as replies
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from backup_sentinel.errors import DeliveryError, DeliveryReason

from .settings import AmqpSettings

_NOT_ALLOWED = 530
"""Reply code `not-allowed` (AMQP 0-9-1, constants): a virtual host that is not there, or not for this user."""
_DENIED = (
    replies.ChannelAccessRefused,
    replies.ProbableAuthenticationError,
    replies.AuthenticationError,
    replies.ConnectionNotAllowed,
)


@contextlib.contextmanager
def explained(settings: AmqpSettings, routing_key: str) -> Iterator[None]:
    """Raise DeliveryError for whatever the library raises."""
    try:
        yield
    except CONNECTION_EXCEPTIONS as error:
        reason, text = (
            _certificate(error) or _refusal(error, settings, routing_key) or _closing(error, settings)
        )
        raise DeliveryError(f"{settings.host}: {text}", reason=reason) from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # The library cancels what waits for an answer when the connection is lost.
        raise DeliveryError(
            f"{settings.host}: the connection was lost", reason=DeliveryReason.UNREACHABLE
        ) from None


def _certificate(error: BaseException) -> tuple[DeliveryReason, str] | None:
    """Tell of TLS, where that is the cause of an error."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        if isinstance(cause, ssl.SSLError):
            why = getattr(cause, "verify_message", "") or cause.reason or "handshake failed"
            return DeliveryReason.TLS, f"TLS: {why}"
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return None


def _refusal(error: Exception, settings: AmqpSettings, routing_key: str) -> tuple[DeliveryReason, str] | None:
    """Tell of a message that the broker does not take; its texts name exchanges, queues and users."""
    match error:
        case replies.PublishError():
            exchange = settings.exchange or "the default exchange"
            text = f"no queue takes what {exchange} gets with the routing key {routing_key!r}"
            return DeliveryReason.UNROUTABLE, text
        case replies.DeliveryError():
            return DeliveryReason.SERVER_ERROR, "the broker refused the message: a queue is full, or failed"
        case replies.ChannelNotFoundEntity():
            return DeliveryReason.UNROUTABLE, _reply(error)
        case replies.ChannelPreconditionFailed() if "message size" in _reply(error):
            return DeliveryReason.TOO_LARGE, _reply(error)
    return (DeliveryReason.UNAUTHORIZED, _reply(error)) if isinstance(error, _DENIED) else None


def _closing(error: Exception, settings: AmqpSettings) -> tuple[DeliveryReason, str]:
    """Tell of a connection or an AMQP channel that is no longer open, or never was."""
    match error:
        case replies.InvalidFrameError() if "Connection.OpenOk" in _reply(error):
            # The broker said why, with the code of `not-allowed`, and the library drops it.
            text = f"the virtual host {settings.virtual_host!r} does not exist, or is not for this user"
            return DeliveryReason.UNAUTHORIZED, text
        case replies.ConnectionClosed() if error.args[:1] == (_NOT_ALLOWED,):
            return DeliveryReason.UNAUTHORIZED, _reply(error)
        case replies.ChannelClosed() | replies.ProtocolSyntaxError():
            return DeliveryReason.SERVER_ERROR, _reply(error)
    return DeliveryReason.UNREACHABLE, _reply(error)


def _reply(error: Exception) -> str:
    """Return the text of an error on one line."""
    text = " ".join(str(argument) for argument in error.args) or type(error).__name__
    return " ".join(text.split())[:300]


__all__ = ["explained"]
