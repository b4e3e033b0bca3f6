"""One line of a watch: what happened, and the object it happened to, still as bytes.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import msgspec

from backup_sentinel.errors import ApiError, OutageReason

from . import failure

INITIAL_END = "k8s.io/initial-events-end"


class Event(msgspec.Struct):
    """ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."""

    type: str
    object: msgspec.Raw


class BookmarkMetadata(msgspec.Struct):
    """What a bookmark says: how far the stream is, and whether the initial state has been sent."""

    resource_version: str | None = msgspec.field(name="resourceVersion", default=None)
    annotations: dict[str, str] | None = None

    @property
    def ends_initial_state(self) -> bool:
        """Whether a streamed list is complete (KEP-3157)."""
        return (self.annotations or {}).get(INITIAL_END) == "true"


class Bookmark(msgspec.Struct):
    """The object of a BOOKMARK event: nothing but metadata."""

    metadata: BookmarkMetadata


_events = msgspec.json.Decoder(Event)
_bookmarks = msgspec.json.Decoder(Bookmark)


def parse(line: bytes, what: str) -> Event:
    """Decode a line. Raises ApiError: `bad_answer` for what is no event, and what an ERROR event says."""
    try:
        event = _events.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(
            f"{what}: a line of the stream is not an event", reason=OutageReason.BAD_ANSWER
        ) from error
    if event.type == "ERROR":
        status = failure.status_of(event.object)
        if status is None:
            raise ApiError(f"{what}: an error event without a Status", reason=OutageReason.BAD_ANSWER)
        raise failure.from_status(status, what)
    return event


def bookmark(event: Event, what: str) -> BookmarkMetadata:
    """Decode the object of a BOOKMARK event. Raises ApiError."""
    try:
        return _bookmarks.decode(event.object).metadata
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ApiError(f"{what}: a bookmark without metadata", reason=OutageReason.BAD_ANSWER) from error
