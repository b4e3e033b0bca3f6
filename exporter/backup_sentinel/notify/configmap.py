"""The record in a ConfigMap beside the process. It is only written as it was read: others may have written meanwhile."""

import logging
from collections.abc import Callable

import msgspec

from backup_sentinel.clock import Clock
from backup_sentinel.errors import ApiError, OutageReason
from backup_sentinel.kube.client import Client

from .record import Record, entries
from .settings import RecordSettings
from .shelf import RecordError, recover

_log = logging.getLogger("backup_sentinel.notify")

LIMIT = 1 << 20
"""Bytes of all values of a ConfigMap (kubernetes/pkg/apis/core/validation: ValidateConfigMap)."""
TRIES = 5
PAUSES = (1.0, 2.0, 4.0)
"""Seconds until a server that did not take what was sent is asked again."""
_PASSING = frozenset(
    {OutageReason.UNREACHABLE, OutageReason.TIMEOUT, OutageReason.SERVER_ERROR, OutageReason.THROTTLED}
)
BUSY = f"the record was written by another process {TRIES} times in a row"
LABELS = {
    "app.kubernetes.io/name": "backup-sentinel",
    "app.kubernetes.io/component": "notify",
    # Restored elsewhere it would keep another cluster's failures from being told.
    "velero.io/exclude-from-backup": "true",
}


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str


class _ConfigMap(msgspec.Struct):
    metadata: _Metadata
    data: dict[str, str] = {}


class ConfigMapShelf:
    """One ConfigMap, made by the process itself: chart tools would reset it at each upgrade."""

    def __init__(self, client: Client, namespace: str, settings: RecordSettings, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self.namespace = namespace
        self._settings = settings
        self._version: str | None = None

    async def load(self) -> Record:
        """Return the record, or, where there is none yet, what another alerter has left."""
        found = await self._get(self._settings.name)
        self._version = None if found is None else found.metadata.resource_version
        if found is None or "sent" not in found.data:
            return await self._inherit()
        return recover(found.data, f"ConfigMap {self.namespace}/{self._settings.name}")

    async def save(self, record: Record) -> None:
        """Write the record if the ConfigMap is as it was read; else merge what it is now, and try again.

        What the record holds was sent, so a server that is away for a moment is asked again.
        """
        for pause in PAUSES:
            try:
                await self._save(record)
            except ApiError as error:
                if error.reason not in _PASSING:
                    raise
                await self._clock.sleep(pause)
            else:
                return
        await self._save(record)

    async def _save(self, record: Record) -> None:
        for _ in range(TRIES):
            if await self._write(record):
                return
            record.merge(await self.load())
        raise RecordError(BUSY)

    async def edit(self, change: Callable[[Record], object]) -> None:
        """Read the record, change it and write it; anew where another process was faster."""
        for _ in range(TRIES):
            record = await self.load()
            change(record)
            if await self._write(record):
                return
        raise RecordError(BUSY)

    async def close(self) -> None:
        """Close the connections to the cluster."""
        await self._client.close()

    async def _inherit(self) -> Record:
        name = self._settings.import_from
        try:
            found = await self._get(name)
        except ApiError as error:
            if error.reason is not OutageReason.FORBIDDEN:
                raise
            return Record()
        if found is None:
            return Record()
        try:
            sent = entries(found.data.get("sent", ""))
        except (msgspec.MsgspecError, ValueError) as error:
            _log.warning("nothing taken over", extra={"configmap": name, "error": str(error)})
            return Record()
        _log.info("record of another alerter taken over", extra={"configmap": name, "entries": len(sent)})
        return Record(sent=sent)

    async def _get(self, name: str) -> _ConfigMap | None:
        try:
            body = await self._client.get(self._path(name))
        except ApiError as error:
            if error.reason is OutageReason.NOT_SERVED:
                return None
            raise
        return _decode(body)

    async def _write(self, record: Record) -> bool:
        """Write; return False if the object came, changed or went meanwhile."""
        texts, name = self._fitting(record), self._settings.name
        if self._version is None:
            metadata: dict[str, object] = {"name": name, "namespace": self.namespace, "labels": LABELS}
            method, path, kind = "POST", self._path(), "application/json"
            manifest: dict[str, object] = {"apiVersion": "v1", "kind": "ConfigMap"}
        else:
            metadata = {"resourceVersion": self._version}
            method, path, kind = "PATCH", self._path(name), "application/merge-patch+json"
            manifest = {}
        body = msgspec.json.encode({**manifest, "metadata": metadata, "data": texts})
        try:
            answer = await self._client.send(method, path, body, content_type=kind)
        except ApiError as error:
            # 404 to a POST: there is no such namespace.
            if error.status == 409 or (error.status == 404 and self._version is not None):
                return False
            raise
        self._version = _decode(answer).metadata.resource_version
        return True

    @staticmethod
    def _fitting(record: Record) -> dict[str, str]:
        """Return the texts of the record. Where it is too large the oldest half gives way, of what is open first.

        What is forgotten to be open is not told when it is over, what is forgotten to be sent may be told again.
        """
        while True:
            texts = record.texts()
            size = sum(len(text.encode()) for text in texts.values())
            if size <= LIMIT:
                return texts
            if not record.thin():
                raise RecordError(f"the record needs {size} bytes; a ConfigMap holds {LIMIT}")
            left = {"open": len(record.open), "sent": len(record.sent)}
            _log.warning("the record is full: its oldest entries are left out", extra=left)

    def _path(self, name: str = "") -> str:
        path = f"/api/v1/namespaces/{self.namespace}/configmaps"
        return f"{path}/{name}" if name else path


def _decode(body: bytes) -> _ConfigMap:
    try:
        return msgspec.json.decode(body, type=_ConfigMap)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordError(f"the API server answered with something else than was asked: {error}") from error
