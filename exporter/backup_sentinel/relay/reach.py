"""How enrichers and channels reach clusters: one client for each, opened when it is first wanted."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from backup_sentinel.clock import Clock
from backup_sentinel.errors import ApiError, EnrichmentError, OutageReason
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.settings import ClusterSettings

SILENCE = 20.0
"""Seconds of silence after which an answer counts as not coming."""
_IMPLICIT = (ClusterSettings(),)
_LONGEST = 253
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)

Object = dict[str, Any]


def named(text: str) -> str:
    """Return a name that may stand in a path: alerts come from outside, and their labels with them.

    Raises EnrichmentError for what is no name of an object (RFC 1123 subdomain).
    """
    if len(text) > _LONGEST or not _NAME.fullmatch(text):
        raise EnrichmentError(f"{text[:60]!r} is no name of an object")
    return text


def choose(clusters: Sequence[ClusterSettings], name: str) -> ClusterSettings:
    """Return the cluster of a label; where the only one has no name, it is meant by every label.

    Raises EnrichmentError for one that is not configured.
    """
    clusters = clusters or _IMPLICIT
    for one in clusters:
        if one.name == name or (not one.name and len(clusters) == 1):
            return one
    raise EnrichmentError(f"there is no access to a cluster called `{name}`")


class Reach:
    """The clusters of a setting; without any, the one this process runs in or the kubeconfig's current one."""

    def __init__(self, clusters: Sequence[ClusterSettings], clock: Clock | None = None) -> None:
        self._settings = clusters
        self._clock = clock or Clock()
        self._clients: dict[str, Client] = {}

    def cluster(self, name: str) -> "Cluster":
        """Return the cluster of a label. Raises EnrichmentError for one that is not configured."""
        settings = choose(self._settings, name)
        client = self._clients.get(settings.name)
        if client is None:
            client = self._clients[settings.name] = Client(Access(settings, self._clock), self._clock)
        return Cluster(client)

    async def close(self) -> None:
        """Close every connection."""
        while self._clients:
            await self._clients.popitem()[1].close()


class Cluster:
    """Objects of one cluster as they are in JSON. What fails raises ApiError."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, path: str, **params: str) -> Object:
        """Return an object or a list."""
        return _object(await self._client.get(path, params, read_timeout=SILENCE))

    async def items(self, path: str, **params: str) -> list[Object]:
        """Return the objects of a list; none where the cluster does not know the resource."""
        try:
            found = (await self.get(path, **params)).get("items")
        except ApiError as error:
            if error.reason is OutageReason.NOT_SERVED:
                return []
            raise
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    async def create(self, path: str, manifest: Mapping[str, Any]) -> Object:
        """Create an object and return it."""
        return _object(await self._client.send("POST", path, msgspec.json.encode(manifest)))

    async def delete(self, path: str) -> None:
        """Delete an object; one that is gone is deleted."""
        try:
            await self._client.send("DELETE", path, b"")
        except ApiError as error:
            if error.status != 404:
                raise


def _object(body: bytes) -> Object:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ApiError("the answer is no object", reason=OutageReason.BAD_ANSWER)
    return found


__all__ = ["Cluster", "ClusterSettings", "Object", "Reach", "choose", "named"]
