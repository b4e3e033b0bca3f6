"""ConfigMaps beside the exporter, made by the process itself: chart tools would reset them at each upgrade.

Sixteen at most, chosen by a hash of the cluster's name and never by shard or pod, so that a cluster that moves to another
shard finds its memory. Each cluster is one key of `binaryData`. Writing is compare-and-swap on resourceVersion.

Who writes cannot know which other clusters are still watched, by other shards too. So a cluster that was removed stays
until its ConfigMap is full, and gives way then, if nobody wrote it for a long time.
"""

import asyncio
import base64
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from backup_sentinel.clock import Clock
from backup_sentinel.errors import ApiError, OutageReason, SentinelError
from backup_sentinel.export.store import SavedCluster, merge
from backup_sentinel.kube.client import Client

from .envelope import CorruptStateError, LostStateError, pack, slot, unpack, written

_log = logging.getLogger("backup_sentinel.export")

LIMIT = 1 << 20
"""Bytes of all values of a ConfigMap, before base64 (kubernetes/pkg/apis/core/validation: ValidateConfigMap)."""

KEPT = 90 * 86400.0
"""Seconds after the last write in which the state of a cluster gives way to no other one."""

TOO_LARGE = frozenset({413, 422})
"""Answers to an object that is larger than the API server takes."""

TRIES = 5
LABELS = {
    "app.kubernetes.io/name": "backup-sentinel",
    "app.kubernetes.io/component": "state",
    # A restore of this object elsewhere would bring the memory of another cluster.
    "velero.io/exclude-from-backup": "true",
}


class ConfigMapError(SentinelError):
    """The state cannot be stored."""


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    uid: str
    resource_version: str


class _Object(msgspec.Struct):
    metadata: _Metadata


class _ConfigMap(_Object, rename="camel"):
    binary_data: dict[str, str] = {}


_T = TypeVar("_T", bound=_Object)


def names(name: str) -> list[str]:
    """Return the names of all ConfigMaps that a state of this name may be kept in."""
    return [f"{name}-{digit}" for digit in "0123456789abcdef"]


class ConfigMaps:
    """ConfigMaps `<name>-<hex digit>` of one namespace."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str = "backup-sentinel-state",
        *,
        clock: Clock | None = None,
    ) -> None:
        self._client = client
        self._clock = clock or Clock()
        self._namespace = namespace
        self._name = name
        self._home: str | None = None
        self._versions: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._reading: dict[str, asyncio.Task[_ConfigMap | None]] = {}
        # What a thousand schedules have left takes too long to compress between two scrapes.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="state")

    async def load(self, cluster: str) -> SavedCluster | None:
        """Return what was stored; None if nothing was.

        Raises ApiError, ConfigMapError, and LostStateError for what is of no use.
        """
        home = await self._identity()
        text = await self._stored(cluster)
        if text is None:
            return None
        document = unpack(_decode(text), home, cluster)
        self._known[cluster] = text
        return document

    async def save(self, document: SavedCluster) -> tuple[SavedCluster, int]:
        """Store a document; return what was stored, and its size in bytes. Raises ApiError, ConfigMapError."""
        home = await self._identity()
        cluster = document.cluster
        for _ in range(TRIES):
            body = await asyncio.get_running_loop().run_in_executor(
                self._executor, pack, document, home, self._clock.now()
            )
            if len(body) > LIMIT:
                raise ConfigMapError(
                    f"the state of cluster {cluster} needs {len(body)} bytes; a ConfigMap holds {LIMIT}"
                )
            try:
                if await self._write(cluster, base64.b64encode(body).decode()):
                    return document, len(body)
            except ApiError as error:
                if error.status not in TOO_LARGE or not await self._make_room(cluster, len(body)):
                    raise
            document = await self._merged(document, home)
        raise ConfigMapError(
            f"the state of cluster {cluster} was written by another process {TRIES} times in a row"
        )

    async def close(self) -> None:
        """Close the connections to the cluster, and let go of the thread."""
        self._executor.shutdown(wait=False)
        for task in self._reading.values():
            task.cancel()
        await self._client.close()

    async def _merged(self, document: SavedCluster, home: str) -> SavedCluster:
        """Read what is there now; if another process has written about the same cluster, add it."""
        text = await self._stored(document.cluster)
        if text is None or text == self._known.get(document.cluster):
            return document
        try:
            other = unpack(_decode(text), home, document.cluster)
            return await asyncio.get_running_loop().run_in_executor(self._executor, merge, document, other)
        except LostStateError:
            return document

    async def _make_room(self, cluster: str, size: int) -> bool:
        """Take out of a ConfigMap without room for so many bytes what nobody wrote for long; return whether there was any."""
        name = self._map(cluster)
        found = await self._get(name)
        others = {} if found is None else {k: v for k, v in found.binary_data.items() if k != slot(cluster)}
        if sum(3 * len(text) // 4 for text in others.values()) + size <= LIMIT:
            return False
        long_ago = self._clock.now() - KEPT
        old = [key for key, text in others.items() if (_written(text) or long_ago) < long_ago]
        if old and await self._send(name, dict.fromkeys(old)):
            _log.info(
                "state of clusters that was not written for %d days made room for others: %d",
                KEPT // 86400,
                len(old),
                extra={"configmap": name},
            )
        return bool(old)

    async def _write(self, cluster: str, text: str) -> bool:
        """Write one key; return False if the object came, changed or went meanwhile."""
        if not await self._send(self._map(cluster), {slot(cluster): text}):
            return False
        self._known[cluster] = text
        return True

    async def _send(self, name: str, data: dict[str, str | None]) -> bool:
        """Write keys, take out those without a value; return False if the object came, changed or went meanwhile."""
        version = self._versions.pop(name, None)
        if version is None:
            metadata = {"name": name, "namespace": self._namespace, "labels": LABELS}
            method, path, kind = "POST", self._path(), "application/json"
            manifest: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        else:
            method, path, kind = "PATCH", self._path(name), "application/merge-patch+json"
            manifest = {"metadata": {"resourceVersion": version}}
        manifest["binaryData"] = data
        try:
            answer = await self._client.send(method, path, msgspec.json.encode(manifest), content_type=kind)
        except ApiError as error:
            # 404 to a POST: there is no such namespace.
            if error.status == 409 or (error.status == 404 and version is not None):
                return False
            raise
        self._versions[name] = _read(answer, _ConfigMap).metadata.resource_version
        return True

    async def _stored(self, cluster: str) -> str | None:
        """Return what is stored of a cluster; those who ask for the same object at once share one answer."""
        name = self._map(cluster)
        task = self._reading.get(name)
        if task is None:
            task = self._reading[name] = asyncio.create_task(self._get(name))
            task.add_done_callback(lambda _: self._reading.pop(name))
        found = await asyncio.shield(task)
        return None if found is None else found.binary_data.get(slot(cluster))

    async def _get(self, name: str) -> _ConfigMap | None:
        self._versions.pop(name, None)
        try:
            found = _read(await self._client.get(self._path(name)), _ConfigMap)
        except ApiError as error:
            if error.reason is OutageReason.NOT_SERVED:
                return None
            raise
        self._versions[name] = found.metadata.resource_version
        return found

    async def _identity(self) -> str:
        if self._home is None:
            self._home = _read(await self._client.get("/api/v1/namespaces/kube-system"), _Object).metadata.uid
        return self._home

    def _map(self, cluster: str) -> str:
        return f"{self._name}-{slot(cluster)[0]}"

    def _path(self, name: str = "") -> str:
        path = f"/api/v1/namespaces/{self._namespace}/configmaps"
        return f"{path}/{name}" if name else path


def _read(body: bytes, kind: type[_T]) -> _T:
    """Decode an object. Raises ConfigMapError for an answer that is none, such as a Status with 200."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigMapError(
            f"the API server answered with something else than was asked: {error}"
        ) from error


def _written(text: str) -> float | None:
    try:
        return written(base64.b64decode(text[:12], validate=True))
    except ValueError:
        return None


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise CorruptStateError(f"the stored state is not base64: {error}") from error
