"""Asks a cluster whether it serves a resource, in which version and with which verbs.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api (unaggregated: every server has it)
"""

import asyncio

import msgspec

from backup_sentinel.clock import Clock
from backup_sentinel.errors import ApiError, OutageReason

from . import failure
from .client import Client
from .resource import ResourceType, Served


class Entry(msgspec.Struct):
    """One resource of an APIResourceList; subresources have a slash in their name."""

    name: str
    kind: str
    verbs: list[str] | None = None


class ResourceList(msgspec.Struct):
    """`meta/v1.APIResourceList`. Go writes an empty list as null."""

    kind: str
    resources: list[Entry] | None


class Version(msgspec.Struct):
    """One version of a group, such as `velero.io/v1`."""

    groupVersion: str  # noqa: N815 - the field's name in JSON


class Group(msgspec.Struct):
    """One group of an APIGroupList."""

    versions: list[Version] | None = None


class GroupList(msgspec.Struct):
    """`meta/v1.APIGroupList`."""

    kind: str
    groups: list[Group] | None = None


_decoder = msgspec.json.Decoder(ResourceList)
_groups = msgspec.json.Decoder(GroupList)

GROUPS = "/apis"

ASK_EACH = frozenset({OutageReason.NOT_SERVED, OutageReason.FORBIDDEN, OutageReason.BAD_ANSWER})
"""Answers to the question for all groups that lead to asking for each: some proxies let only that through."""


class Discovery:
    """What one cluster serves, asked once for all resources of a group: share one between its reflectors.

    An answer is good for `life` seconds; an error is not kept.
    """

    def __init__(self, client: Client, clock: Clock, *, life: float = 20.0) -> None:
        self._client = client
        self._clock = clock
        self._life = life
        self._known: dict[str, tuple[float, list[Entry]]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._offered: tuple[float, frozenset[str] | None] = (0.0, None)

    async def find(self, wanted: ResourceType) -> Served | None:
        """Return how the cluster serves `wanted`, or None where it does not: the operator is not installed.

        Only the API server's own "not found" and a list without the plural count as None. An aggregated
        API whose backend is down answers 503, which is an outage. Raises ApiError.
        """
        if wanted.beside is not None and await self.find(wanted.beside) is None:
            return None
        offered = await self.offer() if wanted.group else None
        for version in wanted.versions:
            if offered is not None and f"{wanted.group}/{version}" not in offered:
                continue
            for entry in await self._list(wanted.root(version)):
                if entry.name == wanted.plural:
                    return Served(wanted, version, entry.kind, frozenset(entry.verbs or ()))
        return None

    def forget(self, wanted: ResourceType) -> None:
        """Ask again next time: a request for `wanted` was answered with 404."""
        self._offered = (0.0, None)
        for version in wanted.versions:
            self._known.pop(wanted.root(version), None)

    async def offer(self) -> frozenset[str] | None:
        """Return all groups with their versions, with one request; None where that cannot be asked for.

        A group whose backend is down is among them: it is registered. Raises ApiError where the cluster does not answer.
        """
        async with self._locks.setdefault(GROUPS, asyncio.Lock()):
            until, offered = self._offered
            if self._clock.now() >= until:
                try:
                    offered = _group_versions(await self._client.get(GROUPS))
                except ApiError as error:
                    if error.reason not in ASK_EACH:
                        raise
                    offered = None
                self._offered = self._clock.now() + self._life, offered
            return offered

    async def _list(self, path: str) -> list[Entry]:
        async with self._locks.setdefault(path, asyncio.Lock()):
            until, entries = self._known.get(path, (0.0, []))
            if self._clock.now() >= until:
                try:
                    entries = _entries(await self._client.get(path), path)
                except ApiError as error:
                    if error.reason is not OutageReason.NOT_SERVED:
                        raise
                    entries = []
                self._known[path] = self._clock.now() + self._life, entries
            return entries


def _group_versions(body: bytes) -> frozenset[str]:
    status = failure.status_of(body)
    if status is not None:
        raise failure.from_status(status, f"GET {GROUPS}")
    try:
        found = _groups.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(f"GET {GROUPS}: not a list of groups", reason=OutageReason.BAD_ANSWER) from error
    if found.kind != "APIGroupList" or not found.groups:
        raise ApiError(f"GET {GROUPS}: not a list of groups", reason=OutageReason.BAD_ANSWER)
    return frozenset(version.groupVersion for group in found.groups for version in group.versions or ())


def _entries(body: bytes, path: str) -> list[Entry]:
    status = failure.status_of(body)
    if status is not None:
        raise failure.from_status(status, f"GET {path}")
    try:
        found = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(f"GET {path}: not a list of resources", reason=OutageReason.BAD_ANSWER) from error
    if found.kind != "APIResourceList":
        raise ApiError(f"GET {path}: {found.kind} instead of APIResourceList", reason=OutageReason.BAD_ANSWER)
    return found.resources or []
