"""What a simulated cluster can serve: resource types, and the reading of request paths."""

import msgspec

JsonObject = dict[str, object]

# Groups with a dot that are compiled into the API server; every other group with a dot holds custom resources.
_BUILT_IN = frozenset(
    f"{name}.k8s.io"
    for name in (
        *("admissionregistration", "apiextensions", "apiregistration", "authentication", "authorization"),
        *("certificates", "coordination", "discovery", "events", "networking", "node", "rbac.authorization"),
        *("scheduling", "storage"),
    )
)


class ResourceType(msgspec.Struct, frozen=True):
    """One resource of one API version; `group` is "" for the core group.

    `status_subresource` says that writes of the main resource leave `status` alone and that only a write to
    `/status` changes it. `selectable_fields` are those that field selectors know beside name and namespace.
    `polled` says that an API server of the operator's own answers, which can neither watch nor page and gives lists
    no version (https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/).
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    status_subresource: bool = False
    selectable_fields: tuple[str, ...] = ()
    polled: bool = False

    @property
    def name(self) -> str:
        """Return `plural.group`, or `plural` in the core group: how rules of access name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """Return `group/version`, or `version` in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def custom(self) -> bool:
        """Return whether a CustomResourceDefinition stands behind it; such objects are written with sorted keys."""
        return "." in self.group and self.group not in _BUILT_IN

    @property
    def path(self) -> str:
        """Return the path that lists it in all namespaces."""
        return (
            f"/apis/{self.api_version}/{self.plural}" if self.group else f"/api/{self.version}/{self.plural}"
        )


NAMESPACES = ResourceType("", "v1", "namespaces", "Namespace", namespaced=False, short_names=("ns",))
CONFIG_MAPS = ResourceType("", "v1", "configmaps", "ConfigMap", short_names=("cm",))
SECRETS = ResourceType("", "v1", "secrets", "Secret")
EVENTS = ResourceType(
    "", "v1", "events", "Event", short_names=("ev",),
    selectable_fields=("involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "reason", "type"),
)  # fmt: skip
CORE = (NAMESPACES, CONFIG_MAPS, SECRETS, EVENTS)


class Target(msgspec.Struct, frozen=True):
    """What the path of a request names; `name` is "" for a collection, `namespace` "" for all of them."""

    group: str
    version: str
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse_path(path: str) -> Target | None:
    """Return what a path below `/api` or `/apis` names; None where it cannot name a resource."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] != "status":
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3 or not all(rest):
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    return Target(group, version, plural, namespace, name, subresource)
