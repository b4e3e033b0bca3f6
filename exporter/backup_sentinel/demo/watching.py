"""Watch streams: what is there first, then changes as they come, bookmarks, and how a stream ends."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping

import msgspec

from .cluster import SimulatedCluster, prefix
from .listing import selector_of
from .refusals import Refusal
from .resources import ResourceType, Target
from .selectors import Selector, Stored
from .shelf import Change, Shelf

_BATCH = 500
_INITIAL_END = {"k8s.io/initial-events-end": "true"}


class Watch(msgspec.Struct, kw_only=True):
    """A watch request, read. `revision` None means: from what is there now, told as ADDED events first.

    `seconds` is how long the stream may last; `bookmark_every` (seconds) is 0 where none were asked for.
    """

    selector: Selector
    revision: int | None
    initial_end: bool = False
    seconds: float
    bookmark_every: float = 0

    @classmethod
    def read(
        cls,
        kind: ResourceType,
        target: Target,
        query: Mapping[str, str],
        *,
        watch_list: str,
        bookmark_every: float,
    ) -> "Watch":
        """Read a request; refuse with 400 or 422. `watch_list` is `served`, `refused` or `ignored`."""
        send_initial = query.get("sendInitialEvents") == "true"
        if watch_list == "ignored":
            send_initial = False
        else:
            _check_initial(query, served=watch_list == "served")
        text = query.get("resourceVersion", "")
        bookmarks = query.get("allowWatchBookmarks") in {"true", "1"}
        try:
            revision = int(text) if text else 0
            seconds = float(query.get("timeoutSeconds") or random.uniform(1800, 3600))
        except ValueError as error:
            raise Refusal(400, f"invalid watch options: {error}") from error
        return cls(
            selector=selector_of(kind, target, query),
            revision=revision if revision and not send_initial else None,
            initial_end=send_initial and bookmarks,
            seconds=seconds,
            bookmark_every=bookmark_every if bookmarks else 0,
        )


def _check_initial(query: Mapping[str, str], *, served: bool) -> None:
    match, wanted = query.get("resourceVersionMatch", ""), "sendInitialEvents" in query
    problem = ""
    if wanted and not served:
        problem = "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
    elif wanted and match != "NotOlderThan":
        problem = "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    elif match and not wanted:
        problem = "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    if problem:
        raise Refusal(422, f'ListOptions.meta.k8s.io "" is invalid: {problem}')


async def follow(
    cluster: SimulatedCluster, shelf: Shelf, watch: Watch, closing: asyncio.Event
) -> AsyncIterator[list[bytes]]:
    """Yield the lines of a stream in batches until it ends: time over, type gone, server closing, reader too slow."""
    if watch.revision is not None and watch.revision < shelf.oldest:
        yield [too_old_line(watch.revision, shelf.oldest)]
        return
    start = cluster.revision if watch.revision is None else watch.revision
    place = shelf.locate(start)
    end = _now() + watch.seconds
    if watch.revision is None:
        for batch in _initial(shelf.snapshot(start), watch.selector):
            yield batch
        if watch.initial_end:
            yield [bookmark_line(shelf.type, start, _INITIAL_END)]
    with shelf.watcher() as news:
        due = _now() + watch.bookmark_every if watch.bookmark_every else end
        while not closing.is_set() and not shelf.gone:
            news.clear()
            changes = shelf.read(place, _BATCH)
            if changes is None:
                return
            if changes:
                place += len(changes)
                yield [line for change in changes if (line := _tell(change, watch.selector))]
            elif _now() < min(end, due):
                await _either(news, min(end, due) - _now())
            else:
                due = _now() + watch.bookmark_every
                yield (
                    [bookmark_line(shelf.type, max(start, cluster.revision))] if watch.bookmark_every else []
                )
                if _now() >= end:
                    return


def _now() -> float:
    return asyncio.get_running_loop().time()


def _initial(ordered: list[Stored], selector: Selector) -> Iterator[list[bytes]]:
    for first in range(0, len(ordered), _BATCH):
        batch = ordered[first : first + _BATCH]
        yield [event_line("ADDED", item.body) for item in batch if selector.matches(item)]


async def _either(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await news.wait()
    except TimeoutError:
        return


def _tell(change: Change, selector: Selector) -> bytes | None:
    was = change.before is not None and selector.matches(change.before)
    if not change.deleted and selector.matches(change.after):
        return event_line("MODIFIED" if was else "ADDED", change.after.body)
    return event_line("DELETED", change.after.body) if was else None


def event_line(kind: str, body: bytes) -> bytes:
    """Return one line of a stream."""
    return b'{"type":"%b","object":%b}\n' % (kind.encode(), body)


def bookmark_line(
    resource_type: ResourceType, revision: int, annotations: Mapping[str, str] | None = None
) -> bytes:
    """Return a bookmark: an object of the type that holds nothing but a revision."""
    metadata: dict[str, object] = {"resourceVersion": str(revision), "creationTimestamp": None}
    if annotations:
        metadata["annotations"] = dict(annotations)
    encoded = msgspec.json.encode(metadata, order="sorted")
    if resource_type.custom:
        head = f'{{"apiVersion":"{resource_type.api_version}","kind":"{resource_type.kind}",'.encode()
    else:
        head = prefix(resource_type)
    return event_line("BOOKMARK", head + b'"metadata":' + encoded + b"}")


def too_old_line(wanted: int, oldest: int) -> bytes:
    """Return the ERROR event of a watch whose revision has expired; the HTTP status was 200 already."""
    refusal = Refusal(410, f"too old resource version: {wanted} ({oldest})")
    return event_line("ERROR", msgspec.json.encode(refusal.status()))
