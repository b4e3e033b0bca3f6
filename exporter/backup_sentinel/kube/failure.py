"""From what went wrong with a request to an `ApiError` with one of the closed reasons.

An API server explains itself with a `Status` object; its plain words ("404 page not found", "Too many
requests") come as text/plain. Anything else with an error status was not said by an API server.
https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import aiohttp
import msgspec
from aiohttp.http_exceptions import HttpProcessingError

from backup_sentinel.errors import ApiError, OutageReason

from .secret import redact

TRANSPORT = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, UnicodeError)

_REASONS = {
    401: OutageReason.UNAUTHORIZED,
    403: OutageReason.FORBIDDEN,
    404: OutageReason.NOT_SERVED,
    410: OutageReason.EXPIRED,
    429: OutageReason.THROTTLED,
}
_PAGE_NOT_FOUND = b"404 page not found"
_LIMIT = 300


class Details(msgspec.Struct):
    """The part of a Status that tells when to come back."""

    retry_after: float | None = msgspec.field(name="retryAfterSeconds", default=None)


class Status(msgspec.Struct):
    """`meta/v1.Status`: how an API server explains an error."""

    kind: str
    code: int | None = None
    reason: str | None = None
    message: str | None = None
    details: Details | None = None


_decoder = msgspec.json.Decoder(Status)


def status_of(body: bytes | msgspec.Raw) -> Status | None:
    """Return the Status that `body` is, or None where it is something else."""
    try:
        status = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return status if status.kind == "Status" else None


def from_status(status: Status, what: str) -> ApiError:
    """Return the error that a Status object stands for; `what` says where it came from."""
    code = status.code or 0
    retry_after = status.details.retry_after if status.details else None
    return ApiError(
        f"{what}: {code}: {_short(status.message or status.reason or 'no message')}",
        reason=_reason(code, status.message or ""),
        status=code,
        retry_after=retry_after,
    )


def from_response(
    code: int, headers: Mapping[str, str], body: bytes, *, what: str, cluster: str, kind: str, now: float
) -> ApiError:
    """Return the error for an answer that is not 2xx. `kind` names our credentials, `now` is Unix time."""
    status = status_of(body)
    reason = _reason(code, (status.message if status else None) or "")
    if 300 <= code < 400:
        text = "redirected, which an API server never does; is there a login page in between?"
        reason = OutageReason.BAD_ANSWER
    elif status is not None:
        text = _short(status.message or status.reason or "no message")
    elif "html" in headers.get("Content-Type", "") or (code == 404 and body.strip() != _PAGE_NOT_FOUND):
        text = "the answer is not from an API server"
        reason = reason if code >= 500 else OutageReason.BAD_ANSWER
    else:
        text = _short(body[:1000].decode(errors="replace")) or "no message"
    if reason is OutageReason.UNAUTHORIZED:
        text = f"{kind} of cluster {cluster} is invalid or expired"
        if kind == "no credentials":
            text = f"cluster {cluster} wants credentials, and none are configured"
    after = _retry_after(headers.get("Retry-After"), now)
    if after is None and status is not None and status.details is not None:
        after = status.details.retry_after
    return ApiError(f"{what}: HTTP {code}: {text}", reason=reason, status=code, retry_after=after)


def from_transport(error: BaseException, what: str) -> ApiError:
    """Return the error for a request that got no whole answer."""
    reason, text = _transport(error)
    return ApiError(f"{what}: {text}", reason=reason)


def _transport(error: BaseException) -> tuple[OutageReason, str]:
    secured = _secured(error)
    if secured is not None:
        return OutageReason.TLS, f"TLS: {getattr(secured, 'verify_message', None) or _short(str(secured))}"
    match error:
        case aiohttp.ClientConnectorDNSError():
            return OutageReason.UNREACHABLE, f"the name {error.host} is not resolved"
        case TimeoutError():
            return OutageReason.TIMEOUT, "timed out"
        case aiohttp.ClientHttpProxyError():
            return OutageReason.UNREACHABLE, f"the proxy answered {error.status}"
        case aiohttp.ClientConnectorError():
            return (
                OutageReason.UNREACHABLE,
                f"{error.host}:{error.port}: {error.os_error.strerror or 'no connection'}",
            )
        case aiohttp.ClientPayloadError():
            return OutageReason.UNREACHABLE, "the answer ended early"
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return OutageReason.BAD_ANSWER, "the answer is not HTTP"
        case aiohttp.ClientConnectionError() | OSError():
            return OutageReason.UNREACHABLE, "the connection was closed"
    return OutageReason.BAD_ANSWER, _short(f"{type(error).__name__}: {redact(str(error))}")


def _secured(error: BaseException | None) -> BaseException | None:
    """Return the TLS error in the chain; a refused client certificate hides behind a reset connection."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    while error is not None:
        if isinstance(error, ssl.SSLError | ssl.CertificateError):
            return error
        error = error.__cause__ or getattr(error, "os_error", None)
    return None


def _reason(code: int, message: str) -> OutageReason:
    # After etcd was restored our version lies in the future (client-go: IsTooLargeResourceVersion).
    if code == 504 and "Too large resource version" in message:
        return OutageReason.EXPIRED
    return _REASONS.get(code) or (OutageReason.SERVER_ERROR if code >= 500 else OutageReason.BAD_ANSWER)


def _retry_after(value: str | None, now: float) -> float | None:
    # RFC 9110, 10.2.3: seconds or a date.
    if not value:
        return None
    try:
        return max(
            0.0, float(value) if value.strip().isdigit() else parsedate_to_datetime(value).timestamp() - now
        )
    except (ValueError, OverflowError):
        return None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LIMIT else line[: _LIMIT - 3] + "..."
