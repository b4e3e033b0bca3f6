"""CustomResourceDefinitions for what a profile reads, open to any field: the operator's own are another project's."""

from __future__ import annotations

from typing import Any

from backup_sentinel.export.profile import Profile
from backup_sentinel.export.profile.reader import ResourceType


def definitions(profile: Profile) -> dict[str, dict[str, Any]]:
    """Return a definition for each resource of a profile, by `plural.group`."""
    return {resource.name: _definition(resource.type) for resource in profile.resources}


def _definition(resource: ResourceType) -> dict[str, Any]:
    names = {"plural": resource.plural, "singular": resource.kind.lower(), "kind": resource.kind}
    opened = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "names": names,
            "versions": [
                {"name": version, "served": True, "storage": index == 0, "schema": opened}
                for index, version in enumerate(resource.versions)
            ],
        },
    }
