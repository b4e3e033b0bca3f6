"""The HTTP side of a simulated cluster: an API server on a free port of 127.0.0.1."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterable
from typing import Literal, Self

import msgspec
from aiohttp import web

from .access import Access
from .cluster import SimulatedCluster
from .discovery import discover
from .exchange import Exchange
from .faults import Fault, StreamOver
from .journal import Journal, Request
from .listing import read_page
from .refusals import Refusal
from .resources import ResourceType, Target, parse_path
from .shelf import Shelf
from .switchboard import Faults
from .watching import Watch, follow
from .writing import create, delete, existing, patch, replace

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_HOST = "127.0.0.1"


class SimulatedApiServer:
    """Serves one cluster as a Kubernetes API server would; `async with` starts and stops it.

    `watch_list` says what becomes of `sendInitialEvents`: `served`, `refused` (422, feature gate off) or `ignored`
    (servers that do not know it). `bookmark_every` is seconds. `journal` holds the requests, `faults` what goes wrong,
    `access` tokens and rights; all three may be used while the server runs.
    """

    def __init__(
        self,
        cluster: SimulatedCluster | Iterable[ResourceType] = (),
        *,
        access: Access | None = None,
        tls: ssl.SSLContext | None = None,
        watch_list: Literal["served", "refused", "ignored"] = "served",
        bookmark_every: float = 60,
    ) -> None:
        self.cluster = (
            cluster if isinstance(cluster, SimulatedCluster) else SimulatedCluster("cluster", cluster)
        )
        self.access = access or Access()
        self.faults = Faults()
        self.journal = Journal()
        self.watch_list = watch_list
        self.bookmark_every = bookmark_every
        self.streams = 0
        self._tls = tls
        self._closing = asyncio.Event()
        self._web: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._anchor: socket.socket | None = None

    @property
    def port(self) -> int:
        """Return the port, which stays the same while the server is down; RuntimeError before `start`."""
        if self._anchor is None:
            raise RuntimeError("the server has not been started")
        return int(self._anchor.getsockname()[1])

    @property
    def url(self) -> str:
        """Return the address, without a slash at its end."""
        return f"{'https' if self._tls else 'http'}://{_HOST}:{self.port}"

    @property
    def listening(self) -> bool:
        """Return whether connections are taken."""
        return self._listener is not None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Take a free port and listen on it."""
        self._closing.clear()
        self._web = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._anchor = _socket(0)
        await self.up()

    async def stop(self) -> None:
        """End all streams at once, refuse connections and give the port back."""
        self._closing.set()
        await self._refuse()
        for resource_type in self.cluster.types:
            self.cluster.shelf(resource_type).wake()
        if self._web is not None:
            connections = [connection.transport for connection in self._web.connections]
            self._web.pre_shutdown()
            await self._web.shutdown(1)
            for transport in filter(None, connections):
                transport.abort()  # what nobody reads would keep it open
            await _turns()
            self._web = None
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None

    async def down(self) -> None:
        """Break all connections and refuse new ones; the objects and the port are kept."""
        await self._refuse()
        for connection in self._web.connections if self._web else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def up(self) -> None:
        """Listen again after `down`, on the same port."""
        if self._listener is None and self._web is not None:
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(
                self._web, sock=_socket(self.port), ssl=self._tls, backlog=1024
            )

    async def _refuse(self) -> None:
        """Take no connection any more. Those that are just being taken arrive first, so that they end with the others.

        Where `asyncio.Server.close` comes between `accept` and the transport, nobody ever closes the socket.
        """
        listener, self._listener = self._listener, None
        if listener is None:
            return
        loop = asyncio.get_running_loop()
        for bound in listener.sockets:
            loop.remove_reader(bound.fileno())
        await _turns()  # with asyncio
        listener.close()
        await _turns()  # with uvloop, which has no such reader

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        query = dict(request.query)
        target = parse_path(request.path)
        entry = Request(_verb(request.method, target, query), request.path, query=query)
        entry.user_agent = request.headers.get("User-Agent", "")
        if target is not None:
            entry.resource = f"{target.plural}.{target.group}" if target.group else target.plural
            entry.namespace, entry.name = target.namespace, target.name
        self.journal.add(entry)
        exchange = Exchange(request, entry, self._closing, self.cluster.clock.now())
        try:
            return await self._serve(exchange, target)
        except Refusal as refusal:
            return await exchange.refuse(refusal)

    async def _serve(self, exchange: Exchange, target: Target | None) -> web.StreamResponse:
        entry = exchange.entry
        struck = self.faults.strike(entry.verb, entry.resource)
        for fault in struck:
            if (response := await fault.instead(exchange)) is not None:
                return response
        entry.user = self.access.identify(exchange.request.headers.get("Authorization"))
        if target is None:
            return await self._discover(exchange)
        shelf = self.cluster.find(target.group, target.version, target.plural)
        if shelf is None:
            raise Refusal(404, "the server could not find the requested resource", details={})
        self.access.check(entry.user, entry.verb, shelf.type, target)
        if entry.verb == "watch":
            if shelf.type.polled:
                raise Refusal(
                    405, "the server does not allow this method on the requested resource", details={}
                )
            return await self._watch(exchange, shelf, target, struck)
        body, status = await self._answer(exchange, shelf, target, struck)
        for fault in struck:
            if (response := await fault.body(exchange, body)) is not None:
                return response
        return await exchange.send(exchange.pretty(body), status=status)

    async def _discover(self, exchange: Exchange) -> web.StreamResponse:
        found = discover(self.cluster, exchange.request.path)
        if found is None:
            raise Refusal(404, "the server could not find the requested resource", details={})
        if isinstance(found, str):
            return await exchange.send(found.encode(), content_type="text/plain")
        return await exchange.send(exchange.pretty(msgspec.json.encode(found) + b"\n"))

    async def _answer(
        self, exchange: Exchange, shelf: Shelf, target: Target, struck: list[Fault]
    ) -> tuple[bytes, int]:
        verb, cluster = exchange.entry.verb, self.cluster
        if verb == "list":
            page = read_page(cluster, shelf, target, exchange.entry.query)
            for fault in struck:
                fault.page(page)
            return page.encode(), 200
        if verb == "get":
            existing(cluster, shelf, target)
            return shelf.items[f"{target.namespace}/{target.name}"].body + b"\n", 200
        body, status = await exchange.request.content.read(), 200
        if verb == "create" and not target.name:
            result, status = create(cluster, shelf, target, body), 201
        elif verb == "update" and target.name:
            result = replace(cluster, shelf, target, body)
        elif verb == "patch" and target.name:
            result = patch(cluster, shelf, target, body, exchange.request.content_type)
        elif verb == "delete" and target.name:
            result = delete(cluster, shelf, target, body)
        else:
            raise Refusal(405, "the server does not allow this method on the requested resource", details={})
        return msgspec.json.encode(result) + b"\n", status

    async def _watch(
        self, exchange: Exchange, shelf: Shelf, target: Target, struck: list[Fault]
    ) -> web.StreamResponse:
        watch = Watch.read(
            shelf.type,
            target,
            exchange.entry.query,
            watch_list=self.watch_list,
            bookmark_every=self.bookmark_every,
        )
        fault = next((fault for fault in struck if type(fault).line is not Fault.line), None)
        stream = await exchange.open()
        self.streams += 1
        try:
            if fault is not None:
                await fault.opened(stream)
            async for lines in follow(self.cluster, shelf, watch, self._closing):
                if fault is None:
                    await stream.write(b"".join(lines))
                    continue
                for line in lines:
                    await fault.line(stream, line)
                    stream.events += 1
            return await stream.finish()
        except StreamOver:
            return await stream.finish()
        except ConnectionError:
            return stream.response
        finally:
            self.streams -= 1


async def _turns() -> None:
    """Let the loop turn as often as it takes from `accept` to `connection_made`, or from `abort` to a closed socket."""
    for _ in range(4):
        await asyncio.sleep(0)


def _verb(method: str, target: Target | None, query: dict[str, str]) -> str:
    if target is None:
        return "discover"
    if method in {"GET", "HEAD"} and query.get("watch") in {"true", "1"}:
        return "watch"
    if method in {"GET", "HEAD"} and not target.name:
        return "list"
    return _VERBS.get(method, method.lower())


def _socket(port: int) -> socket.socket:
    """Return a bound socket; the one that never listens keeps the port for the one that does."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with contextlib.suppress(AttributeError):
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((_HOST, port))
    return bound
