"""Routes of the exporter."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from backup_sentinel import __version__
from backup_sentinel.export.exposition import Renderer, negotiate, wants_gzip
from backup_sentinel.export.overview import survey
from backup_sentinel.export.store import Store

from .page import render

Post = Callable[[dict[str, str]], Awaitable[dict[str, Any]]]
"""A command by POST: the query's parameters in, what happened out. Raises ValueError for a bad parameter."""


class Source(Protocol):
    """Where answers come from. `titles` are what people call the clusters."""

    store: Store
    renderer: Renderer
    titles: dict[str, str]


class Site:
    """Answers about the source of the moment. `posts` are extra commands by path."""

    def __init__(
        self, source: Callable[[], Source], now: Callable[[], float], *, posts: dict[str, Post] | None = None
    ) -> None:
        self._source = source
        self._now = now
        self._posts = posts or {}

    def application(self) -> Starlette:
        """Return the routes."""
        site = Starlette(
            routes=[
                Route("/metrics", self.metrics),
                Route("/-/healthy", self.healthy),
                Route("/-/ready", self.ready),
                Route("/api/v1/schedules", self.schedules),
                Route("/", self.index),
                *(Route(path, self._command, methods=["POST"]) for path in self._posts),
            ]
        )
        site.router.redirect_slashes = False  # a redirect would lead to whatever host the client names
        return site

    async def metrics(self, request: Request) -> Response:
        """Serve the exposition, ready made."""
        form = negotiate(request.headers.get("accept", ""))
        page = await self._source().renderer.page(form)
        headers = {"Content-Type": form.content_type, "Vary": "Accept, Accept-Encoding"}
        if wants_gzip(request.headers.get("accept-encoding", "")):
            return Response(page.gzip, headers={**headers, "Content-Encoding": "gzip"})
        return Response(page.plain, headers=headers)

    async def healthy(self, _: Request) -> Response:
        """Say that the event loop turns; whether clusters answer is no matter for a restart."""
        return PlainTextResponse("Backup Sentinel is healthy.\n")

    async def ready(self, _: Request) -> Response:
        """Say whether every resource that can be reached has been listed once, and `/metrics` shows it."""
        source = self._source()
        waiting = source.store.waiting()
        if not waiting and source.renderer.completed.is_set():
            return PlainTextResponse("Backup Sentinel is ready.\n")
        names = "".join(f"{key.cluster or 'cluster'}: {key.resource}\n" for key in waiting[:20])
        return PlainTextResponse(f"Waiting for the first list of {len(waiting)} resources:\n{names}", 503)

    async def schedules(self, _: Request) -> Response:
        """Serve the overview as JSON."""
        body = msgspec.json.encode(survey(self._source().store, self._now(), __version__))
        return Response(body, media_type="application/json")

    async def index(self, _: Request) -> Response:
        """Serve the overview as a page."""
        source = self._source()
        overview = survey(source.store, self._now(), __version__)
        # Beside the loop: with thousands of schedules it takes longer than anybody may wait for a health check.
        html = await asyncio.to_thread(render, overview, dict(source.titles), tuple(self._posts))
        return Response(html, media_type="text/html", headers=SHIELD)

    async def _command(self, request: Request) -> Response:
        try:
            return JSONResponse(await self._posts[request.url.path](dict(request.query_params)))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)


SHIELD = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Headers of pages: no script runs, whatever name an object has."""
