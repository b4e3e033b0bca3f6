"""An API server that says what it was told to say, over real HTTP, and remembers what it was asked."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

import msgspec
from aiohttp import web

from backup_sentinel.clock import Clock

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

GROUP = "/apis/velero.io/v1"
BACKUPS = f"{GROUP}/backups"
VERBS = ["get", "list", "watch"]
SERVER: "web.RequestKey[Server]" = web.RequestKey("server", object)  # type: ignore[arg-type]


class Seen(msgspec.Struct):
    """One request that arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") == "true"


class Server:
    """Answers by path, in order; the last answer of a path is given for ever."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self._hanging = 0
        self._changed = asyncio.Condition()
        self.released = asyncio.Event()
        self.url = ""
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls).start()
        port = self._runner.addresses[0][1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        return self

    async def stop(self) -> None:
        self.released.set()
        if self._runner:
            await self._runner.cleanup()

    def on(self, path: str, *answers: Answer, kind: str = "any") -> None:
        """Set the answers to a path; `kind` is list, stream (WatchList), watch or any."""
        self._answers[path, kind] = list(answers)

    def serve(self, *, verbs: list[str] = VERBS) -> None:
        """Serve the discovery of Velero's backups, and no WatchList."""
        self.on(GROUP, discovery(verbs=verbs))
        self.on(BACKUPS, status(422, "Invalid", "sendInitialEvents is forbidden"), kind="stream")

    def asked(self, path: str = BACKUPS, *, kind: str | None = None) -> list[Seen]:
        return [seen for seen in self.requests if seen.path == path and kind in {None, _kind(seen.query)}]

    async def hang(self) -> None:
        """Hold a request until the client goes away or the server stops."""
        await self._count(1)
        try:
            await self.released.wait()
        finally:
            await self._count(-1)

    async def until_hanging(self, count: int) -> None:
        """Wait until so many requests are held."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: self._hanging == count)

    async def _count(self, step: int) -> None:
        async with self._changed:
            self._hanging += step
            self._changed.notify_all()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        self.requests.append(
            Seen(request.method, request.path, query, dict(request.headers), await request.read())
        )
        for kind in (_kind(query), "any"):
            answers = self._answers.get((request.path, kind))
            if answers:
                request[SERVER] = self
                return await (answers.pop(0) if len(answers) > 1 else answers[0])(request)
        return await text("404 page not found\n", 404)(request)


def _kind(query: Mapping[str, str]) -> str:
    if query.get("watch") != "true":
        return "list"
    return "stream" if "sendInitialEvents" in query else "watch"


def text(body: str, code: int = 200, *, content_type: str = "text/plain", **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(text=body, status=code, content_type=content_type, headers=named)

    return answer


def body(value: Any, code: int = 200, **headers: str) -> Answer:
    return text(json.dumps(value), code, content_type="application/json", **headers)


def status(code: int, reason: str = "", message: str = "", http: int | None = None, **headers: str) -> Answer:
    return body(status_object(code, reason, message), code if http is None else http, **headers)


def status_object(code: int, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}


def discovery(*, verbs: list[str] = VERBS, plural: str = "backups") -> Answer:
    resources = [
        {"name": plural, "kind": "Backup", "namespaced": True, "verbs": verbs},
        {"name": f"{plural}/status", "kind": "Backup", "namespaced": True, "verbs": ["get"]},
    ]
    return body({"kind": "APIResourceList", "groupVersion": "velero.io/v1", "resources": resources})


def groups(*offered: str) -> Answer:
    """The list of all groups; each as "group/version", as a client asks for it."""
    listed: dict[str, list[dict[str, str]]] = {}
    for name in offered:
        group, version = name.split("/")
        listed.setdefault(group, []).append({"groupVersion": name, "version": version})
    return body(
        {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [{"name": group, "versions": versions} for group, versions in listed.items()],
        }
    )


def backup(name: str, version: int = 1) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "velero", "resourceVersion": str(version)}}


def page(*names: str, version: str | None = "10", token: str = "", remaining: int | None = None) -> Answer:
    metadata: dict[str, Any] = {}
    if version is not None:
        metadata["resourceVersion"] = version
    if token:
        metadata["continue"] = token
    if remaining is not None:
        metadata["remainingItemCount"] = remaining
    return body({"kind": "BackupList", "items": [backup(name) for name in names], "metadata": metadata})


def event(kind: str, value: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": value}).encode() + b"\n"


def added(name: str, version: int) -> bytes:
    return event("ADDED", backup(name, version))


def bookmark(version: int, *, end: bool = False) -> bytes:
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return event("BOOKMARK", {"kind": "Backup", "metadata": metadata})


def stream(*lines: bytes, then: str = "end", content_type: str = "application/json") -> Answer:
    """Send lines, then `end` properly, `hang` in silence, or `cut` the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        server: Server = request[SERVER]
        response = web.StreamResponse(headers={"Content-Type": content_type})
        await response.prepare(request)
        for line in lines:
            await response.write(line)
        if then == "cut":
            assert request.transport
            request.transport.abort()
        if then == "hang":
            await server.hang()
        return response

    return answer


def silence() -> Answer:
    """Accept the request and answer nothing."""

    async def answer(request: web.Request) -> web.StreamResponse:
        server: Server = request[SERVER]
        await server.hang()
        return web.Response()

    return answer


class FakeClock(Clock):
    """Time that passes only by sleeping, which takes none."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


class Metadata(msgspec.Struct):
    name: str = "?"
    resource_version: str | None = msgspec.field(name="resourceVersion", default=None)


class ListMetadata(msgspec.Struct):
    resource_version: str | None = msgspec.field(name="resourceVersion", default=None)
    continue_token: str | None = msgspec.field(name="continue", default=None)
    remaining: int | None = msgspec.field(name="remainingItemCount", default=None)


class Object(msgspec.Struct):
    metadata: Metadata


class ObjectList(msgspec.Struct):
    items: list[Object]
    metadata: ListMetadata


class Names(msgspec.Struct):
    items: list[str]
    resource_version: str | None
    continue_token: str | None
    remaining: int | None


class Name(msgspec.Struct):
    value: str
    resource_version: str | None


class NameDecoder:
    """Decodes an object to its name."""

    def page(self, data: bytes) -> Names:
        try:
            found = msgspec.json.decode(data, type=ObjectList)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from error
        names = [entry.metadata.name for entry in found.items]
        meta = found.metadata
        return Names(names, meta.resource_version, meta.continue_token, meta.remaining)

    def item(self, raw: bytes | msgspec.Raw) -> Name:
        try:
            meta = msgspec.json.decode(raw, type=Object).metadata
        except msgspec.MsgspecError:
            return Name("!", None)
        return Name(meta.name, meta.resource_version)
