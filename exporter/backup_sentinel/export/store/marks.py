"""Which subjects have changed since they were last shown."""

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

    def add(self, scope: Scope, key: Hashable) -> None:
        """Mark a subject as changed."""
        self._keys[scope].add(key)

    def stream(self, key: ScheduleKey) -> None:
        """Mark a stream as changed, and what is added up over its namespace."""
        self._keys[Scope.STREAM].add(key)
        self._keys[Scope.NAMESPACE].add(_namespace(key))

    def take(self, scope: Scope) -> set[Hashable]:
        """Return the changed subjects of a scope and forget them."""
        keys, self._keys[scope] = self._keys[scope], set()
        return keys

    def __bool__(self) -> bool:
        return any(self._keys.values())
