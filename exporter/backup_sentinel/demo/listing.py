"""Lists in pages: one snapshot for all pages of a list, continue tokens, the bytes of a page."""

import base64
import binascii
from collections.abc import Mapping

import msgspec

from .cluster import SimulatedCluster, prefix
from .refusals import Refusal, expired
from .resources import ResourceType, Target
from .selectors import Selector, Stored, parse_selector
from .shelf import Shelf, position, span

_LATEST = -1


class Token(msgspec.Struct, rename={"version": "v", "revision": "rv"}):
    """What a continue token says: the revision of the list and the key to go on from."""

    version: str
    revision: int
    start: str

    def encode(self) -> str:
        """Return the token as clients see it."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Token":
        """Read a token; refuse with 400 what this server did not write."""
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=cls)
        except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
            raise Refusal(400, f"continue key is not valid: {error}") from error


class Page(msgspec.Struct):
    """One page of a list; `continue_` is "" on the last one, `remaining` None where the server does not count."""

    type: ResourceType
    bodies: list[bytes]
    revision: int
    continue_: str = ""
    remaining: int | None = None

    def encode(self) -> bytes:
        """Return the body; custom resources come with sorted keys, so `metadata` stands after `items`."""
        metadata: dict[str, object] = {"continue": self.continue_} if self.continue_ else {}
        if self.remaining is not None:
            metadata["remainingItemCount"] = self.remaining
        if not self.type.polled:
            metadata["resourceVersion"] = str(self.revision)
        kind, version = f"{self.type.kind}List", self.type.api_version
        if self.type.custom:
            head = f'{{"apiVersion":"{version}","items":['.encode()
            tail = b'],"kind":"%b","metadata":%b}\n' % (kind.encode(), msgspec.json.encode(metadata))
            return head + b",".join(self.bodies) + tail
        meta = msgspec.json.encode({"resourceVersion": metadata.pop("resourceVersion"), **metadata})
        head = b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (
            kind.encode(),
            version.encode(),
            meta,
        )
        skip = len(prefix(self.type))
        return head + b",".join([b"{" + body[skip:] for body in self.bodies]) + b"]}\n"


def read_page(cluster: SimulatedCluster, shelf: Shelf, target: Target, query: Mapping[str, str]) -> Page:
    """Answer a list request; refuse with 400, 410 (expired token or revision) or 504 (revision of the future)."""
    selector = selector_of(shelf.type, target, query)
    limit, token = _number(query, "limit"), query.get("continue", "")
    if shelf.type.polled:
        limit, token = 0, ""
    start = ""
    if token:
        if query.get("resourceVersion", "") not in {"", "0"}:
            raise Refusal(400, "specifying resource version is not allowed when using continue")
        read = Token.decode(token)
        start = read.start
        revision, ordered = _resume(cluster, shelf, read)
    else:
        revision, ordered = _begin(cluster, shelf, query)
        if query.get("resourceVersion") == "0":
            limit = 0
    return _cut(shelf.type, ordered, revision, selector, start=start, limit=limit)


def selector_of(kind: ResourceType, target: Target, query: Mapping[str, str]) -> Selector:
    """Return which objects a list or watch request is about."""
    fields = query.get("fieldSelector", "")
    if target.name:
        fields += f",metadata.name={target.name}"
    return parse_selector(kind, target.namespace, query.get("labelSelector", ""), fields)


def _begin(cluster: SimulatedCluster, shelf: Shelf, query: Mapping[str, str]) -> tuple[int, list[Stored]]:
    wanted = _number(query, "resourceVersion")
    if wanted > cluster.revision:
        raise too_large(wanted, cluster.revision)
    if query.get("resourceVersionMatch") == "Exact" and wanted != cluster.revision:
        ordered = shelf.recall(wanted)
        if ordered is None:
            raise expired(f"The resourceVersion for the provided list is too old: {wanted}")
        return wanted, ordered
    return cluster.revision, shelf.snapshot(cluster.revision)


def _resume(cluster: SimulatedCluster, shelf: Shelf, token: Token) -> tuple[int, list[Stored]]:
    if token.revision == _LATEST:
        return cluster.revision, shelf.snapshot(cluster.revision)
    ordered = shelf.recall(token.revision)
    if ordered is None:
        raise expired(continue_=Token(token.version, _LATEST, token.start).encode())
    return token.revision, ordered


def _cut(
    resource_type: ResourceType,
    ordered: list[Stored],
    revision: int,
    selector: Selector,
    *,
    start: str,
    limit: int,
) -> Page:
    first, end = span(ordered, selector.namespace)
    if start:
        first = max(first, position(ordered, start))
    if not selector.terms:
        stop = min(end, first + limit) if limit else end
        bodies = [stored.body for stored in ordered[first:stop]]
    else:
        bodies, stop = [], first
        while stop < end and not (limit and len(bodies) == limit):
            if selector.matches(ordered[stop]):
                bodies.append(ordered[stop].body)
            stop += 1
    page = Page(resource_type, bodies, revision)
    if stop < end:
        page.continue_ = Token("meta.k8s.io/v1", revision, ordered[stop].key).encode()
        page.remaining = None if selector.terms else end - stop
    return page


def too_large(wanted: int, current: int) -> Refusal:
    """Return the refusal of a revision that this server has not reached yet."""
    return Refusal(
        504,
        f"Too large resource version: {wanted}, current: {current}",
        details={
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
        retry_after=1,
    )


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    try:
        return int(text) if text else 0
    except ValueError as error:
        raise Refusal(400, f"invalid value for {name}: {text!r}") from error
