"""What was asked of a simulated API server: a bounded log that tests can search and wait on."""

import asyncio
from collections import deque

import msgspec


class Request(msgspec.Struct):
    """One request; `verb` is a verb of Kubernetes access rules, or `discover` for everything without a resource.

    `resource` is `plural.group`; `status` is None while no answer has begun.
    """

    verb: str
    path: str
    resource: str = ""
    namespace: str = ""
    name: str = ""
    query: dict[str, str] = {}
    user_agent: str = ""
    user: str = ""
    status: int | None = None


class Journal:
    """The newest requests, oldest first; `limit` bounds how many are kept."""

    def __init__(self, limit: int = 20_000) -> None:
        self._requests: deque[Request] = deque(maxlen=limit)
        self._news: asyncio.Event = asyncio.Event()

    def add(self, request: Request) -> None:
        """Write down a request."""
        self._requests.append(request)
        self._news.set()

    def clear(self) -> None:
        """Forget everything so far."""
        self._requests.clear()

    def find(self, verb: str = "", resource: str = "") -> list[Request]:
        """Return the requests of a verb and a resource (`plural` or `plural.group`); "" stands for any."""
        return [
            request
            for request in self._requests
            if (not verb or request.verb == verb)
            and (not resource or resource in {request.resource, request.resource.partition(".")[0]})
        ]

    async def wait(
        self, verb: str = "", resource: str = "", *, count: int = 1, seconds: float = 10
    ) -> list[Request]:
        """Wait until at least `count` such requests have come and return them; TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            while len(found := self.find(verb, resource)) < count:
                self._news.clear()
                await self._news.wait()
        return found
