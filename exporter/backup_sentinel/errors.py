"""What can go wrong, as exceptions for broken wiring and as closed lists of reasons for bad data.

    SentinelError                   everything this package raises on purpose
    ├── DocumentError               a config or profile file: file, line, column, the line, a hint
    ├── AccessError                 a cluster's address or credentials cannot be loaded
    ├── ApiError                    the API server answered, or failed to answer, a request
    ├── DeliveryError               a channel of the relay did not take a message
    └── EnrichmentError             an enricher of the relay could not find something out

A malformed object of a cluster is never an exception: it is a `model.Problem` with a `ProblemReason`.
Messages never hold a secret.
"""

import re
from enum import StrEnum

_SECRET = re.compile(
    r"(?i)(\b\w*(?:token|passw|secret|authorization|_data|api_?key|proxy_url)\w*[\"']?\s*:\s*)[^\s#{\[].*|(://)[^/@\s]+@"
)
"""A line of YAML that gives a secret, or may: what stands behind the colon is not shown, nor who asks in a URL."""


def _hide(found: re.Match[str]) -> str:
    return f"{found[1]}***" if found[1] else f"{found[2]}***@"


class SentinelError(Exception):
    """Root of the tree: everything that this package raises on purpose."""


class DocumentError(SentinelError):
    """A config or profile file is wrong; `str()` shows where, with a caret, and what to do.

    `line` and `column` count from 1; 0 means that the place is unknown.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        line: int = 0,
        column: int = 0,
        source: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.source = source
        self.hint = hint

    def __str__(self) -> str:
        place = ":".join([self.file or "<input>", *([str(self.line), str(self.column)] if self.line else [])])
        text = f"{place}: {self.message}"
        if self.line and self.source:
            gutter = f"{self.line:>5} | "
            shown = _SECRET.sub(_hide, self.source)
            text += f"\n{gutter}{shown}\n{' ' * (len(gutter) + self.column - 1)}^"
        if self.hint:
            text += f"\n      hint: {self.hint}"
        return text


class AccessError(SentinelError):
    """The address or the credentials of a cluster cannot be loaded; the text says which and why."""


class OutageReason(StrEnum):
    """Why a request to an API server did not give what was asked for; a label value, hence closed."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TLS = "tls"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_SERVED = "not_served"
    EXPIRED = "expired"
    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    BAD_ANSWER = "bad_answer"
    REJECTED = "rejected"
    CREDENTIALS = "credentials"


WHOLE_CLUSTER = frozenset(
    {
        OutageReason.UNREACHABLE,
        OutageReason.TIMEOUT,
        OutageReason.TLS,
        OutageReason.UNAUTHORIZED,
        OutageReason.CREDENTIALS,
    }
)
"""Outages that concern all resources of a cluster alike."""


class ApiError(SentinelError):
    """A request to an API server failed.

    `status` is the HTTP status (or the code of a Status object inside a stream), 0 where there was no
    answer; `retry_after` the seconds the server asked to wait, if it did.
    """

    def __init__(
        self, message: str, *, reason: OutageReason, status: int = 0, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after


class ProblemReason(StrEnum):
    """Why an object, or a field of it, could not be taken at its word; a label value, hence closed."""

    UNDECODABLE = "undecodable"
    WRONG_TYPE = "wrong_type"
    BAD_TIME = "bad_time"
    FUTURE_TIME = "future_time"
    BAD_DURATION = "bad_duration"
    BAD_NUMBER = "bad_number"
    BAD_SCHEDULE = "bad_schedule"
    BAD_ANNOTATION = "bad_annotation"
    UNKNOWN_PHASE = "unknown_phase"
    NO_IDENTITY = "no_identity"
    TOO_LARGE = "too_large"
    DUPLICATE = "duplicate"


class DeliveryReason(StrEnum):
    """Why a channel did not take a message; a label value, hence closed."""

    UNREACHABLE = "unreachable"
    """No connection, or it broke before the answer."""
    TIMEOUT = "timeout"
    TLS = "tls"
    UNAUTHORIZED = "unauthorized"
    """The credentials were refused."""
    THROTTLED = "throttled"
    """The receiver asked to send less."""
    SERVER_ERROR = "server_error"
    """The receiver failed, as it said itself."""
    REJECTED = "rejected"
    """The receiver does not want this message, and will not want it later."""
    UNROUTABLE = "unroutable"
    """The broker took it and has nowhere to put it."""
    FORBIDDEN_ADDRESS = "forbidden_address"
    """The address is one that nothing is ever sent to."""
    TOO_LARGE = "too_large"
    TEMPLATE = "template"
    """The text could not be rendered."""
    CREDENTIALS = "credentials"
    """A secret could not be read."""
    EXPIRED = "expired"
    """It could not be delivered within the maximum age."""
    CROWDED_OUT = "crowded_out"
    """Too many others waited for the same channel."""
    REMOVED = "removed"
    """The channel is no longer configured."""
    INTERNAL = "internal"
    """A defect of ours."""


_FINAL = frozenset(
    {
        DeliveryReason.REJECTED,
        DeliveryReason.FORBIDDEN_ADDRESS,
        DeliveryReason.TOO_LARGE,
        DeliveryReason.TEMPLATE,
        DeliveryReason.EXPIRED,
        DeliveryReason.CROWDED_OUT,
        DeliveryReason.REMOVED,
    }
)


class DeliveryError(SentinelError):
    """A channel did not take a message.

    `retry` tells whether another attempt makes sense; without it the reason decides. `after` is the least number of
    seconds until then, where the receiver said so.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: DeliveryReason,
        retry: bool | None = None,
        after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry = reason not in _FINAL if retry is None else retry
        self.after = after


class EnrichmentError(SentinelError):
    """An enricher could not find something out; the text is a sentence for whoever reads the notification."""
