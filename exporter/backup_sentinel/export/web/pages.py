"""The pages for people, who may have no JavaScript and a small screen."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from backup_sentinel import __version__
from backup_sentinel.export.overview import (
    LABELS,
    MANY_VOLUMES,
    Choice,
    ChoiceError,
    Lens,
    Overview,
    State,
    at_once,
    by_turns,
    find_locations,
    find_repositories,
    find_runs,
    is_restorable,
    restores,
    streams,
    survey,
    tell_detail,
    tell_locations,
    tell_repositories,
    tell_run,
    verdicts,
    wanted,
)

from .page import POLICY, render
from .source import SHIELD, View

ROWS = 100
"""Schedules on one page."""

PLACES = 500
"""Locations, and repositories, on their page."""

CARDS = 12
"""Clusters on the first page."""

REFRESH = 30
"""Seconds after which a page that is asked to refresh itself does so; it does not by itself."""

_NEEDS_A_LOOK = frozenset({State.CRITICAL, State.WARNING})
_FORM = ("page", "refresh")


class Pages:
    """Shows what a view shows. `commands` are paths that take a POST."""

    def __init__(self, view: View, *, commands: tuple[str, ...] = ()) -> None:
        self._view = view
        self._commands = commands

    def routes(self) -> Iterable[Route]:
        """Return one route for each page."""
        yield Route("/", self.index)
        yield Route("/schedule", self.schedule)
        yield Route("/run", self.run)
        yield Route("/locations", self.locations)
        yield Route("/clusters", self.clusters)

    async def index(self, request: Request) -> Response:
        """Show all schedules that are asked for, the worst first."""
        lens = self._view.lens(request)
        parameters = given(request)
        try:
            choice = Choice.parse(parameters, ignore=_FORM)
        except ChoiceError as error:
            return self.refuse(request, 400, f"{error}.")
        page = _page(request)
        overview = await by_turns(survey(lens, __version__, choice, offset=(page - 1) * ROWS, limit=ROWS))
        clusters = sorted(overview.clusters, key=lambda row: (row.state is State.OK, row.cluster))
        return await self._show(
            lens,
            "status.html",
            here="Restores" if choice.one("action") == "restore" else "Schedules",
            overview=overview,
            clusters=clusters[:CARDS],
            more_clusters=len(clusters) - CARDS,
            bad=_bad(overview, choice),
            problems=[row for row in overview.schedules if row.state in _NEEDS_A_LOOK],
            quiet=[row for row in overview.schedules if row.state not in _NEEDS_A_LOOK],
            values=_values(lens),
            chosen=dict(parameters),
            choice=[(name, value) for name, value in parameters if name not in _FORM],
            filtered=any(name not in _FORM for name, _ in parameters),
            waiting=lens.waiting(),
            page=page,
            pages=max(1, -(-overview.total // ROWS)),
            refresh=REFRESH if request.query_params.get("refresh") else None,
            commands=self._commands,
        )

    async def schedule(self, request: Request) -> Response:
        """Show one schedule and its runs."""
        lens, choice = self._view.lens(request), _exactly(request)
        found = wanted(verdicts(lens, choice), choice)
        if len(found) != 1:
            return self.refuse(request, 404, "There is no such schedule any more, or there never was.")
        return await self._show(lens, "schedule.html", here="", detail=tell_detail(lens, found[0]))

    async def run(self, request: Request) -> Response:
        """Show one run."""
        lens, query = self._view.lens(request), request.query_params
        found = list(find_runs(lens, _exactly(request), query.get("namespace"), query.get("name", "")))
        if len(found) != 1:
            return self.refuse(request, 404, "There is no such run any more, or there never was.")
        [(known, run)] = found
        return await self._show(
            lens,
            "run.html",
            here="",
            run=(row := tell_run(lens, known, run, volumes=MANY_VOLUMES)),
            restorable=is_restorable(lens, row),
            restores=[tell_run(lens, known, restore, volumes=0) for restore in restores(known, run)],
        )

    async def locations(self, request: Request) -> Response:
        """Show storage locations and repositories."""
        lens = self._view.lens(request)
        return await self._show(
            lens,
            "locations.html",
            here="Locations",
            locations=tell_locations(lens, (locations := find_locations(lens))[:PLACES]),
            repositories=tell_repositories(lens, (repositories := find_repositories(lens))[:PLACES]),
            more=max(0, len(locations) - PLACES) + max(0, len(repositories) - PLACES),
        )

    async def clusters(self, request: Request) -> Response:
        """Show what can be read of each cluster."""
        lens = self._view.lens(request)
        overview = await by_turns(survey(lens, __version__, limit=0, full=True))
        return await self._show(lens, "clusters.html", here="Clusters", clusters=overview.clusters)

    def refuse(self, request: Request, status: int, sentence: str) -> Response:
        """Show why there is nothing to show."""
        if request.url.path.count("/") > 1:  # links are relative to the root
            return PlainTextResponse(f"{sentence}\n", status, headers=SHIELD)
        lens, phrase = self._view.lens(request), HTTPStatus(status).phrase
        html = at_once(render("refusal.html", lens, status=phrase, sentence=sentence, here=""))
        return _html(html, status)

    async def _show(self, lens: Lens, template: str, **values: Any) -> Response:
        # Not in a thread: there it would hold the interpreter for longer at a time than the loop should wait.
        return _html(await by_turns(render(template, lens, **values)))


def given(request: Request) -> list[tuple[str, str]]:
    """Return the parameters of a form; fields that were left empty ask for nothing."""
    return [(name, value) for name, value in request.query_params.multi_items() if value]


def _exactly(request: Request) -> Choice:
    """Return the choice of the one stream whose labels are given; those left out are empty."""
    query = request.query_params
    return Choice(labels={name: frozenset({query.get(name, "")}) for name in LABELS})


def _page(request: Request) -> int:
    text = request.query_params.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _bad(overview: Overview, choice: Choice) -> int | None:
    """Return how many of what is asked for need a look, where that can be told from what was counted."""
    if choice.states:
        return overview.total if choice.states <= _NEEDS_A_LOOK else None
    counts = (cluster.states[state] for cluster in overview.clusters for state in _NEEDS_A_LOOK)
    return None if choice.outcomes else sum(counts)


def _values(lens: Lens) -> dict[str, list[str]]:
    """Return what can be chosen of some labels."""
    found: dict[str, set[str]] = {"cluster": set(), "operator": set(), "action": set()}
    for _, stream in streams(lens):
        for name, values in found.items():
            values.add(getattr(stream.key, name))
    return {name: sorted(values - {""}) for name, values in found.items()}


def _html(text: str, status: int = 200) -> Response:
    headers = {**SHIELD, "Content-Security-Policy": POLICY}
    return Response(text, status, media_type="text/html", headers=headers)
