"""Answers that say no: the Status objects of an API server, and the exception that carries one."""

import msgspec

from .resources import JsonObject

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Refusal(Exception):  # noqa: N818  -- an answer of the simulated server, not an error of this package
    """A request is refused: HTTP status `code`, a Status body, and `retry_after` seconds if the server asks to wait.

    `continue_` is the fresh but inconsistent continue token that a server hands out with an expired list.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str = "",
        details: JsonObject | None = None,
        retry_after: int | None = None,
        continue_: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or _REASONS.get(code, "")
        self.details = details
        self.retry_after = retry_after
        self.continue_ = continue_

    def status(self) -> JsonObject:
        """Return the Status object."""
        metadata: JsonObject = {"continue": self.continue_} if self.continue_ else {}
        body: JsonObject = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details is not None:
            body["details"] = self.details
        return body | {"code": self.code}

    def body(self) -> bytes:
        """Return the Status object as the server writes it, with the line feed at its end."""
        return msgspec.json.encode(self.status()) + b"\n"


def expired(message: str = "", *, continue_: str = "") -> Refusal:
    """Return the refusal of a revision that was compacted."""
    text = message or (
        "The provided continue parameter is too old to display a consistent list result. You can start a new "
        "list without the continue parameter, or use the continue token in this response to retrieve the "
        "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
        "that were created, modified, or deleted between the time the first chunk was returned and now may show "
        "up in the list."
    )
    return Refusal(410, text, continue_=continue_)
