"""Which subjects have changed since they were last shown, and in which clusters something that is saved may have."""

from collections.abc import Hashable
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from backup_sentinel.model import ScheduleKey


class Scope(StrEnum):
    """Kinds of subjects that are shown, with a set of families each."""

    STREAM = "stream"
    LOCATION = "location"
    REPOSITORY = "repository"
    NAMESPACE = "namespace"
    RESOURCE = "resource"
    CLUSTER = "cluster"


class NamespaceKey(NamedTuple):
    """One namespace of backup resources."""

    cluster: str
    operator: str
    namespace: str


@lru_cache(1 << 14)
def _namespace(key: ScheduleKey) -> NamespaceKey:
    return NamespaceKey(key.cluster, key.operator, key.namespace)


class Marks:
    """Sets of keys by scope; taken, and thereby emptied, by whoever shows the subjects."""

    def __init__(self) -> None:
        self._keys: dict[Scope, set[Hashable]] = {scope: set() for scope in Scope}
        self._changes: dict[str, int] = {}

    def add(self, scope: Scope, key: Hashable) -> None:
        """Mark a subject as changed."""
        self._keys[scope].add(key)

    def stream(self, key: ScheduleKey) -> None:
        """Mark a stream as changed, what is added up over its namespace, and what is saved of its cluster."""
        self._keys[Scope.STREAM].add(key)
        self._keys[Scope.NAMESPACE].add(_namespace(key))
        self.lasting(key.cluster)

    def lasting(self, cluster: str) -> None:
        """Something that outlives the process may have changed in a cluster."""
        self._changes[cluster] = self._changes.get(cluster, 0) + 1

    def changes(self, cluster: str) -> int:
        """Return a number that is another one whenever what is saved of the cluster has become different."""
        return self._changes.get(cluster, 0)

    def forget(self, cluster: str) -> None:
        """A cluster is not watched any more; its number begins again at 0."""
        self._changes.pop(cluster, None)

    def take(self, scope: Scope) -> set[Hashable]:
        """Return the changed subjects of a scope and forget them."""
        keys, self._keys[scope] = self._keys[scope], set()
        return keys

    def __bool__(self) -> bool:
        return any(self._keys.values())
