"""The rights a cluster must grant: get, list and watch on what the profiles read, and nothing else."""

from collections.abc import Sequence
from typing import Any

import yaml

from backup_sentinel.export.profile import Profile

NAME = "backup-sentinel"
VERBS = ("get", "list", "watch")


def rules(profiles: Sequence[Profile]) -> list[dict[str, Any]]:
    """Return the rules of a ClusterRole or Role, one for each API group."""
    groups: dict[str, set[str]] = {}
    for profile in profiles:
        for resource in profile.resources:
            groups.setdefault(resource.type.group, set()).add(resource.type.plural)
    return [
        {"apiGroups": [group], "resources": sorted(plurals), "verbs": list(VERBS)}
        for group, plurals in sorted(groups.items())
    ]


def manifests(
    profiles: Sequence[Profile], *, namespace: str, namespaces: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return service account, role and binding; with `namespaces` a Role in each of them instead of a ClusterRole."""
    labels = {"app.kubernetes.io/name": NAME}
    account: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": NAME, "namespace": namespace, "labels": labels},
    }
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": namespace}
    made = [account]
    for place in namespaces or (None,):
        metadata = {"name": NAME, **({"namespace": place} if place else {}), "labels": labels}
        kind = "Role" if place else "ClusterRole"
        api = "rbac.authorization.k8s.io"
        made += [
            {"apiVersion": f"{api}/v1", "kind": kind, "metadata": metadata, "rules": rules(profiles)},
            {
                "apiVersion": f"{api}/v1",
                "kind": f"{kind}Binding",
                "metadata": metadata,
                "roleRef": {"apiGroup": api, "kind": kind, "name": NAME},
                "subjects": [subject],
            },
        ]
    return made


def text(profiles: Sequence[Profile], *, namespace: str = NAME, namespaces: Sequence[str] = ()) -> str:
    """Return the manifests as YAML documents."""
    made = manifests(profiles, namespace=namespace, namespaces=namespaces)
    return "---\n".join(yaml.safe_dump(manifest, sort_keys=False) for manifest in made)
