"""From rows to HTML: templates, and what they need to say things. Nothing that is not ours gets out unescaped."""

import base64
import hashlib
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from backup_sentinel import __version__
from backup_sentinel.export.overview import LABELS, Lens, Mark, RunRow, ScheduleRow, Steps, words
from backup_sentinel.model import BARREN, Outcome

_STYLE = files(__package__).joinpath("templates/style.css").read_text("utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
"""No script runs and no other style counts, whatever name an object has."""

SIGNS = {
    Outcome.SUCCEEDED: "✓",
    Outcome.PARTIAL: "!",
    Outcome.FAILED: "✕",
    Outcome.RUNNING: "▸",
    Outcome.PENDING: "…",
}
"""What stands for an outcome beside its colour; the others have a dash."""


def render(template: str, lens: Lens, **values: Any) -> Steps[str]:
    """Return a page; written in small steps, each at most a row of a table."""
    parts = []
    for part in (
        _environment()
        .get_template(template)
        .generate(
            lens=lens,
            now=lens.now,
            version=__version__,
            style=Markup(_STYLE),  # noqa: S704 - our own file
            when=lambda at: words.when(at, lens.now),
            owed=lambda at: words.owed(at, lens.now),
            title=lens.title,
            **values,
        )
    ):
        parts.append(part)
        yield
    return "".join(parts)


def link(page: str, /, **parameters: str | None) -> str:
    """Return the address of a page relative to any other; names of objects may be anything."""
    query = "&".join(
        f"{name}={quote(value, safe='', errors='replace')}"
        for name, value in parameters.items()
        if value is not None
    )
    return f"{page}?{query}" if query else page


def link_schedule(row: ScheduleRow | RunRow) -> str:
    """Return the address of a schedule's page."""
    return link("schedule", **_labels(row))


def link_run(row: ScheduleRow | RunRow, name: str, namespace: str | None = None) -> str:
    """Return the address of a run's page."""
    return link("run", **_labels(row), name=name, namespace=namespace)


def _labels(row: ScheduleRow | RunRow) -> dict[str, str]:
    return {name: value for name in LABELS if (value := getattr(row, name)) or name != "target"}


def summary(marks: tuple[Mark, ...]) -> str:
    """Return the last runs in words, for those who do not see the strip."""
    if not marks:
        return "no run is known"
    counts = Counter(mark.outcome for mark in marks)
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    noun = "run" if len(marks) == 1 else "runs"
    return f"last {len(marks)} {noun}: {told}; the newest {marks[-1].outcome}"


def _shown(value: Any) -> Any:
    """Make any text harmless on its way out; what is HTML already is ours."""
    return (
        words.plain(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("backup_sentinel.export.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        instant=words.instant,
        iso=words.iso,
        size=words.size,
        span=words.span,
        number=words.number,
        few=words.few,
    )
    environment.globals.update(
        link=link, link_schedule=link_schedule, link_run=link_run, summary=summary, signs=SIGNS, barren=BARREN
    )
    return environment
