"""One message: which of its alerts are about runs that failed, and what each kind of trace says about them."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from backup_sentinel.errors import ApiError, EnrichmentError, SentinelError
from backup_sentinel.relay.backups import ClusterSource, Detail, Look, Seen, Wish, tell_of, wish_of
from backup_sentinel.relay.finding import AlertFinding, Finding, ItemError, read
from backup_sentinel.relay.message import Alert, Message, Status
from backup_sentinel.relay.reach import Cluster, ClusterSettings, Reach
from backup_sentinel.relay.velero import (
    OPERATOR,
    TARGETS,
    ResultsSettings,
    explain,
    fetch,
    open_egress,
    read_results,
)

from .events import read_events

MANY = 5
"""Alerts of one message whose runs are looked into; the others are told as they came."""
MANY_ITEMS = 20
"""Items of a results file that are told."""
_BAD = frozenset({"failed", "partial"})

T = TypeVar("T")


class Case(NamedTuple):
    """An alert, what it is about, what is known of its run, and whether nobody has told that before."""

    alert: Alert
    wish: Wish
    known: AlertFinding
    fresh: bool


class Notes:
    """What could not be found out, and whether asking again may help."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}
        self.again = False

    def add(self, *texts: str, again: bool = True) -> None:
        """Note sentences."""
        self.texts.update(dict.fromkeys(texts))
        self.again |= again and bool(texts)

    async def take(self, question: Awaitable[T], instead: T) -> T:
        """Return an answer, or something else where there is none, with a note."""
        try:
            return await question
        except ApiError as error:
            self.add(explain(error, "read the Events of the run", "events"))
        except SentinelError as error:
            self.add(str(error))
        return instead


class RootCause:
    """Looks into the runs of alerts, at each kind of trace by itself: one that is not there hides no other."""

    def __init__(
        self,
        clusters: Sequence[ClusterSettings],
        look: Look,
        *,
        patience: float,
        events: bool,
        results: ResultsSettings | None,
    ) -> None:
        self._source = ClusterSource(clusters, look)
        self._reach = Reach(clusters)
        self._patience = patience
        self._wants_events = events
        self._results = results
        self._egress = open_egress(results) if results is not None else None

    async def find(self, message: Message, facts: Mapping[str, Any]) -> Finding | None:
        """Return what went wrong in the runs of alerts that fire."""
        notes = Notes()
        cases = await self._cases(message, facts, notes)
        told = await asyncio.gather(*(self._look_into(case, notes) for case in cases))
        found = {
            case.alert.fingerprint: finding
            for case, finding in zip(cases, told, strict=True)
            if finding != AlertFinding()
        }
        if not found and not notes.texts:
            return None
        return Finding(alerts=found, notes=tuple(notes.texts), failed=notes.again)

    async def close(self) -> None:
        """Close every connection."""
        await self._reach.close()
        if self._egress is not None:
            await self._egress.close()

    async def _cases(self, message: Message, facts: Mapping[str, Any], notes: Notes) -> list[Case]:
        """Return alerts about runs that went wrong; who was asked before may know them, else the cluster does."""
        known = _known(facts)
        wanted = [
            (alert, wish)
            for alert in message.alerts
            if alert.status is Status.FIRING and (wish := wish_of(alert)) is not None and not wish.location
        ][:MANY]
        unknown = [(alert, wish) for alert, wish in wanted if _is_open(known.get(alert.fingerprint))]
        details = await self._see([wish for _, wish in unknown], notes)
        fresh = {
            alert.fingerprint: msgspec.structs.replace(tell_of(detail, wish.run), parts=())
            for (alert, wish), detail in zip(unknown, details, strict=True)
            if detail is not None
        }
        cases = []
        for alert, wish in wanted:
            about = fresh.get(alert.fingerprint) or known.get(alert.fingerprint)
            if about is None:  # the name of a run is enough for its Events and its file
                about = AlertFinding(run=wish.run or None)
            if about.outcome in _BAD or (about.outcome is None and about.run):
                cases.append(Case(alert, wish, about, alert.fingerprint in fresh))
        return cases

    async def _see(self, wishes: Sequence[Wish], notes: Notes) -> Sequence[Detail | None]:
        if not wishes:
            return ()
        seen = await notes.take(self._source.see(wishes, self._patience / 2), Seen([None] * len(wishes)))
        notes.add(*seen.notes)
        return seen.details

    async def _look_into(self, case: Case, notes: Notes) -> AlertFinding:
        told = case.known if case.fresh else AlertFinding()
        run = case.known.run
        if not run:
            return told
        namespace = case.known.run_namespace or case.wish.stream["resource_namespace"]
        try:
            cluster = self._reach.cluster(case.wish.stream["cluster"])
        except EnrichmentError as error:
            notes.add(str(error))
            return told
        events, items = await asyncio.gather(
            notes.take(self._events(cluster, namespace, run), ()),
            notes.take(self._items(cluster, namespace, run, case.wish, notes), ()),
        )
        return msgspec.structs.replace(told, events=events, failed_items=items)

    async def _events(self, cluster: Cluster, namespace: str, run: str) -> tuple[str, ...]:
        return await read_events(cluster, namespace, run) if self._wants_events else ()

    async def _items(
        self, cluster: Cluster, namespace: str, run: str, wish: Wish, notes: Notes
    ) -> tuple[ItemError, ...]:
        target = TARGETS.get(wish.stream["action"]) if wish.stream["operator"] == OPERATOR else None
        if self._egress is None or self._results is None or target is None:
            return ()
        body = await fetch(cluster, self._egress, self._results, namespace, target, run)
        items, total = await asyncio.to_thread(read_results, body, MANY_ITEMS)
        if total > len(items):
            notes.add(f"{total - len(items)} more errors stand in the results file of {run}", again=False)
        return items


def _known(facts: Mapping[str, Any]) -> dict[str, AlertFinding]:
    """Return what earlier stages know of alerts whose run they found."""
    return {
        fingerprint: alert
        for finding in read(facts).values()
        for fingerprint, alert in finding.alerts.items()
        if alert.run
    }


def _is_open(known: AlertFinding | None) -> bool:
    """Tell whether the cluster should be looked at: nothing is known, or a run went wrong and nobody says why.

    An exporter knows the volumes, and keeps their texts from those who may not read them.
    """
    if known is None:
        return True
    told = known.error or any(volume.error for volume in known.failed_volumes)
    return known.outcome in _BAD and not told
