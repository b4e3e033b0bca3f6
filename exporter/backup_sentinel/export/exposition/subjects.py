"""What families are about, in one word each."""

from backup_sentinel.export.store import Scope

STREAM, LOCATION, REPOSITORY = Scope.STREAM, Scope.LOCATION, Scope.REPOSITORY
NAMESPACE, RESOURCE, CLUSTER = Scope.NAMESPACE, Scope.RESOURCE, Scope.CLUSTER

__all__ = ["CLUSTER", "LOCATION", "NAMESPACE", "REPOSITORY", "RESOURCE", "STREAM"]
