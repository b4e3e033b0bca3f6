"""HTTP with one API server: bytes of answers, lines of streams, and errors that say what to do."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import aiohttp
import msgspec

from backup_sentinel import __version__
from backup_sentinel.clock import Clock
from backup_sentinel.errors import AccessError, ApiError, OutageReason

from . import failure
from .access import Access, Route
from .lines import Lines

with suppress(ImportError):  # an extra, thrice as fast
    from isal import isal_zlib

    aiohttp.set_zlib_backend(isal_zlib)

MAX_BODY = 256 << 20
MAX_COMPLAINT = 64 << 10

# The API server indents its answers for User-Agents that begin with curl or Mozilla.
_HEADERS = {
    "User-Agent": f"backup-sentinel/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}

Params = Mapping[str, str]


class Question(msgspec.Struct, frozen=True):
    """One request; `read_timeout` is the longest silence in seconds."""

    method: str
    path: str
    read_timeout: float
    params: Params | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = {}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Client:
    """The connections to one cluster. Close it, or use it with `async with`.

    `clock_skew` is the server's clock minus ours in seconds, to about one second; None before the first answer.
    `connect_timeout` (seconds) covers name, connection and TLS, each.
    """

    def __init__(self, access: Access, clock: Clock, *, connect_timeout: float = 10.0) -> None:
        self.cluster = access.title
        self.clock_skew: float | None = None
        self._access = access
        self._clock = clock
        self._connect_timeout = connect_timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, params: Params | None = None, *, read_timeout: float = 60.0) -> bytes:
        """Return the JSON body of an answer that came whole; `read_timeout` is the longest silence in seconds.

        Raises ApiError for everything else.
        """
        question = Question("GET", path, read_timeout, params=params)
        async with self._exchange(question) as response:
            return await self._read(response, question)

    async def send(
        self,
        method: str,
        path: str,
        body: bytes,
        *,
        content_type: str = "application/json",
        read_timeout: float = 30.0,
    ) -> bytes:
        """Create, replace, patch or delete; return the body of the answer. Raises ApiError."""
        question = Question(method, path, read_timeout, body=body, headers={"Content-Type": content_type})
        async with self._exchange(question) as response:
            return await self._read(response, question)

    @asynccontextmanager
    async def stream(
        self, path: str, params: Params | None = None, *, read_timeout: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an answer that comes line by line; leaving the block closes the connection.

        The lines keep their newline. After `read_timeout` seconds of silence the connection is taken for
        dead: a half-open one looks like a quiet cluster. Raises ApiError, also while iterating.
        """
        # API servers never compress a watch, and what stands in between must not start to.
        question = Question("GET", path, read_timeout, params=params, headers={"Accept-Encoding": "identity"})
        async with self._exchange(question) as response:
            yield Lines(response.content, str(question))

    @asynccontextmanager
    async def _exchange(self, question: Question) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            response, route = await self._answer(question)
        except AccessError as error:
            raise ApiError(f"{question}: {error}", reason=OutageReason.CREDENTIALS) from error
        try:
            self._compare(response)
            await self._check(response, route, question)
            yield response
        finally:
            response.close()

    async def _answer(self, question: Question) -> tuple[aiohttp.ClientResponse, Route]:
        """Ask, and once more if the server or we refused and other credentials are at hand by now."""
        route = await self._access.route()
        try:
            response = await self._ask(question, route)
        except ApiError as error:
            if error.reason is not OutageReason.TLS or not await self._access.refresh(route):
                raise
        else:
            if response.status != 401:
                return response, route
            try:
                if not await self._access.refresh(route):
                    return response, route
            except BaseException:
                response.close()
                raise
            response.close()
        route = await self._access.route()
        return await self._ask(question, route), route

    async def _ask(self, question: Question, route: Route) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_HEADERS,
            )
        try:
            return await self._session.request(
                question.method,
                route.url + question.path,
                params=question.params,
                data=question.body,
                headers={**question.headers, **route.headers},
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    connect=2 * self._connect_timeout,
                    sock_connect=self._connect_timeout,
                    sock_read=question.read_timeout,
                ),
                allow_redirects=False,
                ssl=route.tls,
                server_hostname=route.server_name,
                proxy=route.proxy,
            )
        except failure.TRANSPORT as error:
            raise failure.from_transport(error, str(question)) from error

    def _compare(self, response: aiohttp.ClientResponse) -> None:
        try:
            date = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return
        # The header has whole seconds, cut off: on average half a second is missing.
        self.clock_skew = date.timestamp() + 0.5 - self._clock.now()

    async def _check(self, response: aiohttp.ClientResponse, route: Route, question: Question) -> None:
        if 200 <= response.status < 300:
            if "json" not in response.content_type:
                raise ApiError(
                    f"{question}: the answer is {response.content_type}, not JSON; is there a proxy in between?",
                    reason=OutageReason.BAD_ANSWER,
                    status=response.status,
                )
            return
        body = await self._read(response, question)
        raise failure.from_response(
            response.status,
            response.headers,
            body,
            what=str(question),
            cluster=self.cluster,
            kind=route.kind,
            now=self._clock.now(),
        )

    async def _read(self, response: aiohttp.ClientResponse, question: Question) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            async for part in response.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > MAX_COMPLAINT and response.status >= 300:
                    break
                if size > MAX_BODY:
                    raise ApiError(
                        f"{question}: the answer is larger than {MAX_BODY} bytes",
                        reason=OutageReason.BAD_ANSWER,
                    )
        except failure.TRANSPORT as error:
            raise failure.from_transport(error, str(question)) from error
        return b"".join(parts)
