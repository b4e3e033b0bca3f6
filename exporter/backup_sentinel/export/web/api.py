"""The API: what the pages show, as JSON. One table of endpoints makes the routes, and `openapi` their description."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backup_sentinel import __version__
from backup_sentinel.export.overview import (
    MANY_VOLUMES,
    Choice,
    ChoiceError,
    ClusterList,
    Lens,
    Overview,
    PlaceList,
    RunList,
    RunRow,
    ScheduleDetail,
    by_turns,
    find_locations,
    find_repositories,
    find_runs,
    survey,
    tell_detail,
    tell_locations,
    tell_repositories,
    tell_run,
    tell_runs,
    verdicts,
    wanted,
)

from .source import SHIELD, View

LIMIT, MOST = 200, 1000
"""How many rows an answer has unless told, and at most."""

DEEPEST = 10_000
"""Beyond so many runs nobody leafs; narrower filters are quicker."""

PREFIX = "/api/v1"


class Refusal(msgspec.Struct):
    """Why there is no answer, in one sentence."""

    error: str


class RefusalError(Exception):
    """A request that cannot be answered; `status` is that of HTTP."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Endpoint(NamedTuple):
    """One path below `PREFIX`: what it takes, and what it answers with."""

    path: str
    summary: str
    takes: tuple[str, ...]
    gives: type[msgspec.Struct]
    refuses: tuple[int, ...]
    answer: Callable[["Api", Lens, Request], Awaitable[msgspec.Struct]]


def refuse(status: int, sentence: str) -> Response:
    """Return a refusal as JSON."""
    return _json(Refusal(error=sentence), status)


class Api:
    """Answers about what a view shows."""

    def __init__(self, view: View) -> None:
        self._view = view

    def routes(self) -> Iterable[Route]:
        """Return one route for each endpoint."""
        for endpoint in ENDPOINTS:
            yield Route(PREFIX + endpoint.path, self._route(endpoint))

    def _route(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            try:
                return _json(await endpoint.answer(self, self._view.lens(request), request))
            except ChoiceError as error:
                return refuse(400, f"{error}.")
            except RefusalError as error:
                return refuse(error.status, str(error))

        return respond

    async def schedules(self, lens: Lens, request: Request) -> Overview:
        """Answer `/schedules`."""
        choice = Choice.parse(request.query_params.multi_items(), ignore=_PAGING)
        offset, limit = _paging(request)
        return await by_turns(survey(lens, __version__, choice, offset=offset, limit=limit))

    async def schedule(self, lens: Lens, request: Request) -> ScheduleDetail:
        """Answer `/schedule`."""
        choice = Choice.parse(request.query_params.multi_items())
        found = wanted(verdicts(lens, choice), choice)
        if not found:
            raise RefusalError(404, "There is no such schedule.")
        if len(found) > 1:
            raise RefusalError(
                409, f"{len(found)} schedules match; give more of their labels, or ask {PREFIX}/schedules."
            )
        return tell_detail(lens, found[0])

    async def runs(self, lens: Lens, request: Request) -> RunList:
        """Answer `/runs`."""
        choice = Choice.parse(request.query_params.multi_items(), ignore=_PAGING)
        offset, limit = _paging(request)
        if offset + limit > DEEPEST:
            raise RefusalError(
                400, f"Only the newest {DEEPEST} runs can be leafed through; filter more narrowly."
            )
        return await by_turns(tell_runs(lens, choice, offset=offset, limit=limit))

    async def run(self, lens: Lens, request: Request) -> RunRow:
        """Answer `/run`."""
        choice = Choice.parse(request.query_params.multi_items(), ignore=("name", "namespace"))
        name = request.query_params.get("name")
        if not name:
            raise RefusalError(400, "The parameter `name` is missing: it is the name of the run's object.")
        found = list(find_runs(lens, choice, request.query_params.get("namespace"), name))
        if not found:
            raise RefusalError(404, "There is no such run any more, or there never was.")
        if len(found) > 1:
            raise RefusalError(409, f"{len(found)} runs match; give more of their labels.")
        return tell_run(lens, *found[0], volumes=MANY_VOLUMES)

    async def locations(self, lens: Lens, request: Request) -> PlaceList:
        """Answer `/locations`."""
        choice = Choice.parse(request.query_params.multi_items(), ignore=_PAGING)
        offset, limit = _paging(request)
        locations, repositories = find_locations(lens, choice), find_repositories(lens, choice)
        return PlaceList(
            time=lens.now,
            offset=offset,
            locations_total=len(locations),
            repositories_total=len(repositories),
            locations=tell_locations(lens, locations[offset : offset + limit]),
            repositories=tell_repositories(lens, repositories[offset : offset + limit]),
        )

    async def clusters(self, lens: Lens, request: Request) -> ClusterList:
        """Answer `/clusters`."""
        choice = Choice.parse(request.query_params.multi_items(), ignore=_PAGING)
        offset, limit = _paging(request)
        found = (await by_turns(survey(lens, __version__, choice, limit=0, full=True))).clusters
        return ClusterList(
            time=lens.now, total=len(found), offset=offset, clusters=found[offset : offset + limit]
        )


_PAGING = ("limit", "offset")
_STREAM = ("cluster", "operator", "resource_namespace", "schedule", "action", "target")
_PLACE = _STREAM[:3]

ENDPOINTS = (
    Endpoint(
        "/schedules",
        "Clusters, storage that cannot be used, and schedules with their state, promises and newest runs, worst first.",
        (*_STREAM, "state", "outcome", "q", *_PAGING),
        Overview,
        (400,),
        Api.schedules,
    ),
    Endpoint(
        "/schedule",
        "The one schedule that has these labels, with its newest runs in full.",
        _STREAM,
        ScheduleDetail,
        (400, 404, 409),
        Api.schedule,
    ),
    Endpoint(
        "/runs",
        "Runs whose objects exist, newest first.",
        (*_STREAM, "outcome", "q", *_PAGING),
        RunList,
        (400,),
        Api.runs,
    ),
    Endpoint(
        "/run",
        "One run by the name of its object, with everything that is known of it.",
        ("name", "namespace", *_STREAM),
        RunRow,
        (400, 404, 409),
        Api.run,
    ),
    Endpoint(
        "/locations",
        "Storage locations and repositories, those with troubles first; `limit` and `offset` count in each list.",
        (*_PLACE, *_PAGING),
        PlaceList,
        (400,),
        Api.locations,
    ),
    Endpoint(
        "/clusters",
        "Clusters, whether they answer, and which of their resources can be read.",
        ("cluster", *_PAGING),
        ClusterList,
        (400,),
        Api.clusters,
    ),
)


def _json(value: msgspec.Struct, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json", headers=SHIELD)


def _paging(request: Request) -> tuple[int, int]:
    return _number(request, "offset", 0, 0, 1_000_000), _number(request, "limit", LIMIT, 1, MOST)


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    text: Any = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise RefusalError(400, f"The parameter `{name}` is a number from {least} to {most}.")
    return int(text)
