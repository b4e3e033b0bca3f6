"""The labelled Secrets of one namespace, kept as the changes of a reflector tell."""

from collections.abc import Callable

from backup_sentinel.kube.change import Change, Gone, Listed, Missing, Outage, Put
from backup_sentinel.model import Problem

from .labelled import Labelled
from .precedence import Candidate

Key = tuple[str, str]


class Shelf:
    """What is there now. An outage changes nothing, and a list only once it is complete.

    `candidate` makes a cluster of a usable Secret, or None where that fails; `refuse` is told of one that is not usable,
    once for each version of it; `drop` of one that has gone. `settled` turns true when the namespace has been read, or
    could not be.
    """

    def __init__(
        self,
        candidate: Callable[[Labelled], Candidate | None],
        refuse: Callable[[Labelled, Problem], None],
        drop: Callable[[Key], None],
    ) -> None:
        self.settled = False
        self._candidate = candidate
        self._refuse = refuse
        self._drop = drop
        self._held: dict[Key, tuple[str, Candidate]] = {}
        self._versions: dict[Key, tuple[str, str | None]] = {}
        self._listed: dict[Key, Labelled] = {}

    def candidates(self) -> list[Candidate]:
        """Return the clusters."""
        return [candidate for _, candidate in self._held.values()]

    def take(self, change: Change[Labelled]) -> bool:
        """Take a change in; tell whether the clusters may be others than before."""
        match change:
            case Listed(values=values, first=first, complete=complete):
                if first:
                    self._listed.clear()
                self._listed.update((secret.key, secret) for secret in values)
                if complete:
                    self._replace()
                return complete
            case Put(value=secret):
                self._put(secret)
                return True
            case Gone(value=secret):
                self._listed.pop(secret.key, None)
                self._remove(secret.key)
                return True
            case Outage() | Missing():
                self.settled = True
        return False

    def _replace(self) -> None:
        for key in self._versions.keys() - self._listed.keys():
            self._remove(key)
        for secret in self._listed.values():
            self._put(secret)
        self._listed.clear()
        self.settled = True

    def _put(self, secret: Labelled) -> None:
        version = (secret.uid, secret.version)
        if secret.version is not None and self._versions.get(secret.key) == version:
            return
        self._versions[secret.key] = version
        uid, _ = self._held.get(secret.key, (secret.uid, None))
        if uid != secret.uid:
            # Deleted and made anew while nobody looked: what the old one said is no longer true.
            self._remove(secret.key)
            self._versions[secret.key] = version
        if secret.problem is not None:
            self._refuse(secret, secret.problem)
            return
        candidate = self._candidate(secret)
        if candidate is not None:
            self._held[secret.key] = secret.uid, candidate

    def _remove(self, key: Key) -> None:
        self._versions.pop(key, None)
        if self._held.pop(key, None) is not None:
            self._drop(key)
