"""Routes of the exporter."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from backup_sentinel.export.exposition import negotiate, wants_gzip

from . import openapi
from .api import Api, refuse
from .pages import Pages
from .source import Source, View

Post = Callable[[dict[str, str]], Awaitable[dict[str, Any]]]
"""A command by POST: the query's parameters in, what happened out. Raises ValueError for a bad parameter."""


class Site:
    """Answers about the source of the moment. `posts` are extra commands by path."""

    def __init__(
        self, source: Callable[[], Source], now: Callable[[], float], *, posts: dict[str, Post] | None = None
    ) -> None:
        self._source = source
        self._posts = posts or {}
        view = View(source, now)
        self._pages = Pages(view, commands=tuple(self._posts))
        self._api = Api(view)

    def application(self) -> Starlette:
        """Return the routes."""
        site = Starlette(
            routes=[
                Route("/metrics", self.metrics),
                Route("/-/healthy", self.healthy),
                Route("/-/ready", self.ready),
                *self._pages.routes(),
                *(Route(path, self._command, methods=["POST"]) for path in self._posts),
                *self._api.routes(),
                openapi.route(),
            ],
            exception_handlers={HTTPException: self._refuse},
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

    async def _command(self, request: Request) -> Response:
        try:
            return JSONResponse(await self._posts[request.url.path](dict(request.query_params)))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    async def _refuse(self, request: Request, error: Exception) -> Response:
        """Answer what no route takes, in the language of who asks."""
        assert isinstance(error, HTTPException)
        sentence = {404: "There is nothing here.", 405: "This is only there to be read (GET)."}.get(
            error.status_code, f"{error.detail}."
        )
        if request.url.path.startswith("/api/"):
            answer = refuse(error.status_code, sentence)
        else:
            answer = self._pages.refuse(request, error.status_code, sentence)
        answer.headers.update(error.headers or {})
        return answer
