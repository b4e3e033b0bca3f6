"""Which incidents are due, to whom, and what follows once they were told."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from backup_sentinel.export.store import Store
from backup_sentinel.model import ScheduleKey

from .gathering import ended, gather
from .incident import Incident, slot
from .looking import reading
from .record import LIFE, Record, identity, name_of
from .settings import Change, NotifySettings
from .wording import remembered, told

OVERLAP = 600.0
"""Seconds that two looks have in common: clocks of clusters differ, and operators write the end of a run late."""
MOST_OPEN = 10
"""Runs of one stream whose end is told, the newest."""


class Desk:
    """Decides about one look. `record` is what was told so far; it changes only by `settle` and `finish`."""

    def __init__(self, settings: NotifySettings, record: Record, now: float) -> None:
        self.record = record
        self.incidents: list[Incident] = []
        self._settings = settings
        self._now = now
        self._slots: dict[str, str] = {}
        """Slots of open incidents that are over, by the name of what is told of that."""
        self._earlier: dict[str, list[str]] = {}
        """Ids of the record by the names of incidents."""
        self._siblings: dict[tuple[Change, ScheduleKey], list[str]] = {}
        """Slots of open incidents by what they are about."""

    def look(self, store: Store, titles: Mapping[str, str]) -> None:
        """Find out what may be told. The store was brought up to date; `titles` are what people call the clusters.

        Clusters that are still being read for the first time are left to the next look.
        """
        now, record = self._now, self.record
        for cluster in store.clusters:
            # One that does not answer is owed what a first look would have told.
            if record.looked.get(cluster, now + 1) > now:  # or the clock was set back
                record.looked[cluster] = now - self._settings.lookback_seconds + OVERLAP
        for cluster in [name for name in record.looked if name not in store.clusters]:
            if now - record.looked[cluster] > LIFE:
                del record.looked[cluster]
        early = reading(store)
        since = {cluster: self._since(cluster) for cluster in store.clusters if cluster not in early}
        found = list(gather(store, now, since))
        for known in (*record.sent, *record.partly):
            self._earlier.setdefault(name_of(known), []).append(known)
        for place, incident in list(ended(store, record.open, now)):
            if incident is None or Change.RECOVERED not in self._settings.states or self._told(incident):
                del record.open[place]
                continue
            self._slots[incident.name] = place
            found.append(incident)
        self.incidents = [
            msgspec.structs.replace(one, title=titles.get(one.key.cluster, ""))
            for one in found
            if one.told is not None or one.change in self._settings.states
        ]
        record.prune(now, (one.name for one in self.incidents))
        for place, one in record.open.items():
            self._siblings.setdefault((one.change, one.key), []).append(place)

    def due(self, channel: str) -> list[Incident]:
        """Return what a channel has not been told, or not today."""
        return [one for one in self.incidents if self._due(one, channel)]

    def settle(self, incidents: Iterable[Incident], taken: Collection[str], everybody: Iterable[str]) -> None:
        """Note that channels have been told of incidents, or did not want to hear of them.

        Of `everybody`, those who have not, and to whom it is due, are still to be told.
        """
        names = tuple(everybody)
        for incident in incidents:
            missing = [name for name in names if name not in taken and self._due(incident, name)]
            self.record.mark(self._identity(incident), taken, self._now, everybody=not missing)
            if incident.told is not None:
                if not missing:
                    self.record.open.pop(self._slots[incident.name], None)
            elif incident.over is None and incident.key.schedule and taken:
                self._keep(incident)

    def finish(self, clusters: Iterable[str], began: float) -> None:
        """Note that these clusters were read completely by a look that began then, and that all of it was told."""
        for cluster in clusters:
            self.record.looked[cluster] = max(began, self.record.looked.get(cluster, began))

    def _since(self, cluster: str) -> float:
        usual = self._now - self._settings.lookback_seconds
        return min(usual, max(self.record.looked[cluster] - OVERLAP, self._now - LIFE))

    def _keep(self, incident: Incident) -> None:
        """Keep what was told until it is over; of very many runs of one stream the newest."""
        opened, place = self.record.open, slot(incident)
        opened[place] = known = msgspec.structs.replace(remembered(told(incident)), at=self._now)
        siblings = self._siblings.setdefault((known.change, known.key), [])
        siblings[:] = sorted({place, *siblings} & opened.keys(), key=lambda one: opened[one].starts_at)
        while len(siblings) > MOST_OPEN:
            del opened[siblings.pop(0)]

    def _told(self, incident: Incident) -> bool:
        """Tell whether every channel has it, as another process may have noted."""
        known = self._earlier.get(incident.name, ())
        return any(self.record.finished(identity, incident.begun) for identity in known)

    def _due(self, incident: Incident, channel: str) -> bool:
        record, begun = self.record, incident.begun
        if record.has(self._identity(incident), channel, begun):
            return False
        if not any(record.has(known, channel, begun) for known in self._earlier.get(incident.name, ())):
            return True
        if self._settings.repeat == "never" or incident.over is not None:
            return False
        return incident.lasts or incident.at >= self._now - self._settings.lookback_seconds

    def _identity(self, incident: Incident) -> str:
        return identity(incident.name, self._now)
