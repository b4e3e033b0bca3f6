"""From clusters, and what can be read of each, to rows."""

from collections import Counter
from collections.abc import Iterable, Iterator

from backup_sentinel.cause.message import tell
from backup_sentinel.export.store import Feed

from .choice import EVERYTHING, Choice
from .lens import Lens
from .sight import ClusterRow, ResourceRow
from .state import State
from .verdicts import Verdict

GONE = "no longer served"
"""What is said of a resource that the API server knew before."""


def tell_clusters(
    lens: Lens, verdicts: Iterable[Verdict], choice: Choice = EVERYTHING, *, full: bool = True
) -> Iterator[ClusterRow]:
    """Tell of the clusters, whose streams were judged; unless `full` only of resources that cannot be read.

    The iterator may be left and taken up again while the store changes.
    """
    states: dict[str, Counter[State]] = {}
    for verdict in verdicts:
        states.setdefault(verdict.key.cluster, Counter())[verdict.state] += 1
    for name, facts in sorted(lens.store.clusters.items()):
        if name not in choice.labels.get("cluster", (name,)):
            continue
        feeds = [feed for known in lens.store.installations(name) for feed in known.feeds]
        counts = states.get(name, Counter())
        yield ClusterRow(
            cluster=name,
            title=lens.title(name),
            up=facts.up,
            last_contact=max(
                (feed.last_contact for feed in feeds if feed.last_contact is not None), default=None
            ),
            clock_skew=facts.clock_skew,
            states={state: counts[state] for state in State},
            operators=tuple(sorted({feed.key.operator for feed in feeds if feed.synced or feed.up})),
            waiting=sum(not (feed.synced or feed.missing or feed.up is False) for feed in feeds),
            resources=tuple(_resource(feed) for feed in feeds if full or feed.up is False),
        )


def _resource(feed: Feed) -> ResourceRow:
    return ResourceRow(
        operator=feed.key.operator,
        resource=feed.key.resource,
        scope=feed.key.scope,
        up=feed.up,
        served=not feed.missing,
        listed=feed.synced,
        objects=len(feed),
        last_contact=feed.last_contact,
        error=(tell(str(feed.error)) if feed.error else GONE) if feed.up is False else None,
    )
