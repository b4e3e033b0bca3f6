"""A pretend cluster with Velero in it: an API server, a controller that signs URLs, and a storage behind them."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from backup_sentinel.config import Config
from backup_sentinel.demo.apiserver import SimulatedApiServer
from backup_sentinel.demo.velero.objects import TYPES
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.looking import Lookout
from support.httpserver import Handler, HttpServer
from support.velero import backup, location, schedule, stamp

SIGNATURE = "5ignatur3-0f-nobody"
LOOK = Lookout(Config(), fresh=0)
NOW = 1_772_413_200.0
RUN = "shop-20260302010003"
FAILED_ITEM = (
    " resource: /pods name: /shop-0 message: /Error backing up item"
    " error: /error executing custom action (groupResource=pods, namespace=shop, name=shop-0): timed out waiting for the condition"
)
RESULTS = {
    "errors": {"namespaces": {"shop": [FAILED_ITEM], "web": [" name: /web-1 error: /hook failed"]}},
    "warnings": {"namespaces": {"shop": ["nothing of interest"]}},
}


def packed(content: Any = RESULTS) -> bytes:
    """Return a results file as Velero stores it."""
    return gzip.compress(json.dumps(content).encode())


class Storage:
    """A real HTTP or HTTPS server that gives files to whoever has the signature, and repeats it to who has not."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.slow = threading.Event()
        self.slow.set()
        self.asked: list[str] = []
        self.shown: list[str] = []
        storage = self

        class Giving(Handler):
            def take(self) -> None:
                storage.asked.append(self.path)
                storage.shown += [self.headers["Authorization"]] if self.headers["Authorization"] else []
                status, headers, body = storage.answer(self.path)
                storage.slow.wait(30)
                self.answer(status, body, **headers)

        self._server = HttpServer(Giving, tls)
        self._server.start()
        self.url = self._server.url

    def answer(self, target: str) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(target)
        if parts.path in self.answers:
            return self.answers[parts.path]
        if parse_qs(parts.query).get("X-Amz-Signature") != [SIGNATURE]:
            return 403, {}, f"<Error><StringToSign>{target} {SIGNATURE}</StringToSign></Error>".encode()
        found = self.files.get(parts.path)
        return (200, {}, found) if found is not None else (404, {}, f"<Error>{SIGNATURE}</Error>".encode())

    def sign(self, path: str) -> str:
        return f"{self.url}{path}?X-Amz-Credential=AKIAFAKEFAKEFAKEFAKE&X-Amz-Signature={SIGNATURE}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Answer nobody any more."""
        self.slow.set()
        self._server.stop()


class Velero:
    """A cluster with Velero; `status` says what becomes of a DownloadRequest, None leaves it as it is."""

    def __init__(self, server: SimulatedApiServer, storage: Storage) -> None:
        self.server = server
        self.storage = storage
        self.requests: list[dict[str, Any]] = []
        self.status: Callable[[dict[str, Any]], dict[str, Any] | None] = self._sign

    def put(self, *manifests: dict[str, Any]) -> None:
        """Put objects; runs are created when they begin, unless they were found in a bucket."""
        for manifest in manifests:
            begun = manifest.get("status", {}).get("startTimestamp")
            created = {"creationTimestamp": begun} if begun else {}
            self.server.cluster.put({**manifest, "metadata": {**created, **manifest["metadata"]}})

    def fail_in_part(self) -> None:
        """Let the newest run of the schedule `shop` fail in part, after one that was fine."""
        self.put(
            schedule("shop"),
            location(),
            backup(
                "shop-20260301010003",
                "Completed",
                schedule="shop",
                startTimestamp=stamp(NOW - 90_000),
                completionTimestamp=stamp(NOW - 89_000),
            ),
            backup(
                RUN,
                "PartiallyFailed",
                schedule="shop",
                startTimestamp=stamp(NOW - 3_600),
                completionTimestamp=stamp(NOW - 3_000),
                progress={"itemsBackedUp": 41, "totalItems": 43},
                errors=2,
                warnings=1,
            ),
            {
                "apiVersion": "velero.io/v1",
                "kind": "PodVolumeBackup",
                "metadata": {
                    "name": f"{RUN}-x",
                    "namespace": "velero",
                    "labels": {"velero.io/backup-name": RUN},
                    "annotations": {"velero.io/pvc-name": "data-shop-0"},
                },
                "spec": {"pod": {"namespace": "shop", "name": "shop-0"}, "volume": "data"},
                "status": {"phase": "Failed", "message": "connection refused"},
            },
            event("BackupFailed", "2 errors, see the results file", kind="Warning"),
        )
        self.storage.files[self.path(RUN)] = packed()

    @staticmethod
    def path(run: str) -> str:
        return f"/backups/{run}-results.gz"

    @property
    def settings(self) -> ClusterSettings:
        return ClusterSettings(api_url=self.server.url)

    @property
    def look(self) -> Lookout:
        return LOOK

    def left(self) -> list[dict[str, Any]]:
        """Return the requests that nobody has deleted."""
        return self.server.cluster.objects("downloadrequests.velero.io")

    def _sign(self, request: dict[str, Any]) -> dict[str, Any]:
        url = self.storage.sign(self.path(request["spec"]["target"]["name"]))
        return {"phase": "Processed", "downloadURL": url, "expiration": stamp(NOW + 600)}

    async def run(self) -> None:
        """Do the work of the controller until cancelled."""
        seen: set[str] = set()
        while True:
            for request in self.left():
                name = request["metadata"]["name"]
                if name not in seen:
                    seen.add(name)
                    self.requests.append(request)
                    if (status := self.status(request)) is not None:
                        self.put({**request, "status": status})
            await asyncio.sleep(0.01)


def event(
    reason: str, message: str, *, kind: str = "Normal", name: str = "", about: str = RUN
) -> dict[str, Any]:
    """Return an Event about a run."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name or f"{about}.{reason.lower()}", "namespace": "velero"},
        "involvedObject": {
            "apiVersion": "velero.io/v1",
            "kind": "Backup",
            "namespace": "velero",
            "name": about,
        },
        "type": kind,
        "reason": reason,
        "message": message,
        "lastTimestamp": stamp(NOW - 3_000),
    }


@contextlib.asynccontextmanager
async def velero(tls: ssl.SSLContext | None = None) -> AsyncIterator[Velero]:
    """Start everything."""
    with Storage(tls) as storage:
        async with SimulatedApiServer(TYPES) as server:
            made = Velero(server, storage)
            working = asyncio.create_task(made.run())
            try:
                yield made
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
