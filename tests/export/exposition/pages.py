"""Pages of a store, written by the renderer and read back by the parsers of prometheus-client."""

import asyncio
import gzip
from collections.abc import Iterable

from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from backup_sentinel.export.exposition import Format, Page, Renderer
from backup_sentinel.export.store import Scope, Store
from backup_sentinel.model import Outcome, Record, Repository
from export.store.world import DAY, MONDAY, World, key, location, restore, run, schedule, volume

Sample = tuple[str, tuple[tuple[str, str], ...], float]


def nothing(form: Format) -> bytes:
    """Stand for a process that tells nothing of itself."""
    return b""


def touch(store: Store) -> None:
    """Mark everything as changed."""
    for known in store.installations():
        for scope, subject in known.subjects():
            store.marks.add(scope, subject)
    for feed in store.feeds:
        store.marks.add(Scope.RESOURCE, feed)
    for cluster in store.clusters:
        store.marks.add(Scope.CLUSTER, cluster)


def page(store: Store, form: Format = Format.TEXT) -> Page:
    """Return the page of a store in a format, as a renderer writes it that has just begun."""

    async def compose() -> Page:
        store.tick()
        touch(store)
        renderer = Renderer(store, nothing)
        await renderer.update()
        return await renderer.page(form)

    made = asyncio.run(compose())
    assert gzip.decompress(made.gzip) == made.plain
    return made


def text(store: Store, form: Format = Format.TEXT) -> str:
    return page(store, form).plain.decode()


def families(body: str, form: Format) -> list[Metric]:
    parse = parse_openmetrics if form is Format.OPENMETRICS else parse_text
    return list(parse(body))


def samples(metrics: Iterable[Metric]) -> list[Sample]:
    """Return all samples, labels sorted and without those that are empty: they mean the same as none."""
    return sorted(
        (sample.name, tuple(sorted((n, v) for n, v in sample.labels.items() if v)), float(sample.value))
        for metric in metrics
        for sample in metric.samples
    )


HOSTILE = [
    "", " ", "plain", '"', "\\", "\n", '\\"', "\\n", "a\nb\\", "{}", 'x="y"', ",", "#", "# EOF", "\r", "\t", "ü", "日本", "\u2028",
    "🎉", "\ud800!", "\x00", "\x7f",
]  # fmt: skip
NAMES = st.sampled_from(HOSTILE) | st.text(max_size=5, alphabet=st.characters(exclude_categories=["Cs"]))
OUTCOMES = st.sampled_from(sorted(Outcome))
NUMBERS = st.none() | st.floats(0, 1e18) | st.integers(0, 2**60)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Draw any record, with names that break careless writers."""
    of = key(draw(NAMES), cluster=draw(NAMES), namespace=draw(NAMES), target=draw(NAMES))
    what = draw(st.sampled_from(["run", "run", "schedule", "location", "repository", "volume", "restore"]))
    name, created = draw(NAMES.filter(bool)), MONDAY + draw(st.integers(0, 9)) * DAY
    one = run(
        created,
        draw(OUTCOMES),
        of=of,
        name=name,
        size=draw(NUMBERS),
        items=draw(NUMBERS),
        location=draw(NAMES),
    )
    match what:
        case "schedule":
            cron = draw(st.sampled_from(["0 3 * * *", *HOSTILE]))
            return schedule(cron, of=of, name=name, timezone=draw(st.none() | NAMES), location=draw(NAMES))
        case "location":
            return location(name, cluster=of.cluster, namespace=of.namespace, provider=draw(NAMES))
        case "repository":
            return Repository(
                cluster=of.cluster, operator="velero", namespace=of.namespace, name=name, ready=True
            )
        case "volume":
            return volume(one, target_namespace=draw(NAMES), size=draw(NUMBERS))
        case "restore":
            return restore(created, name, cluster=of.cluster, namespace=of.namespace, name="r")
    return one


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a store with anything in it."""
    world = World()
    for record in draw(st.lists(records(), max_size=8)):
        world.put(record)
        if draw(st.booleans()):
            world.now += DAY
    return world
