"""Requests to delete runs that ended with errors."""

from backup_sentinel.model import Deletion


class Deletions:
    """The failed ones of one operator in one cluster, by namespace."""

    def __init__(self) -> None:
        self._failed: dict[str, set[str]] = {}

    def enter(self, deletion: Deletion, *, failed: bool) -> None:
        """Take in a request as it is now; one that is gone has not failed."""
        names = self._failed.setdefault(deletion.namespace, set())
        if failed:
            names.add(deletion.name)
        else:
            names.discard(deletion.name)

    def failed(self, namespace: str) -> int:
        """Return how many failed in a namespace."""
        return len(self._failed.get(namespace, ()))

    @property
    def namespaces(self) -> list[str]:
        """The namespaces in which there are requests, or were."""
        return list(self._failed)
