"""Discovery: which groups, versions and resources a simulated cluster serves, and its version."""

from .cluster import SimulatedCluster
from .resources import JsonObject, ResourceType

_VERBS = ["delete", "get", "list", "patch", "create", "update", "watch"]


def discover(cluster: SimulatedCluster, path: str) -> JsonObject | str | None:
    """Return the answer to a path that names no object: an object, a plain text, or None for 404."""
    parts = path.strip("/").split("/")
    if parts[0] in {"healthz", "livez", "readyz"}:
        return "ok"
    if parts == ["version"]:
        return _version(cluster.version)
    if parts == ["api"]:
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if parts == ["apis"]:
        names = dict.fromkeys(kind.group for kind in cluster.types if kind.group)
        groups = [_group(cluster, name) for name in names]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    if parts[0] == "apis" and len(parts) == 2 and any(kind.group == parts[1] for kind in cluster.types):
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(cluster, parts[1])}
    if (parts[0] == "apis" and len(parts) == 3) or (parts[0] == "api" and len(parts) == 2):
        return _resources(cluster, "/".join(parts[1:]))
    return None


def _group(cluster: SimulatedCluster, name: str) -> JsonObject:
    versions = dict.fromkeys(kind.version for kind in cluster.types if kind.group == name)
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resources(cluster: SimulatedCluster, group_version: str) -> JsonObject | None:
    kinds = [kind for kind in cluster.types if kind.api_version == group_version]
    if not kinds:
        return None
    entries = [entry for kind in kinds for entry in _entries(kind)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": entries,
    }


def _entries(kind: ResourceType) -> list[JsonObject]:
    entry: JsonObject = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": [verb for verb in _VERBS if verb != "watch"] if kind.polled else _VERBS,
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if not kind.status_subresource:
        return [entry]
    status = {
        **entry,
        "name": f"{kind.plural}/status",
        "singularName": "",
        "verbs": ["get", "patch", "update"],
    }
    return [entry, status]


def _version(version: str) -> JsonObject:
    major, minor, *_ = version.lstrip("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": version,
        "gitCommit": "0" * 40,
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.25.4",
        "compiler": "gc",
        "platform": "linux/amd64",
    }
