"""What a connection to one cluster needs, kept fresh while tokens, plugins and certificates are renewed."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from urllib.parse import urlsplit

import msgspec

from backup_sentinel.clock import Clock
from backup_sentinel.errors import AccessError

from . import credentials as source
from . import proxy, tls
from .bearer import TokenFile
from .credentials import Credentials
from .settings import ClusterSettings

Load = Callable[[ClusterSettings], Awaitable[Credentials]]

# Seconds before their end at which credentials are renewed, and the least time between two loads:
# a plugin is a process, and a server that refuses everybody must not start one for each request.
EARLY = 60.0
PAUSE = 30.0


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """How one request gets to its server: base URL without slash at the end, headers that prove who we are."""

    url: str
    headers: dict[str, str]
    tls: ssl.SSLContext
    server_name: str | None
    proxy: str | None
    kind: str

    def __repr__(self) -> str:
        return f"Route({self.kind} to {self.url!r})"


class Access:
    """Address and credentials of one cluster; loaded on first use, so that a broken cluster stops no other.

    `loading` limits how many clusters load at once; share one between all that come from kubeconfigs.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        clock: Clock,
        *,
        load: Load = source.load,
        loading: asyncio.Semaphore | None = None,
    ) -> None:
        self.title = settings.title
        self._settings = settings
        self._clock = clock
        self._load = load
        self._loading = loading or nullcontext()
        self._lock = asyncio.Lock()
        self._credentials: Credentials | None = None
        self._token: TokenFile | None = None
        self._tls: ssl.SSLContext | None = None
        self._proxy: str | None = None
        self._loaded = float("-inf")
        self._complaint = ""

    def __repr__(self) -> str:
        return f"Access({self.title!r})"

    async def route(self) -> Route:
        """Return the way for the next request. Raises AccessError."""
        held = self._credentials
        if held is None or self._due(held):
            async with self._lock:
                held = self._credentials
                if held is None:
                    if self._complaint and self._clock.now() - self._loaded < PAUSE:
                        raise AccessError(self._complaint)
                    held = await self._reload()
                elif self._due(held):
                    held = await self._renew(held)
        return self._route(held)

    async def refresh(self, stale: Route) -> bool:
        """Load again after the server refused `stale`; tell whether there is something else to try now.

        Raises AccessError.
        """
        async with self._lock:
            if self._credentials and self._differs(self._route(self._credentials), stale):
                return True
            if self._clock.now() - self._loaded < PAUSE:
                return False
            return self._differs(self._route(await self._reload()), stale)

    def _due(self, held: Credentials) -> bool:
        now = self._clock.now()
        return held.expires is not None and now >= held.expires - EARLY and now - self._loaded >= PAUSE

    async def _renew(self, held: Credentials) -> Credentials:
        try:
            return await self._reload()
        except AccessError:
            if held.expires is None or self._clock.now() >= held.expires:
                raise
            return held

    async def _reload(self) -> Credentials:
        self._loaded = self._clock.now()
        try:
            async with self._loading:
                found = await self._load(self._settings)
            self._adopt(found)
        except AccessError as error:
            self._complaint = str(error)
            raise
        self._complaint = ""
        return found

    def _adopt(self, found: Credentials) -> None:
        held = self._credentials
        way = found.proxy or proxy.find(found.server)
        if way is not None and urlsplit(way).scheme not in {"http", "https"}:
            raise AccessError(
                f"proxies of the kind {urlsplit(way).scheme}:// are not supported, only http and https"
            )
        if not (found.authorization or "").isprintable():
            raise AccessError(f"the {found.kind} for {found.server} holds a line break")
        if self._tls is None or held is None or _trust(held) != _trust(found):
            self._tls = tls.context(found)
        if held is None or held.token_file != found.token_file:
            self._token = TokenFile(found.token_file) if found.token_file else None
        self._proxy = way
        self._credentials = found

    def _route(self, held: Credentials) -> Route:
        assert self._tls is not None
        authorization = f"Bearer {self._token.read()}" if self._token else held.authorization
        return Route(
            url=held.server.rstrip("/"),
            headers={"Authorization": authorization} if authorization else {},
            tls=self._tls,
            server_name=held.server_name,
            proxy=self._proxy,
            kind=held.kind,
        )

    @staticmethod
    def _differs(route: Route, stale: Route) -> bool:
        return (route.url, route.headers) != (stale.url, stale.headers) or route.tls is not stale.tls


def _trust(held: Credentials) -> tuple[object, ...]:
    return held.ca, held.certificate, held.key, held.insecure
