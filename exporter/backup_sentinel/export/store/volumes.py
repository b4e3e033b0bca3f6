"""Volume data by the run that moved it."""

from collections.abc import Iterable

import msgspec

from backup_sentinel.model import Outcome, Run, Volume

from .memory import RunName
from .stream import VolumeSum

LOST = frozenset({Outcome.FAILED, Outcome.CANCELLED})
"""Outcomes after which the data of a volume is not in the backup."""

VolumeKey = tuple[str, str, str, str, str]
"""Cluster, operator, action, namespace and name of a run."""


class Volumes(msgspec.Struct):
    """The volume objects of one operator. What one told of a run holds as long as the run exists."""

    by_run: dict[VolumeKey, dict[RunName, Volume]] = msgspec.field(default_factory=dict)
    gone: dict[VolumeKey, set[RunName]] = msgspec.field(default_factory=dict)

    def put(self, volume: Volume) -> None:
        """Take in a new or changed volume object."""
        name = (volume.namespace, volume.name)
        self.by_run.setdefault(_key(volume), {})[name] = volume
        self.gone.get(_key(volume), set()).discard(name)

    def drop(self, volume: Volume, *, keep: bool) -> None:
        """Take out a volume object that is gone; `keep` says that its run still exists."""
        name = (volume.namespace, volume.name)
        if keep:
            self.gone.setdefault(_key(volume), set()).add(name)
        else:
            self._forget(_key(volume), name)

    def release(self, run: Run) -> None:
        """The run is gone, and with it what is known of volumes whose objects went before."""
        for name in self.gone.pop(_run_key(run), ()):
            self._forget(_run_key(run), name)

    def _forget(self, key: VolumeKey, name: RunName) -> None:
        held = self.by_run.get(key, {})
        held.pop(name, None)
        if not held:
            self.by_run.pop(key, None)

    def of(self, run: Run) -> Iterable[Volume]:
        """Return the volumes of a run."""
        return self.by_run.get(_run_key(run), {}).values()

    def lost(self, run: Run) -> int:
        """Return how many volumes of a run have no data in it."""
        return sum(volume.outcome in LOST for volume in self.of(run))

    def size(self, run: Run) -> float | None:
        """Return the bytes of all volumes of a run; None if none tells."""
        if not self.by_run:
            return None
        sizes = [volume.size for volume in self.of(run) if volume.size is not None]
        return sum(sizes) if sizes else None

    def sums(self, run: Run) -> tuple[VolumeSum, ...]:
        """Return the volumes of a run, added up by target namespace."""
        namespaces: dict[str, list[Volume]] = {}
        for volume in self.of(run):
            namespaces.setdefault(volume.target_namespace or "", []).append(volume)
        return tuple(
            VolumeSum(
                target_namespace=namespace,
                size=sum(v.size for v in volumes if v.size is not None)
                if any(v.size is not None for v in volumes)
                else None,
                failures=sum(v.outcome in LOST for v in volumes),
            )
            for namespace, volumes in sorted(namespaces.items())
        )


def _run_key(run: Run) -> VolumeKey:
    return run.key.cluster, run.key.operator, run.key.action, run.namespace, run.name


def _key(volume: Volume) -> VolumeKey:
    return volume.cluster, volume.operator, volume.action, volume.namespace, volume.run
