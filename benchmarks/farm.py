"""Simulated API servers, many in one process: Velero objects by the million, made when they are asked for.

Each cluster is a path of its own (/c0, /c1, ...). The first holds `--first` Backups over `--first-schedules` schedules,
each other one `--backups` over `--schedules`. When it serves it prints one line, then obeys commands on standard input,
one JSON object per line, each answered by a line:

    {"do": "storm", "rate": 1000}             that many events a second over all Backup watches but the first cluster's
    {"do": "storm", "rate": 0}                no more
    {"do": "probe"}                           a new Backup, the newest, in the watch of the second cluster; its start
    {"do": "count"}                           events sent so far, open streams
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import ssl
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import uvloop
from aiohttp import web

from benchmarks.objects import FIRST_REVISION, GROUP_VERSION, Objects

BATCH = 100
BEATS = 50
"""Bursts a second in which a storm comes."""
BOOKMARK_SECONDS = 60.0
ROOT = f"/apis/{GROUP_VERSION}"
KINDS = {
    "backups": "Backup",
    "schedules": "Schedule",
    "restores": "Restore",
    "backupstoragelocations": "BackupStorageLocation",
    "podvolumebackups": "PodVolumeBackup",
    "podvolumerestores": "PodVolumeRestore",
    "backuprepositories": "BackupRepository",
    "deletebackuprequests": "DeleteBackupRequest",
}


class Stream(NamedTuple):
    """An open watch of Backups."""

    response: web.StreamResponse
    objects: Objects


class Farm:
    """All clusters; `resources` are the plurals they serve."""

    def __init__(self, first: Objects, other: Objects, resources: list[str]) -> None:
        self.sent = 0
        self._first = first
        self._other = other
        self._resources = resources
        self._revision = itertools.count(FIRST_REVISION + 1)
        self._streams: dict[str, Stream] = {}
        self._open = 0
        self._probes = 0
        self._rate = 0.0

    def _objects(self, cluster: str) -> Objects:
        return self._first if cluster == "c0" else self._other

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer discovery, lists and watches."""
        _, cluster, path = request.path.split("/", 2)
        if f"/{path}" == ROOT:
            return self._json(
                {"kind": "APIResourceList", "resources": [self._entry(p) for p in self._resources]}
            )
        plural = path.rpartition("/")[2]
        if plural not in self._resources:
            return self._json(
                {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}, status=404
            )
        if request.query.get("watch"):
            return await self._watch(request, cluster, plural)
        return self._list(request, self._objects(cluster), plural)

    @staticmethod
    def _entry(plural: str) -> dict[str, Any]:
        return {"name": plural, "kind": KINDS[plural], "namespaced": True, "verbs": ["get", "list", "watch"]}

    @staticmethod
    def _json(value: object, status: int = 200) -> web.Response:
        return web.Response(body=json.dumps(value).encode(), content_type="application/json", status=status)

    @staticmethod
    def _items(objects: Objects, plural: str, start: int, end: int) -> list[bytes]:
        if plural == "backups":
            return [objects.backup(number) for number in range(start, min(end, objects.backups))]
        if plural == "schedules":
            return [objects.schedule(number) for number in range(start, min(end, objects.schedules))]
        return []

    def _list(self, request: web.BaseRequest, objects: Objects, plural: str) -> web.Response:
        start, limit = int(request.query.get("continue", 0)), int(request.query.get("limit", 500))
        items = self._items(objects, plural, start, start + limit)
        total = {"backups": objects.backups, "schedules": objects.schedules}.get(plural, 0)
        metadata = {"resourceVersion": str(FIRST_REVISION)}
        if start + limit < total:
            metadata["continue"] = str(start + limit)
        head = f'{{"apiVersion":"{GROUP_VERSION}","items":['.encode()
        tail = f'],"kind":"{KINDS[plural]}List","metadata":{json.dumps(metadata)}}}\n'.encode()
        return web.Response(body=head + b",".join(items) + tail, content_type="application/json")

    async def _watch(self, request: web.BaseRequest, cluster: str, plural: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        objects = self._objects(cluster)
        self._open += 1
        try:
            if request.query.get("sendInitialEvents"):
                for start in itertools.count(0, BATCH):
                    items = self._items(objects, plural, start, start + BATCH)
                    if not items:
                        break
                    await response.write(b"".join(self._line("ADDED", item) for item in items))
                await response.write(self._bookmark(plural, end=True))
            elif plural == "backups" and cluster != "c0":
                self._streams[cluster] = Stream(response, objects)
            while True:
                await asyncio.sleep(BOOKMARK_SECONDS)
                await response.write(self._bookmark(plural))
        except ConnectionError:
            return response
        finally:
            self._open -= 1
            if (known := self._streams.get(cluster)) is not None and known.response is response:
                del self._streams[cluster]

    @staticmethod
    def _line(kind: str, body: bytes) -> bytes:
        return b'{"type":"%b","object":%b}\n' % (kind.encode(), body)

    def _bookmark(self, plural: str, *, end: bool = False) -> bytes:
        metadata: dict[str, Any] = {"resourceVersion": str(next(self._revision)), "creationTimestamp": None}
        if end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        body = {"kind": KINDS[plural], "apiVersion": GROUP_VERSION, "metadata": metadata}
        return self._line("BOOKMARK", json.dumps(body).encode())

    async def storm(self) -> None:
        """Send events at the wanted rate, each about another object."""
        owed, number = 0.0, itertools.count()
        before = time.perf_counter()
        while True:
            await asyncio.sleep(1 / BEATS)
            now = time.perf_counter()
            owed, before = min(owed + (now - before) * self._rate, self._rate), now
            streams = list(self._streams.values())
            while owed >= 1 and streams:
                owed -= 1
                turn = next(number)
                stream = streams[turn % len(streams)]
                # 7919 is prime: over time every object, one after the other far away.
                body = stream.objects.backup(turn * 7919 % stream.objects.backups, next(self._revision))
                await self._send(stream, body)

    async def _probe(self) -> float:
        """Send a Backup that is newer than those before it; return when it started, which is seen in the page."""
        stream = self._streams["c1"]
        self._probes += 1
        body, started = stream.objects.latest(self._probes, next(self._revision))
        await stream.response.write(self._line("ADDED", body))
        return started

    async def _send(self, stream: Stream, body: bytes) -> None:
        try:
            await stream.response.write(self._line("MODIFIED", body))
            self.sent += 1
        except ConnectionError:
            return

    async def obey(self, command: dict[str, Any]) -> dict[str, float]:
        """Carry out a command."""
        match command:
            case {"do": "storm", "rate": rate}:
                self._rate = rate
            case {"do": "probe"}:
                return {"started": await self._probe()}
        return {"events": self.sent, "streams": self._open}


async def serve(farm: Farm, tls: ssl.SSLContext | None) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = web.Server(farm.handle, access_log=None, handler_cancellation=True)
    listener = await loop.create_server(server, "127.0.0.1", 0, ssl=tls, backlog=4096)
    port = listener.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"{'https' if tls else 'http'}://127.0.0.1:{port}"}), flush=True)
    storm = asyncio.create_task(farm.storm())
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        print(json.dumps(await farm.obey(json.loads(line))), flush=True)
    storm.cancel()


def _arguments() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in ("first", "first-schedules", "backups", "schedules"):
        yield f"--{name}", {"type": int, "required": True}
    yield "--resources", {"default": "backups,schedules"}
    yield "--certificate", {}
    yield "--key", {}


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser()
    for name, how in _arguments():
        parser.add_argument(name, **how)
    options = parser.parse_args()
    now, tls = time.time(), None
    if options.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate, options.key)
    first = Objects(options.first, options.first_schedules, now)
    other = Objects(options.backups, options.schedules, now)
    uvloop.run(serve(Farm(first, other, options.resources.split(",")), tls))


if __name__ == "__main__":
    main()
