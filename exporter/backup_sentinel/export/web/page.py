"""The status page: server-rendered, without scripts, readable on a phone."""

from datetime import UTC, datetime
from functools import cache

import jinja2

from backup_sentinel.export.overview import ClusterRow, Overview, Row, State


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("backup_sentinel.export.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(instant=instant, size=size, span=span)
    return environment


def instant(at: float | None) -> str:
    """Return a time in UTC, to the minute."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") if at is not None else "—"


def span(seconds: float | None) -> str:
    """Return a duration in its two largest units, such as `3d 4h`."""
    if seconds is None:
        return "—"
    rest = int(abs(seconds))
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def size(count: float | None) -> str:
    """Return a number of bytes in binary units."""
    if count is None:
        return "—"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} PiB"


def when(at: float | None, now: float) -> str:
    """Return how long ago or ahead an instant is, for people."""
    if at is None:
        return "never"
    return f"{span(now - at)} ago" if at <= now else f"in {span(at - now)}"


def render(overview: Overview, titles: dict[str, str], commands: tuple[str, ...]) -> str:
    """Return the page. `titles` are what people call the clusters, `commands` paths that take a POST."""

    def title(row: Row | ClusterRow) -> str:
        return titles.get(row.cluster) or row.cluster or "this cluster"

    return (
        _environment()
        .get_template("status.html")
        .render(
            overview=overview,
            problems=[row for row in overview.schedules if row.state in {State.CRITICAL, State.WARNING}],
            quiet=[row for row in overview.schedules if row.state not in {State.CRITICAL, State.WARNING}],
            title=title,
            when=lambda at: when(at, overview.time),
            commands=commands,
        )
    )
