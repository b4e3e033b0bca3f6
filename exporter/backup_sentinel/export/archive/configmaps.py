"""ConfigMaps beside the exporter, made by the process itself: chart tools would reset them at each upgrade.

Sixteen at most, chosen by a hash of the cluster's name and never by shard or pod, so that a cluster that moves to another
shard finds its memory. Each cluster is one key of `binaryData`. Writing is compare-and-swap on resourceVersion.
"""

import base64
from typing import Any

import msgspec

from backup_sentinel.errors import ApiError, SentinelError
from backup_sentinel.export.store import SavedCluster, merge
from backup_sentinel.kube.client import Client

from .envelope import CorruptStateError, ForeignStateError, pack, slot, unpack

LIMIT = 1 << 20
"""Bytes of a ConfigMap (k8s.io/api/core/v1: MaxSecretSize applies to ConfigMaps alike)."""

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
    uid: str = ""
    resource_version: str = ""


class _ConfigMap(msgspec.Struct, rename="camel"):
    metadata: _Metadata
    binary_data: dict[str, str] = {}


class ConfigMaps:
    """ConfigMaps `<name>-<hex digit>` of one namespace."""

    def __init__(self, client: Client, namespace: str, name: str = "backup-sentinel-state") -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._home: str | None = None
        self._versions: dict[str, str] = {}

    async def load(self, cluster: str) -> SavedCluster | None:
        """Return what was stored; None if nothing was.

        Raises ApiError, CorruptStateError, ForeignStateError.
        """
        home = await self._identity()
        found = await self._read(cluster)
        body = found.binary_data.get(slot(cluster)) if found is not None else None
        return None if body is None else unpack(_decode(body), home)

    async def save(self, document: SavedCluster) -> tuple[SavedCluster, int]:
        """Store a document; return what was stored, and its size in bytes. Raises ApiError, ConfigMapError."""
        home = await self._identity()
        cluster = document.cluster
        for _ in range(TRIES):
            body = pack(document, home)
            if len(body) * 4 // 3 > LIMIT:
                raise ConfigMapError(
                    f"the state of cluster {cluster} needs {len(body)} bytes; a ConfigMap holds {LIMIT}"
                )
            try:
                await self._write(cluster, body)
            except ApiError as error:
                if error.status not in {404, 409}:
                    raise
                document = await self._merged(cluster, document, home)
                continue
            return document, len(body)
        raise ConfigMapError(
            f"the state of cluster {cluster} was written by another process {TRIES} times in a row"
        )

    async def close(self) -> None:
        """Close the connections to the cluster."""
        await self._client.close()

    async def _merged(self, cluster: str, document: SavedCluster, home: str) -> SavedCluster:
        """Read what is there now, and add it."""
        self._versions.pop(self._map(cluster), None)
        found = await self._read(cluster)
        body = found.binary_data.get(slot(cluster)) if found is not None else None
        if body is None:
            return document
        try:
            return merge(document, unpack(_decode(body), home))
        except (CorruptStateError, ForeignStateError):
            return document

    async def _write(self, cluster: str, body: bytes) -> None:
        name = self._map(cluster)
        data = {slot(cluster): base64.b64encode(body).decode()}
        version = self._versions.get(name)
        if version is None:
            manifest: dict[str, Any] = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": self._namespace, "labels": LABELS},
                "binaryData": data,
            }
            answer = await self._client.send("POST", self._path(), msgspec.json.encode(manifest))
        else:
            patch = {"metadata": {"resourceVersion": version}, "binaryData": data}
            answer = await self._client.send(
                "PATCH",
                self._path(name),
                msgspec.json.encode(patch),
                content_type="application/merge-patch+json",
            )
        self._versions[name] = msgspec.json.decode(answer, type=_ConfigMap).metadata.resource_version

    async def _read(self, cluster: str) -> _ConfigMap | None:
        name = self._map(cluster)
        try:
            found = msgspec.json.decode(await self._client.get(self._path(name)), type=_ConfigMap)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        except msgspec.MsgspecError as error:
            raise CorruptStateError(f"ConfigMap {name} cannot be read: {error}") from error
        self._versions[name] = found.metadata.resource_version
        return found

    async def _identity(self) -> str:
        if self._home is None:
            body = await self._client.get("/api/v1/namespaces/kube-system")
            self._home = msgspec.json.decode(body, type=_ConfigMap).metadata.uid
        return self._home

    def _map(self, cluster: str) -> str:
        return f"{self._name}-{slot(cluster)[0]}"

    def _path(self, name: str = "") -> str:
        path = f"/api/v1/namespaces/{self._namespace}/configmaps"
        return f"{path}/{name}" if name else path


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise CorruptStateError(f"the stored state is not base64: {error}") from error
