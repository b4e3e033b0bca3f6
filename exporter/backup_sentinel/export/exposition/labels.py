"""Label blocks: which labels a subject has, and how they are written.

Both formats escape label values alike: backslash, double quote and line feed.
"""

from functools import lru_cache

import msgspec

from backup_sentinel.export.store import ClusterFacts, Feed, NamespaceFacts, Place, Scope, Stream
from backup_sentinel.model import Repository

from .family import Family, Labels

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

NAMES: dict[Scope, tuple[str, ...]] = {
    Scope.STREAM: ("cluster", "operator", "resource_namespace", "schedule", "action", "target", "location"),
    Scope.LOCATION: ("cluster", "operator", "resource_namespace", "location"),
    Scope.REPOSITORY: ("cluster", "operator", "resource_namespace", "repository"),
    Scope.NAMESPACE: ("cluster", "operator", "resource_namespace"),
    Scope.RESOURCE: ("cluster", "operator", "resource", "scope"),
    Scope.CLUSTER: ("cluster",),
}
"""Labels of each kind of subject, in the order in which they are written."""

_KEPT_WHEN_EMPTY = frozenset({"schedule"})


def names(family: Family) -> tuple[str, ...]:
    """Return the labels that a family's samples may have."""
    return (*NAMES[family.scope], *family.extra)


def identify(subject: object) -> Labels:
    """Return the labels of a subject; those that would be empty are left out (but for ad-hoc runs' schedule)."""
    scope, values = _values(subject)
    return tuple(
        (name, value)
        for name, value in zip(NAMES[scope], values, strict=True)
        if value or name in _KEPT_WHEN_EMPTY
    )


def _values(subject: object) -> tuple[Scope, tuple[str, ...]]:
    match subject:
        case Stream(key=key):
            return Scope.STREAM, (*msgspec.structs.astuple(key), subject.location or "")
        case Place(key=key):
            return Scope.LOCATION, tuple(key)
        case Repository():
            return Scope.REPOSITORY, (subject.cluster, subject.operator, subject.namespace, subject.name)
        case NamespaceFacts(key=key):
            return Scope.NAMESPACE, tuple(key)
        case Feed(key=key):
            return Scope.RESOURCE, tuple(key)
        case ClusterFacts():
            return Scope.CLUSTER, (subject.cluster,)
    raise TypeError(f"not a subject: {type(subject).__name__}")


@lru_cache(4096)  # most blocks name an outcome or a namespace, or have not changed since the last time
def write(labels: Labels) -> str:
    """Return labels as they stand between the braces."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in labels)


@lru_cache(4096)
def escape(value: str) -> str:
    """Return a label value as both formats write it; lone surrogates, which UTF-8 cannot carry, are replaced."""
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode("utf-8")
    return value.translate(_ESCAPES)
