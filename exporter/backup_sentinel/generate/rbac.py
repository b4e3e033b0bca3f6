"""The rights a cluster must grant: get and list on what the profiles read, watch where they do not poll, nothing else."""

from collections.abc import Sequence
from typing import Any

import yaml

from backup_sentinel.export.profile import Profile

NAME = "backup-sentinel"


def rules(profiles: Sequence[Profile]) -> list[dict[str, Any]]:
    """Return the rules of a ClusterRole or Role, one for each API group and set of verbs."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for profile in profiles:
        for resource in profile.resources:
            verbs.setdefault((resource.type.group, resource.type.plural), set()).update(resource.type.verbs)
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, plural), rights in verbs.items():
        groups.setdefault((group, tuple(sorted(rights))), []).append(plural)
    return [
        {"apiGroups": [group], "resources": sorted(plurals), "verbs": list(rights)}
        for (group, rights), plurals in sorted(groups.items())
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
