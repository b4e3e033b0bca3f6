"""Which collection of objects is meant, and where it stands in the URL space of an API server.

https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from typing import NamedTuple

import msgspec


class Selector(NamedTuple):
    """Which objects are asked for: a label selector (`a=b,c`) and a field selector (`type=Warning`), applied by the server."""

    labels: str = ""
    fields: str = ""


class ResourceType(msgspec.Struct, frozen=True):
    """A kind of object by group and plural; `versions` in order of preference, `group` "" for the core API.

    It is of interest only where `beside` is served too.
    """

    group: str
    versions: tuple[str, ...]
    plural: str
    namespaced: bool = True
    beside: "ResourceType | None" = None

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def root(self, version: str) -> str:
        """Return the path under which a group and version lists what it serves."""
        return f"/apis/{self.group}/{version}" if self.group else f"/api/{version}"

    def path(self, version: str, namespace: str | None = None) -> str:
        """Return the path of the collection, of one namespace or of all."""
        root = self.root(version)
        if namespace is None or not self.namespaced:
            return f"{root}/{self.plural}"
        return f"{root}/namespaces/{namespace}/{self.plural}"


class Served(msgspec.Struct, frozen=True):
    """How a cluster serves a resource type: the chosen version, its path over all namespaces, kind and verbs."""

    type: ResourceType
    version: str
    kind: str
    verbs: frozenset[str]

    @property
    def watchable(self) -> bool:
        """Whether the resource knows `watch`; aggregated APIs often do not."""
        return "watch" in self.verbs

    def path(self, namespace: str | None = None) -> str:
        """Return the path of the collection, of one namespace or of all."""
        return self.type.path(self.version, namespace)
